# SPDX-License-Identifier: Apache-2.0
"""Each guest has its own vector and x87 registers: with FXSAVE on a processor without XSAVE, with XSAVE and AVX on one that has them.

What could go wrong: the upper halves of YMM registers, MXCSR or the x87 stack are another guest's after a switch;
XCR0 is; a processor's state components are offered in part, at which Linux panics.
"""

import re

from lib.check import check, wait_for

HOST = None
PLAIN = "EPYC,-x2apic,-smap,-smep,-monitor,-xsave,-avx,-avx2,-rdtscp"
AVX = "EPYC,-x2apic,-smap,-smep,-monitor" # with RDTSCP: what guests are not offered they must not see


def keep_their_own(host, kind):
    host.wait_agent()
    kernel = host.push_guest_kernel("vectors")
    for number in range(3):
        host.create_guest(f"vectors-{number}", memory_mib=64, kernel=kernel)

    def verdicts():
        return re.findall(r"d\d+: vectors: (.*)", host.serial_log())
    wait_for("all guests have looked", lambda: len(verdicts()) == 3, 240)
    check(verdicts() == [f"kept {kind}"] * 3, f"registers: {verdicts()}")


def test_sse(lab):
    host = lab.boot({"cpus": 1, "cpu": PLAIN})
    keep_their_own(host, "SSE")
    host.check_health()


def test_avx(lab):
    host = lab.boot({"cpus": 1, "cpu": AVX})
    check("Enabled xstate features 0x7" in host.shell("dmesg"), "dom0 does not use AVX")
    keep_their_own(host, "AVX")
    guest = host.create_guest("linux", memory_mib=128)
    guest.wait_ready()
    cpuinfo = guest.shell("cat /proc/cpuinfo")
    check(" avx " in cpuinfo, "the guest's Linux does not have AVX")
    check(" rdtscp " not in cpuinfo, "the guest has RDTSCP, which real processors refuse it (QEMU does not)")
    host.check_health()
