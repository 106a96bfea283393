# SPDX-License-Identifier: Apache-2.0
"""Guests that were not made for Nether: other kernels, GRUB, a full Debian with systemd.

What could go wrong: a kernel packed or linked in a way the builder does not know; a boot that is not the
direct one (GRUB enters the kernel as a boot loader does, and drives console and disk itself before); a later
kernel's use of the ABI; a system that asks for more than the sample guest does.
"""

from lib.check import check, wait_for
from lib.guest import Guest, IMAGES
from lib.terminal import Terminal

HOST = {"cpus": 1, "guests": "all"}


def fresh_disk(host):
    path = "/var/lib/nether/other.img"
    host.shell(f"cp {IMAGES}/disk.img {path}")
    return path


def use(host, guest, kernel, vcpus):
    """What any guest can do: it runs this kernel, reads and writes its disk, is reached, and shuts down."""
    release, processors = guest.shell("uname -r; nproc").split()
    check(kernel in release, f"its kernel is {release}")
    check(processors == str(vcpus), f"it has {processors} vCPUs")
    check("hello from the disk" in guest.page(), "it did not read its disk")
    sums = guest.shell("cd /data; dd if=/dev/urandom of=blob bs=1M count=8 2>/dev/null; sha256sum <blob; sync; "
                       "echo 3 >/proc/sys/vm/drop_caches; sha256sum <blob").splitlines()
    check(len(sums) == 2 and sums[0] == sums[1], f"written and read back: {sums}")
    host.shell(f"ping -c 3 -W 10 {guest.address}")
    guest.shell("ping -c 3 -W 10 10.77.0.11")
    guest.action("shutdown")
    guest.wait_state("stopped", 10)
    return f"userspace after {guest.ready_s:.1f} s"


def kernel_guest(host, name, vcpus=1, memory_mib=256):
    return Guest(host, f"{name}-{vcpus}", memory_mib=memory_mib, vcpus=vcpus, disk=fresh_disk(host),
                 kernel=f"{IMAGES}/{name}/vmlinuz", initrd=f"{IMAGES}/{name}/initrd.img")


def boot(host, guest):
    host.guests.append(guest)
    guest.create()
    guest.wait_ready(timeout_s=600)
    return guest


def test_cloud_kernel(host):
    """Debian's kernel for virtual machines."""
    host.wait_agent()
    return use(host, boot(host, kernel_guest(host, "cloud")), "-cloud-amd64", 1)


def test_backports_kernel(host):
    """The kernel of the next Debian."""
    host.wait_agent()
    return use(host, boot(host, kernel_guest(host, "backports")), "6.12.", 1)


def test_backports_kernel_eight_vcpus(host):
    """A guest with more of everything: each vCPU works, so do the second disk and the second network."""
    host.wait_agent()
    guest = kernel_guest(host, "backports", vcpus=8, memory_mib=1024)
    guest.config["disks"].append({"target": "xvdb", "path": f"{IMAGES}/grub.img", "readonly": True})
    guest.config["nics"].append({"mac": "00:16:3e:00:01:00", "bridge": "br0"})
    boot(host, guest)
    for number in range(8):
        guest.shell(f"taskset -c {number} sh -c 'n=0; while [ $n -lt 1000 ]; do n=$((n+1)); done'")
    check(guest.shell("mount -o ro -t ext4 /dev/xvdb1 /mnt && cat /mnt/hello.txt") == "hello from the disk", "xvdb")
    check(guest.run("dd if=/dev/zero of=/dev/xvdb bs=512 count=1 conv=fsync")[0] != 0, "a read-only disk was written to")
    guest.shell("ip addr add 10.78.0.2/24 dev eth1 && ip link set eth1 up")
    host.shell("ip addr add 10.78.0.1/24 dev br0; ping -c 3 -W 10 10.78.0.2 && ip addr del 10.78.0.1/24 dev br0")
    return use(host, guest, "6.12.", 8)


def test_grub(host):
    """GRUB as the guest's kernel: it finds configuration, kernel and initrd on the guest's disk, each time."""
    host.wait_agent()
    guest = boot(host, Guest(host, "grub", kernel=f"{IMAGES}/grub-pvh.bin", initrd=None, disk=f"{IMAGES}/grub.img"))
    check("Welcome to GRUB" in guest.console(), "GRUB did not speak on the console")
    check("BOOT_IMAGE=/boot/vmlinuz" in guest.shell("cat /proc/cmdline"), "it was not GRUB that started the kernel")
    guest.shell("echo before >/data/mark")
    guest.action("reboot")
    guest.wait_ready(timeout_s=600, boots=2)
    check(guest.shell("cat /data/mark") == "before", "what was written before the reboot is not there")
    return use(host, guest, "6.12.", 1)


def test_full_debian(host):
    """Made with the command line, used like a server: log in on the console, look, write, shut down."""
    host.wait_agent()
    disk = f"{IMAGES}/debian.img"
    guest = Guest(host, "debian")
    host.guests.append(guest)
    host.shell(f"nether create --name debian --memory 512M --kernel {IMAGES}/grub-pvh.bin "
               f"--disk target=xvda,path={disk} --nic bridge=br0 --start")
    terminal = Terminal(guest)
    terminal.log_in("root", "nether", timeout_s=600)
    state = terminal.run("systemctl is-system-running --wait; systemctl --failed --no-legend", 600)[1]
    check(state == "running", f"the system is {state}")
    took = terminal.shell("systemd-analyze | head -1")

    check("Hello from Debian" in host.shell("curl -sS http://10.77.0.150/"), "its web server does not answer")
    host.shell("mkdir -p /tmp/www && echo hello from dom0 >/tmp/www/page && httpd -h /tmp/www -p 10.77.0.11:8000")
    check(terminal.shell("curl -sS http://10.77.0.11:8000/page") == "hello from dom0", "it fetched something else")
    host.shell("kill $(pidof httpd)")
    written = terminal.shell("dd if=/dev/urandom of=/var/blob bs=1M count=8 status=none; sha256sum /var/blob")

    terminal.type("shutdown -h now\r")
    guest.wait_state("stopped", 300)
    check(guest.get()["status"]["reason"] == "the guest powered off", guest.get())
    wait_for("the disk is let go", lambda: disk not in host.shell("losetup -a"), 20)
    check(needs_recovery(host, disk) == 0, "it did not unmount its disk")
    host.shell(f"losetup -r -o 1048576 /dev/loop7 {disk} && mount -o ro -t ext4 /dev/loop7 /mnt")
    read = host.shell("sha256sum /mnt/var/blob; umount /mnt; losetup -d /dev/loop7")
    check(written.split()[0] == read.split()[0], f"written\n{written}\nin dom0's file\n{read}")
    return took


def needs_recovery(host, disk):
    """The flag in the superblock of the ext4 at 1 MiB: its journal holds what is not in place yet."""
    return int(host.shell(f"dd if={disk} bs=1 skip=$((1048576 + 1024 + 0x60)) count=1 2>/dev/null | od -An -tu1")) & 4
