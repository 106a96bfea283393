# SPDX-License-Identifier: Apache-2.0
"""A Debian server on which Nether's package was installed: it boots from its own disk, runs guests, takes an upgrade.

What could go wrong: GRUB's menu names the wrong kernel, root or options; a firmware finds no loader; a unit
does not start, or starts too early; an upgrade of the package takes guests along.
"""

from lib.check import check

HOST = None


def boots(lab, way):
    host = lab.boot({"cpus": 1, "boot": way, "timeout": 600})
    check(host.shell("cat /proc/xen/capabilities") == "control_d", "this is not the control domain")
    host.wait_agent()
    check(host.shell("systemctl --failed --plain --no-legend") == "", "units failed")
    return host


def runs_a_guest(host):
    guest = host.create_guest("tenant", memory_mib=128)
    guest.wait_ready()
    check(guest.shell("echo $((6*7))") == "42", "the guest's shell does not answer")
    return guest


def test_bios(lab):
    host = boots(lab, "disk")
    lines = host.shell("nether dmesg")
    check("started by GRUB" in lines and "dom0_mem=2G" in lines, lines[:500])
    check("root=UUID=" in host.shell("cat /proc/cmdline"), "dom0's root is not named by its UUID")
    guest = runs_a_guest(host)

    # An upgrade, in the middle of the guest's life.
    before = host.shell("systemctl show -p MainPID --value netherd nether-stored").split()
    host.lab.run("push", 1, next(lab.build.glob("package/nether_*.deb")), "/var/tmp/nether.deb", check=True)
    host.shell("dpkg -i /var/tmp/nether.deb", timeout_s=300)
    host.wait_agent()
    after = host.shell("systemctl show -p MainPID --value netherd nether-stored").split()
    check(not set(before) & set(after), f"the daemons of before still run: {before}, {after}")
    check(guest.shell("echo still here") == "still here", "the upgrade took the guest along")
    check(len(guest.console().split("Linux version")) == 2, "the guest started again")

    # A kernel that goes takes its unpacked form along; the settings of the menu are the operator's.
    host.shell("touch /boot/nether-vmlinux-0.0-gone && /usr/lib/nether/update-kernels && ! test -e /boot/nether-vmlinux-0.0-gone")
    host.shell("sed -i 's/dom0_mem=2G/dom0_mem=1536M/' /etc/default/grub.d/nether.cfg && update-grub", timeout_s=300)
    check("dom0_mem=1536M" in host.shell("cat /boot/grub/grub.cfg"), "update-grub does not take the setting over")
    guest.action("shutdown")
    guest.wait_state("stopped", 120)
    lab.down()


def test_uefi(lab):
    host = boots(lab, "disk-uefi")
    runs_a_guest(host).delete()
    # Removed, Debian boots as before.
    host.shell("dpkg -r nether", timeout_s=300)
    left = host.shell("grep -i 'on nether\\|multiboot' /boot/grub/grub.cfg; ls /boot/*nether*; true")
    check(left == "", f"left in /boot: {left}")
    lab.down()
