# SPDX-License-Identifier: Apache-2.0
"""A hypervisor that cannot go on says why, with registers and a symbolised stack, and stops the machine.

What could go wrong: a panic that hangs on a lock somebody holds, prints addresses nobody can read, or
lets the other CPUs go on, or waits for a lock of theirs; a machine check that resets the machine without a word. The
panic is asked for by the operator's NMI button (nmi=panic).
"""

import re

from lib.check import check, wait_for

HOST = None


def test_registers_and_a_readable_stack(lab):
    host = lab.boot({"cpus": 2, "append": "nmi=panic noreboot"})
    host.shell("echo goes on")
    lab.run("monitor", 1, "nmi")
    wait_for("the hypervisor panics", lambda: "PANIC" in lab.serial_log(), 30)
    wait_for("the stack down to the CPU's first function",
             lambda: re.search(r"(boot_main|smp_secondary_start)\+0x", lab.serial_log()), 30)
    text = lab.serial_log()[lab.serial_log().index("PANIC"):]
    check(re.match(r"PANIC on cpu\d: NMI", text), text)
    check(re.search(r"rip [0-9a-f]{16} cs", text) and re.search(r"cr3 [0-9a-f]{16}", text), text)
    names = re.findall(r"\[[0-9a-f]{16}\] (\w+)\+0x", text)
    check("cpu_run" in names, f"the stack does not lead to the CPU's loop: {names}\n{text}")
    wait_for("what each vCPU was at", lambda: re.search(r"d0v1: rip \w+, rflags .* requested", lab.serial_log()), 30)
    check(text.count("PANIC") == 1, f"more than one CPU speaks:\n{text}")
    lab.down()


def test_machine_check(lab):
    """On the processor that runs no guests: QEMU resets the machine when a guest with CR4.MCE off is hit."""
    host = lab.boot({"cpus": 2, "append": "noreboot"})
    host.shell("echo goes on")
    status, address = "b600000000000135", "0000000012345678"
    lab.run("monitor", 1, "mce", 0, 1, f"0x{status}", "0x5", f"0x{address}", 0)
    wait_for("the hypervisor panics", lambda: "stack:" in lab.serial_log(), 30)
    text = lab.serial_log()[lab.serial_log().index("PANIC"):]
    check(re.match(r"PANIC on cpu0: exception 18 \(machine check\)", text), text)
    check(f"machine check bank 1: status {status} address {address}" in text, text)
    lab.down()
