# SPDX-License-Identifier: Apache-2.0
"""32-bit guests use the host as 64-bit ones do, and beside them.

What could go wrong: a caller's structures are taken for 64-bit ones; its shared page has the wrong layout;
its page tables are walked wrongly; the hypercall page works in one mode only. (What the guest tries
stands in guests/compat32.)
"""

from lib.check import check, wait_for

HOST = {"cpus": 1}

MODES = ("no-paging", "two-level", "pae", "compatibility", "64-bit")


def start(host, name):
    return host.create_guest(name, memory_mib=64, kernel=host.push_guest_kernel("compat32"))


def wait_for_verdict(guest):
    def ended():
        return "compat32: done" in guest.console() or "compat32: failed" in guest.console()
    wait_for(f"{guest.name} has tried all", ended, 120)
    said = guest.console()
    missing = [mode for mode in MODES if f"compat32: {mode} ok" not in said]
    check(not missing and "compat32: done" in said, f"{guest.name} fails in {missing}; it says:\n{said}")


def test_every_mode(host):
    host.wait_agent()
    guest = start(host, "compat32")
    wait_for_verdict(guest)
    guest.wait_state("stopped")


def test_beside_a_64_bit_guest(host):
    """Neither disturbs the other: the 32-bit guest comes and goes while the other one works."""
    big = host.create_guest("wide", memory_mib=256, vcpus=1)
    big.wait_ready()
    for number in range(2):
        small = start(host, f"narrow-{number}")
        wait_for_verdict(small)
        small.delete()
    check(big.shell("uname -m") == "x86_64", "the 64-bit guest is not one")
    check("Hello from wide" in big.page(), "the 64-bit guest does not serve its page any more")
