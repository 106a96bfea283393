# SPDX-License-Identifier: Apache-2.0
"""Each guest has its own breakpoint addresses, and its FS is used where an instruction is emulated.

What could go wrong: DR0 to DR3 are not in the VMCB; a vCPU that is loaded on a CPU sees those of the one
before it there, and overwrites them; the base of FS is not there after an exit unless VMSAVE put it.
"""

import re

from lib.check import check, wait_for

HOST = {"cpus": 1}


def test_guests_on_one_cpu(host):
    host.wait_agent()
    kernel = host.push_guest_kernel("debugregs")
    for number in range(3):
        host.create_guest(f"debugregs-{number}", memory_mib=64, kernel=kernel)

    def verdicts():
        return re.findall(r"d\d+: debugregs: (.*)", host.serial_log())
    wait_for("all guests have looked", lambda: len(verdicts()) == 3, 120)
    check(verdicts() == ["kept"] * 3, f"DR0 to DR3, or FS: {verdicts()}")
