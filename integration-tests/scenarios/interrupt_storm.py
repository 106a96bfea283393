# SPDX-License-Identifier: Apache-2.0
"""An interrupt line that stays asserted and that no driver serves is taken out of service.

What could go wrong: the line takes all of dom0's time for ever; the hypervisor says nothing of it; the line is lost for good, or a
line that is served is taken for one that storms. Two "edu" devices share a line: the first has a driver (uio_pci_generic), the
second has none and keeps the line asserted.
"""

from lib.check import check, wait_for

HOST = {"cpus": 1, "qemu": "-device edu,addr=5 -device edu,addr=9"}
WITH_DRIVER = "0000:00:05.0"
DRIVER = "/sys/bus/pci/drivers/uio_pci_generic"
LINE = 21    # of slots 5 and 9 (ICH9: 20 + slot modulo 4)
STORMS = f"vioapic: gsi {LINE} storms"
SERVED = 2000


def bind(host):
    host.shell(f"modprobe uio_pci_generic && echo uio_pci_generic > /sys/bus/pci/devices/{WITH_DRIVER}/driver_override && "
               f"echo {WITH_DRIVER} > /sys/bus/pci/drivers_probe && [ -e {DRIVER}/{WITH_DRIVER} ]")


def unbind(host):
    host.shell(f"echo {WITH_DRIVER} > {DRIVER}/unbind")


def count(host):
    """How many interrupts of the line dom0 has had."""
    rows = [row.split() for row in host.shell("cat /proc/interrupts").splitlines()]
    return sum(int(row[1]) for row in rows if row[0] == f"{LINE}:")


def edu(host, verb, number):
    host.shell(f"/tmp/edu_irq {verb} {number}")


def test_a_served_line(host):
    """The driver masks its device's interrupt each time: one interrupt each, however many."""
    host.push_program("edu_irq")
    bind(host)
    host.shell(f"/tmp/edu_irq serve 0 {SERVED}")
    check(count(host) == SERVED, f"of {SERVED} interrupts {count(host)} came")
    check(STORMS not in host.serial_log(), "a line that is served was taken for a storm")


def test_a_storm(host):
    before = count(host)
    edu(host, "raise", 1)
    wait_for("the report of a storm", lambda: STORMS in host.serial_log(), 60)
    came = count(host) - before
    host.shell("true")
    check(count(host) - before == came, "interrupts still come")
    check(10000 <= came < 20000, f"the line was masked after {came} interrupts")
    check("nobody cared" not in host.shell("dmesg"), "dom0 had to disable the line itself")
    return f"{came} interrupts, then masked"


def test_the_line_serves_again(host):
    edu(host, "lower", 1)
    unbind(host)
    bind(host)
    before = count(host)
    host.shell(f"/tmp/edu_irq serve 0 {SERVED}")
    check(count(host) - before == SERVED, f"of {SERVED} interrupts {count(host) - before} came")
    check(host.serial_log().count(STORMS) == 1, "it was taken for a storm once more")
    unbind(host)
