# SPDX-License-Identifier: Apache-2.0
"""Guests of different sizes reach userspace with network, disk and console.

What could go wrong: memory maps that only work for one size; secondary vCPUs that never start; memory
that a small guest does not have; large pages that cover more than the guest owns.
"""

from lib.check import check

HOST = {"cpus": 1}


def boot_and_look(host, memory_mib, vcpus):
    host.wait_agent()
    disk = "/var/lib/nether/sizes.img"
    host.shell(f"cp /var/lib/nether/images/disk.img {disk}")
    guest = host.create_guest("sizes", memory_mib=memory_mib, vcpus=vcpus, disk=disk)
    guest.wait_ready()
    check("Hello from sizes" in guest.page(), "the guest does not serve its page")
    check("hello from the disk" in guest.page(), "the guest did not read its disk")
    check(guest.shell("nproc") == str(vcpus), f"the guest does not have {vcpus} vCPUs")
    total_mib = int(guest.shell("awk '/MemTotal/ {print $2}' /proc/meminfo")) // 1024
    check(memory_mib - 100 < total_mib <= memory_mib, f"the guest sees {total_mib} MiB")
    return f"first line after {guest.first_line_s:.1f} s, userspace after {guest.ready_s:.1f} s"


def test_128_mib(host):
    return boot_and_look(host, 128, 1)


def test_256_mib_two_vcpus(host):
    return boot_and_look(host, 256, 2)


def test_vcpus_come_and_go(host):
    """More vCPUs than the host has processors; some are taken off line in the guest, and come back."""
    host.wait_agent()
    guest = host.create_guest("eight", memory_mib=256, vcpus=8)
    guest.wait_ready()
    check(guest.shell("nproc") == "8", "the guest does not have 8 vCPUs")
    took = sum(guest.cycle_vcpu(number) for number in (3, 7))
    guest.shell("for n in 1 2 3 4 5 6 7; do echo 0 > /sys/devices/system/cpu/cpu$n/online || exit 1; done")
    check(guest.shell("nproc") == "1", "vCPUs are still on line")
    guest.shell("for n in 1 2 3 4 5 6 7; do echo 1 > /sys/devices/system/cpu/cpu$n/online || exit 1; done")
    check(guest.shell("nproc") == "8", "not all vCPUs are back")
    check("Hello from eight" in guest.page(), "the guest does not serve its page any more")
    return f"userspace after {guest.ready_s:.1f} s, four times down and up in {took:.1f} s"


def test_1_gib(host):
    return boot_and_look(host, 1024, 1)


def test_1_gib_two_vcpus(host):
    return boot_and_look(host, 1024, 2)
