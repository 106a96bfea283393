# SPDX-License-Identifier: Apache-2.0
"""A hundred guests created and destroyed leave nothing behind.

What could go wrong: a page, an event channel, a loop device, a bridge port, a xenstore node or a file
descriptor of a daemon that is not given back.
"""

from lib.check import check, wait_for

HOST = {"cpus": 2}
CYCLES = 100


def left_behind(host):
    """What a guest uses, counted."""
    return {
        "loop devices": host.shell("losetup -a | wc -l"),
        "bridge ports": host.shell("ls /sys/class/net/br0/brif | wc -l"),
        "xenstore domains": host.shell("xenstore-list /local/domain | wc -l"),
        "agent's descriptors": host.shell("ls /proc/$(pidof netherd)/fd | wc -l"),
        "xenstore's descriptors": host.shell("ls /proc/$(pidof nether-stored)/fd | wc -l"),
    }


def cycle(host, number):
    disk = "/var/lib/nether/cycles.img"
    guest = host.create_guest(f"cycle-{number}", memory_mib=128, disk=disk)
    guest.delete()


def test_hundred_cycles(host):
    host.wait_agent()
    host.shell("cp /var/lib/nether/images/disk.img /var/lib/nether/cycles.img")
    cycle(host, 0)  # what is allocated once and kept is there after this one
    free, counts = host.free_memory_bytes(), left_behind(host)
    for number in range(1, CYCLES + 1):
        cycle(host, number)
    wait_for("free memory is back where it was", lambda: host.free_memory_bytes() == free, 30)
    after = left_behind(host)
    check(counts == after, f"before {counts}\nafter  {after}")
    return f"{CYCLES} cycles, {free >> 20} MiB free before and after"
