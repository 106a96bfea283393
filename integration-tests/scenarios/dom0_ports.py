# SPDX-License-Identifier: Apache-2.0
"""dom0 has almost every port, but none that takes the host's memory or processors from under the hypervisor.

What could go wrong: address line 20 is switched off; an emulator's own device writes to memory without asking the IOMMU,
or takes a processor away.
"""

from lib.check import check

HOST = None
IMAGE = 0x200000        # where the hypervisor lies
EJECT = (0xcd8, 0xcdc)  # QEMU's processor hotplug: which one, and what with it


def test_address_line_20(lab):
    host = lab.boot({"cpus": 1})  # QEMU's line 20 is the first processor's alone
    ports = host.program("ports")

    def out(port, value):
        host.shell(f"{ports} out 1 {port:#x} {value:#x}")
        host.shell("dd if=/dev/urandom bs=1M count=8 2>/dev/null | sha256sum >/dev/null")

    out(0x92, 0x00)
    check(int(host.shell(f"{ports} in 0x92")) & 2, "port 0x92 says that A20 is off")
    out(0x64, 0xdd)
    host.shell(f"{ports} out 1 0x64 0xd1; {ports} out 1 0x60 0xdd")
    out(0x64, 0xd0)
    check(int(host.shell(f"{ports} in 0x60")) & 2, "the 8042's output port says that A20 is off")
    host.check_health()
    lab.down()


def test_emulators_devices(lab):
    host = lab.boot({"cpus": 2})
    said = host.shell(f"{host.program('ports')} fw_cfg {IMAGE:#x} 0x80000")
    check(said == "not written", f"fw_cfg: {said}")
    ports = host.program("ports")
    host.shell(f"{ports} out 4 {EJECT[0]:#x} 0; {ports} out 4 {EJECT[0]:#x} 1; {ports} out 1 {EJECT[1]:#x} 8")
    processors = host.monitor("info", "cpus").count("CPU #")
    check(processors == 3, f"of 3 processors {processors} are left")
    host.check_health()
    lab.down()
