# SPDX-License-Identifier: Apache-2.0
"""A machine that lacks something gets a clear message and a halt, never a hang or a triple fault.

What could go wrong: the missing feature is noticed by a fault in the middle of the boot, or not at all.
Each case boots a machine with one thing wrong and waits for the message on the serial console.
"""

import re
import tempfile

from lib.check import Failure, check, wait_for

HOST = None
CPU = "EPYC,-x2apic,-smap,-smep,-monitor,-xsave,-avx,-avx2,-rdtscp"


def boot_and_wait(lab, options, message):
    """Boots with these options and waits for a line that matches message, followed by the halt."""
    result = lab.up({"cpus": 1, "memory": "1G", **options}, "--no-wait")
    check(result.returncode == 0, result.stdout)
    try:
        wait_for("the hypervisor halts", lambda: "(nether) halted" in lab.serial_log(), 60)
    except Failure as failure:
        raise Failure(f"{failure}; the serial console ends with:\n{lab.serial_log()[-2000:]}") from None
    text = lab.serial_log()
    lab.down()
    check(re.search(message, text, re.I), f"no line says {message!r}:\n{text[-2000:]}")


def test_no_svm(lab):
    boot_and_wait(lab, {"cpu": CPU + ",-svm"}, r"SVM")


def test_no_nested_paging(lab):
    boot_and_wait(lab, {"cpu": CPU + ",-npt"}, r"nested paging|npt")


def test_no_iommu(lab):
    """Without an IOMMU Nether wants to be told that this is fine."""
    boot_and_wait(lab, {"iommu": "none"}, r"iommu")


def test_dom0_does_not_fit(lab):
    boot_and_wait(lab, {"dom0_memory": "64G"}, r"memory")


def test_dom0_kernel_is_not_a_kernel(lab):
    with tempfile.NamedTemporaryFile(suffix=".elf") as file:
        file.write(b"this is no kernel" * 1000)
        file.flush()
        boot_and_wait(lab, {"dom0_kernel": file.name}, r"kernel")
