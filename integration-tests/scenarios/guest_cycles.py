# SPDX-License-Identifier: Apache-2.0
"""A hundred guests created and destroyed leave nothing behind.

What could go wrong: a page, an event channel, a loop device, a bridge port, a xenstore node or a file
descriptor of a daemon that is not given back.
"""

from lib.check import check
from lib.holdings import check_same, settled_free_bytes, taken

HOST = {"cpus": 1}
DISK = "/var/lib/nether/cycles.img"


def check_cycles(host, count, cycle):
    """Runs cycle(number) count times, in batches; a leak takes memory with each of them.

    A batch or two may leave what is allocated once and kept: dom0's nested page tables grow with the most
    pages of guests that it has had mapped at one time.
    """
    number, batches, lost = 0, 4, []
    cycle(number)
    free, before = settled_free_bytes(host), taken(host)
    for _ in range(batches):
        for _ in range(count // batches):
            number += 1
            cycle(number)
        now = settled_free_bytes(host)
        lost.append((free - now) >> 10)
        free = now
    check(min(lost) <= 0 and sum(lost) <= 256, f"KiB lost in each batch of {count // batches} cycles: {lost}")
    check_same(before, taken(host))
    return f"{number} cycles, {free >> 20} MiB free, {sum(lost)} KiB less than before"


def test_hundred_cycles(host):
    """A guest that only halts, with a disk and a network interface that it never uses."""
    host.wait_agent()
    host.shell(f"cp /var/lib/nether/images/disk.img {DISK}")
    kernel = host.push_guest_kernel("idle")

    def cycle(number):
        guest = host.create_guest(f"cycle-{number}", memory_mib=128, disk=DISK, kernel=kernel)
        check(guest.state() == "running", f"the guest is {guest.state()}")
        guest.delete()

    return check_cycles(host, 100, cycle)


def test_linux_destroyed_while_it_works(host):
    """Linux, destroyed with its devices connected and its disk being written."""
    host.wait_agent()
    host.shell(f"cp /var/lib/nether/images/disk.img {DISK}")

    def cycle(number):
        guest = host.create_guest(f"busy-{number}", memory_mib=128, disk=DISK)
        guest.wait_ready()
        guest.shell("(dd if=/dev/zero of=/data/fill bs=64k count=500 conv=fsync; dd if=/dev/xvda of=/dev/null bs=1M) "
                    ">/dev/null 2>&1 </dev/null &")
        guest.delete()

    return check_cycles(host, 8, cycle)
