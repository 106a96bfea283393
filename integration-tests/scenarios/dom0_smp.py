# SPDX-License-Identifier: Apache-2.0
"""dom0 with two vCPUs: both run, devices and network work on them, xenstore answers.

What could go wrong: the second vCPU does not come up or gets no timer; IPIs or MSIs reach the wrong
vCPU; the wall clocks of the vCPUs differ.
"""

from lib.check import check

HOST = {"cpus": 2}


def test_two_vcpus_work(host):
    check(host.shell("nproc") == "2", "dom0 does not have two vCPUs")
    host.shell("for cpu in 0 1; do taskset -c $cpu sh -c 'n=0; while [ $n -lt 20000 ]; do n=$((n+1)); done' & done; wait")
    used = [int(line.split()[1]) for line in host.shell("grep '^cpu[01]' /proc/stat").splitlines()]
    check(len(used) == 2 and all(used), f"a vCPU has done nothing: {used}")


def test_interrupts_reach_both(host):
    """Event channel upcalls (timer and IPIs come by them) are counted on each vCPU."""
    rows = [row.split() for row in host.shell("cat /proc/interrupts").splitlines()]
    upcalls = [row for row in rows if row[0] == "HYP:"]
    check(len(upcalls) == 1, f"no line of upcalls: {rows}")
    check(all(int(count) > 0 for count in upcalls[0][1:3]), f"no upcalls on a vCPU: {upcalls}")


def test_x2apic_and_events_for_ipis(host):
    """Linux finds x2APIC on, keeps it, and sends its IPIs by event channels."""
    check("Switched APIC routing to physical x2apic" in host.shell("dmesg"), "dom0 does not use x2APIC")
    rows = [row.split() for row in host.shell("cat /proc/interrupts").splitlines()]
    sent = sum(int(row[1]) + int(row[2]) for row in rows if row[-1].startswith(("resched", "callfunc")))
    check(sent > 0, "no IPI has come by an event channel")


def test_network(host):
    host.shell("ping -c 3 -W 5 10.0.2.2")


def test_clocks_agree(host):
    """The clock read alternately on both vCPUs never steps back."""
    text = host.shell("for i in $(seq 20); do for cpu in 0 1; do taskset -c $cpu cut -d' ' -f1 /proc/uptime; done; done")
    times = [float(t) for t in text.split()]
    check(times == sorted(times), f"time went back: {times}")


def test_xenstore_answers(host):
    check("domain" in host.shell("xenstore-ls /local"), "xenstore has no /local/domain")
    host.shell("xenstore-write /tool/probe hello && xenstore-read /tool/probe && xenstore-rm /tool/probe")
