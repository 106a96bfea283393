# SPDX-License-Identifier: Apache-2.0
"""The ways a machine can be booted: through GRUB (Multiboot2) by BIOS and UEFI, with memory above 4 GiB, without IOMMU.

What could go wrong: modules that the loader puts elsewhere, a memory map in another order, the
command line with or without the file's name in front.
"""

from lib.check import check

HOST = None


def boots(lab, options):
    host = lab.boot({"cpus": 2, **options})
    check(host.shell("cat /proc/xen/capabilities") == "control_d", "this is not the control domain")
    host.check_health()
    return host


def test_grub(lab):
    boots(lab, {"boot": "grub"})


def test_grub_uefi(lab):
    boots(lab, {"boot": "grub-uefi"})


def test_memory_above_4_gib(lab):
    host = boots(lab, {"memory": "6G"})
    host.wait_agent()
    total = int(host.request("GET", "/host")["memoryBytes"])
    check(total > 5 << 30, f"the hypervisor knows {total >> 20} MiB")


def test_without_iommu(lab):
    boots(lab, {"iommu": "none", "append": "iommu=off", "dom0_append": "swiotlb=force"})
