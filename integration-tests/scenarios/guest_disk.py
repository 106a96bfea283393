# SPDX-License-Identifier: Apache-2.0
"""What a guest writes to its disk is there after it was rebooted, and in dom0's file.

What could go wrong: requests completed before the data is in place; data of one request in the pages
of another; a flush that is not passed on; a reboot that loses the disk or the domain's record.
"""

from lib.check import check

HOST = {"cpus": 1}
DISK = "/var/lib/nether/diskprobe.img"


def test_contents_survive_a_reboot(host):
    host.wait_agent()
    host.shell(f"cp /var/lib/nether/images/disk.img {DISK}")
    guest = host.create_guest("diskprobe", disk=DISK)
    guest.wait_ready()
    before = guest.shell(
        "cd /data && for i in 1 2 3 4; do dd if=/dev/urandom of=blob$i bs=1M count=5 2>/dev/null; done; "
        "sync; sha256sum blob*")
    check(len(before.splitlines()) == 4, before)

    guest.action("reboot")
    guest.wait_ready(boots=2)
    after = guest.shell("cd /data && sha256sum blob*")
    check(before == after, f"written\n{before}\nread after the reboot\n{after}")

    guest.shell("umount /data; sync")
    guest.action("destroy")
    host.shell("mkdir -p /mnt/probe && modprobe -q loop; mount -o loop,ro " + DISK + " /mnt/probe")
    in_file = host.shell("cd /mnt/probe && sha256sum blob*; cd /; umount /mnt/probe")
    check(before == in_file, f"written\n{before}\nin dom0's file\n{in_file}")


def test_raw_writes(host):
    """Odd sizes and places, written and read back past the cache."""
    host.wait_agent()
    host.shell(f"rm -f {DISK}; truncate -s 32M {DISK}")
    guest = host.create_guest("rawprobe", disk=DISK)
    guest.wait_ready()
    guest.shell("dd if=/dev/urandom of=/tmp/pattern bs=512 count=513 2>/dev/null")
    for place in (0, 1, 7, 4096, 65023):
        guest.shell(f"dd if=/tmp/pattern of=/dev/xvda bs=512 seek={place} count=513 conv=notrunc,fsync 2>/dev/null;"
                    "echo 3 >/proc/sys/vm/drop_caches")
        sums = guest.shell(f"dd if=/dev/xvda bs=512 skip={place} count=513 2>/dev/null | sha256sum; sha256sum </tmp/pattern")
        first, second = sums.splitlines()
        check(first == second, f"at sector {place}: {sums}")
