# SPDX-License-Identifier: Apache-2.0
"""dom0's other devices: a disk on AHCI, a disk and a network card on virtio that go through the IOMMU.

What could go wrong: a device whose interrupt is not MSI-X, whose DMA the IOMMU refuses, or whose memory is not
where its driver looks for it.
"""

import tempfile

from lib.check import check
from lib.host import BROKEN

HOST = None
VIRTIO = "iommu_platform=on,disable-legacy=on"


def write_and_read(host, disk):
    """Writes a pattern to a whole disk, reads it back past the cache."""
    host.shell(f"dd if=/dev/urandom of=/tmp/pattern bs=64k count=64 2>/dev/null; "
               f"dd if=/tmp/pattern of=/dev/{disk} bs=64k conv=fsync 2>/dev/null; echo 3 >/proc/sys/vm/drop_caches")
    sums = host.shell(f"sha256sum </tmp/pattern; dd if=/dev/{disk} bs=64k count=64 2>/dev/null | sha256sum").splitlines()
    check(sums[0] == sums[1], f"{disk}: written {sums[0]}, read {sums[1]}")


def test_ahci_and_virtio(lab):
    with tempfile.NamedTemporaryFile() as first, tempfile.NamedTemporaryFile() as second:
        for file in (first, second):
            file.truncate(8 << 20)
        host = lab.boot({"cpus": 2, "qemu": " ".join((
            f"-drive if=none,id=first,format=raw,file={first.name} -device ide-hd,drive=first,bus=ide.0",
            f"-drive if=none,id=second,format=raw,file={second.name} -device virtio-blk-pci,drive=second,{VIRTIO}",
            f"-netdev user,id=third,net=10.9.0.0/24 -device virtio-net-pci,netdev=third,mac=52:54:00:30:00:01,{VIRTIO}",
        ))})
        write_and_read(host, "sda")
        write_and_read(host, "vda")
        host.shell("modprobe virtio_net")  # nothing in the small dom0 looks at the virtio bus after the boot
        host.shell("for i in /sys/class/net/*; do [ $(cat $i/address) != 52:54:00:30:00:01 ] || n=${i##*/}; done; "
                   "ip link set $n up && ip addr add 10.9.0.15/24 dev $n && ping -c 3 -W 5 10.9.0.2")
        host.check_health()
        broken = BROKEN.search(host.serial_log())
        check(not broken, f"the serial console says: {broken.group(0) if broken else ''}")
        check("DMA refused" not in host.serial_log(), "the IOMMU has refused a device's DMA")
        lab.down()
