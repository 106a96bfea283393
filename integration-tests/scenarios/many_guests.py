# SPDX-License-Identifier: Apache-2.0
"""Sixteen guests at once, and five hundred one after the other; afterwards the host is as it was.

What could go wrong: a table with room for fewer; a guest that starves behind others; events or pages of one that go
to another; a little of something that each guest leaves behind, which a host that runs for a year does not have.
"""

import time

from lib.check import check, wait_for
from lib.guest import Guest
from lib.holdings import check_same, resident_kib, settled_free_bytes, taken

HOST = {"cpus": 1}
LINUX = 4
SMALL = 12
CYCLES = 500
DISK = "/var/lib/nether/many-{}.img"


def small_guest(host, name, kernel):
    """A guest without devices that answers on its console (guests/answer)."""
    guest = Guest(host, name, memory_mib=32, kernel=kernel)
    guest.config.update(nics=[])
    del guest.config["initrd"]
    host.guests.append(guest)
    return guest


def make_disk(host, name):
    host.shell(f"cp /var/lib/nether/images/disk.img {DISK.format(name)}")


def give_devices(guest):
    """A disk and a network interface; the small guest leaves them alone."""
    guest.config["disks"] = [{"target": "xvda", "path": DISK.format("small")}]
    guest.config["nics"] = [{"bridge": "br0"}]


def start(guest):
    """Made and started in one request."""
    guest.asked_at = time.monotonic()
    guest.first_line_s = guest.ready_s = None
    guest.host.change("POST", "/domains?start=1", guest.config)


def ask(guest, question):
    """Types a line at a small guest; it says the line again."""
    status, text = guest.host.agent("POST", f"/domains/{guest.name}/console", f"{question}\n",
                                    {"Content-Type": "application/octet-stream"})
    check(status == 200, f"{guest.name} takes no input: {status} {text[:1000]}")
    wait_for(f"{guest.name} answers", lambda: f"answer: {question}\r\n" in guest.console(), 120)


def test_sixteen_at_once(host):
    host.wait_agent()
    kernel = host.push_guest_kernel("answer")
    first = small_guest(host, "first", kernel)
    make_disk(host, "small")
    give_devices(first)
    start(first)
    ask(first, "warm-up")
    first.delete()
    free, before = settled_free_bytes(host), taken(host)

    began = time.monotonic()
    linux, small = [], []
    for number in range(LINUX):
        make_disk(host, number)
        guest = Guest(host, f"linux-{number}", memory_mib=128, number=110 + number, disk=DISK.format(number))
        host.guests.append(guest)
        linux.append(guest)
    small = [small_guest(host, f"small-{number}", kernel) for number in range(SMALL)]
    for guest in linux + small:
        start(guest)
    for guest in linux:
        guest.wait_ready(timeout_s=600)
    for number, guest in enumerate(small):
        ask(guest, f"question {number}")
    took = time.monotonic() - began
    for number, guest in enumerate(linux):
        check(f"Hello from linux-{number}" in guest.page(), f"linux-{number} serves another page")
        guest.shell(f"ping -c 1 -W 60 10.77.0.{110 + (number + 1) % LINUX}")
        guest.shell("dd if=/dev/urandom of=/data/blob bs=64k count=16 conv=fsync 2>/dev/null")
    domains = host.request("GET", "/domains")["domains"]
    running = [d for d in domains if d["status"]["state"] == "DOMAIN_STATE_RUNNING" and d["managed"]]
    check(len(running) == LINUX + SMALL, f"{len(running)} guests run")
    for guest in linux + small:
        guest.delete()

    check_same(before, taken(host))
    lost = free - settled_free_bytes(host)
    # dom0's nested page tables have grown with what it had mapped of so many guests at one time, and stay
    check(lost <= 512 << 10, f"{lost >> 10} KiB of memory are lost")
    return (f"{LINUX} Linux and {SMALL} small guests, all answering after {took:.0f} s; "
            f"{lost >> 10} KiB less than before")


def test_five_hundred_cycles(host):
    """The small guest; each fifth has a disk and a network interface."""
    host.wait_agent()
    kernel = host.push_guest_kernel("answer")
    make_disk(host, "small")

    def cycle(number):
        guest = small_guest(host, f"cycle-{number}", kernel)
        if number % 5 == 0:
            give_devices(guest)
        start(guest)
        host.guests.remove(guest)
        host.change("DELETE", f"/domains/{guest.name}?force=1")

    cycle(0)
    free, before, resident = settled_free_bytes(host), taken(host), [resident_kib(host, "netherd")]
    began = time.monotonic()
    for number in range(1, CYCLES + 1):
        cycle(number)
        if number % (CYCLES // 5) == 0:
            resident.append(resident_kib(host, "netherd"))
    took = time.monotonic() - began

    check_same(before, taken(host))
    lost = free - settled_free_bytes(host)
    check(lost <= 64 << 10, f"{lost >> 10} KiB of memory are lost")
    # The first fifth makes what is made once: caches, threads' arenas
    check(resident[-1] - resident[1] <= 256, f"the agent's memory grows, in KiB: {resident}")
    return (f"{CYCLES} cycles in {took:.0f} s; {lost >> 10} KiB less than before; the agent's memory in KiB, "
            f"every {CYCLES // 5} cycles: {resident}")
