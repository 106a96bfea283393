# SPDX-License-Identifier: Apache-2.0
"""A device raises the interrupts that the hypervisor gave it, and no other.

What could go wrong: a device writes an interrupt message by DMA and so raises a vector of the host, or another
device's; its own interrupt is lost on its way through the remapping tables. The device is QEMU's "edu" (programs/edu_irq.c), its proper
message that of the AHCI controller, which has no disk and so no interrupts else.

QEMU 7.2 takes a DMA write to the interrupt window as the IO-APIC's, so that the IO-APIC's vectors can be forged
there; AMD's IOMMUs take it as the device's. The emulator's trace says what its IOMMU refused.
"""

from lib.check import check

EDU = "-device edu,dma_mask=0xffffffffffffffff"
TRACE = "host1/refused"
HOST = None
AHCI = "0000:00:1f.2"
FIRST, LAST = 0x30, 0x4f    # the vectors that dom0's devices have
ABSENT = 0xe0               # a vector that nothing has
COUNT = 500


def counts(host, *names):
    """How often the interrupts with these words in their last column have come, in all."""
    rows = [row.split() for row in host.shell("cat /proc/interrupts").splitlines()]
    return sum(int(row[1]) for row in rows if any(name in row[-1] for name in names))


def boot(lab, append):
    host = lab.boot({"cpus": 1, "append": append, "qemu": f"{EDU} -D {TRACE} -trace amdvi_ir_target_abort"})
    host.push_program("edu_irq")
    return host


def refused(lab):
    return (lab.folder / TRACE).read_text().count("RemapEn is disabled")


def forge_all(lab, host):
    """Forged messages for every vector of dom0's devices: how many AHCI has had, and how many were refused."""
    before, refused_before = counts(host, "ahci"), refused(lab)
    host.shell(f"/tmp/edu_irq forge {FIRST} {LAST}")
    host.shell(f"/tmp/edu_irq forge {ABSENT} {ABSENT}")
    return counts(host, "ahci") - before, refused(lab) - refused_before


def check_own_message(host):
    before = counts(host, "ahci")
    host.shell(f"/tmp/edu_irq message {AHCI} {COUNT}")
    came = counts(host, "ahci") - before
    check(came == COUNT, f"of {COUNT} interrupts of its own {came} came")


def test_remapped(lab):
    host = boot(lab, "")
    try:
        log = host.serial_log()
        check("iommu: interrupts are remapped" in log, "the log does not say that interrupts are remapped")
        came, refusals = forge_all(lab, host)
        check(came == 0, f"forged interrupts reached the AHCI driver: {came}")
        lines = len([row for row in host.shell("cat /proc/interrupts").splitlines() if "PCI-MSI" in row])
        check(refusals > lines, f"{lines} vectors are devices', but only {refusals} messages were refused")
        check("has no handler" not in host.serial_log(), "a forged vector reached a processor")
        check_own_message(host)
        host.check_health()
        return f"{refusals} forged messages refused, {COUNT} proper ones delivered"
    finally:
        lab.down()


def test_not_remapped(lab):
    """The same without remapping: what the other test does not see is there to be seen."""
    host = boot(lab, "iommu=no-intremap")
    try:
        check("interrupts are not remapped, as iommu=no-intremap says" in host.serial_log(), "the log is silent of it")
        came, refusals = forge_all(lab, host)
        check(came > 0 and refusals == 0, f"forged messages: {came} reached the driver, {refusals} were refused")
        check(f"vector 0x{ABSENT:x} has no handler" in host.serial_log(), "a forged vector did not reach the processor")
        check_own_message(host)
    finally:
        lab.down()
