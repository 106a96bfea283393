# SPDX-License-Identifier: Apache-2.0
"""An MSI-X interrupt of dom0 moves from CPU to CPU while its device interrupts.

What could go wrong: an interrupt that comes while its vector is masked or moves is lost, and the driver waits for its timeout; it
comes on the old CPU, where nobody waits for it any more; it comes twice. It is that of an NVMe controller's admin queue: each command there
has one interrupt (programs/nvme_moves.c).
"""

import re

from lib.check import check

HOST = {"cpus": 2}
MOVES = 4000
NAME = "nvme0q0"


def row(host):
    """The interrupt's number, and how often it has come on each CPU."""
    rows = [line.split() for line in host.shell("cat /proc/interrupts").splitlines()]
    found = [r for r in rows if r[-1] == NAME]
    check(len(found) == 1, f"no interrupt {NAME}")
    return found[0][0].rstrip(":"), [int(count) for count in found[0][1:3]]


def run(host, *words):
    """Commands done, interrupts that came on each CPU."""
    irq, before = row(host)
    commands = int(host.shell(f"/tmp/nvme_moves {irq} {' '.join(map(str, words))}", timeout_s=400))
    return commands, [now - then for now, then in zip(row(host)[1], before)]


def check_log(host):
    stray = re.search(r"No irq handler|completion polled|nvme.*timeout", host.shell("dmesg"))
    check(not stray, f"dom0's kernel says: {stray and stray.group(0)}")
    check("has no handler" not in host.serial_log(), "a vector that nobody has reached a CPU")


def test_one_interrupt_each(host):
    host.push_program("nvme_moves")
    commands, came = run(host, MOVES)
    check(sum(came) == commands == MOVES, f"{commands} commands, but {came} interrupts on the two CPUs")
    check(min(came) > MOVES / 3, f"the interrupt did not move: {came}")
    check_log(host)
    return f"{came[0]} + {came[1]} interrupts for {commands} commands"


def test_under_load(host):
    """Moves that no command waits for, while the disk is read on both CPUs."""
    reads = "for cpu in 0 1; do while [ ! -e /tmp/over ]; do taskset -c $cpu dd if=/dev/nvme0n1 of=/dev/null bs=4k count=500 iflag=direct 2>&1; done >/dev/null & done"
    host.shell(f"rm -f /tmp/over; {reads}; true")
    try:
        commands, came = run(host, MOVES, "busy")
    finally:
        host.shell("touch /tmp/over")
    check(sum(came) == commands, f"{commands} commands, but {came} interrupts on the two CPUs")
    check(min(came) > 0, f"the interrupt did not move: {came}")
    check_log(host)
    return f"{came[0]} + {came[1]} interrupts for {commands} commands"
