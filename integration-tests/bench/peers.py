# SPDX-License-Identifier: Apache-2.0
"""The two hypervisors as the benchmark sees them: a host is booted, guests are made and ended with its own command."""

import os
import re
import sys
from pathlib import Path

from lib.check import Failure, check, wait_for
from lib.guest import IMAGES, READY, Guest

CONSOLE_OF_XEN = "/var/log/xen/console"

# What xl wants in the place of Debian's scripts, which need bash: the least that does the same.
XEN_SETUP = f"""
mkdir -p /run/xen /etc/xen/scripts {CONSOLE_OF_XEN}
cat >/etc/xen/scripts/bench-vif <<'END'
#!/bin/sh
[ "$1" = online ] || exit 0
ip link set "$vif" master br0 up && xenstore-write "$XENBUS_PATH/hotplug-status" connected
END
cat >/etc/xen/scripts/bench-block <<'END'
#!/bin/sh
[ "$1" = add ] || exit 0
device=$(stat -L -c %t:%T "$(xenstore-read "$XENBUS_PATH/params")")
xenstore-write "$XENBUS_PATH/physical-device" "$device" "$XENBUS_PATH/hotplug-status" connected
END
chmod 755 /etc/xen/scripts/*
xenstored --pid-file /run/xenstored.pid && xen-init-dom0
xenconsoled --log=guest --log-dir={CONSOLE_OF_XEN}
"""


def say(text):
    """Progress, for whoever waits; the table alone goes to standard output."""
    print(text, file=sys.stderr, flush=True)


class Peer:
    """A hypervisor, and after boot() a host with it.

    kind: "nether" or "xen". title: for people. After boot(), power_on_s: from power-on to dom0's userspace;
    power_on_cpu_s: processor time that the emulator took for it, which other work on this machine does not stretch.
    """

    kind = title = image = None  # image: "lab up --hypervisor"; None is Nether's

    def __init__(self, lab):
        self.lab = lab
        self.host = self.power_on_s = self.power_on_cpu_s = None

    def boot(self, options):
        """Starts a fresh host with these options of "lab up" and what dom0 needs for the measurements."""
        say(f"{self.title}: booting")
        self.lab.hypervisor = self.image
        self.host = self.lab.boot({**options, **self.options()})
        self.power_on_s = self.host.power_on_s
        self.power_on_cpu_s = self.emulator_cpu_s()
        self.prepare()
        self.host.push_program("stopwatch")

    def guest(self, name, number=100, disk=None, network=True, kernel=f"{IMAGES}/vmlinuz", sample=True):
        """A guest that can be created: Debian's kernel with the sample's initramfs, or a test kernel alone."""
        guest = Guest(self.host, name, number=number, disk=disk, kernel=kernel)
        if not sample:
            guest.config.update(initrd=None, cmdline="", memoryBytes=32 << 20)
        if not network or not sample:
            guest.config["nics"] = []
        return guest

    def create(self, guest, text=READY):
        """Creates it and waits for a text on its console.

        Seconds from the start of the command: {"command": its end, "first": first byte on the console, "text": …}.
        """
        say(f"{self.title}: creating {guest.name}")
        return self.stopwatch(f"--file {self.console_path(guest)} '{text}' {self.create_line(guest)}")

    def destroy(self, guest):
        """Ends it; the seconds that takes."""
        return self.stopwatch(self.destroy_line(guest))["command"]

    def wait_console(self, guest, *texts, timeout_s=600):
        """Waits until one of these texts stands on the guest's console; all that stands there."""
        def seen():
            console = self.host.shell(f"cat {self.console_path(guest)}")
            return console if any(text in console for text in texts) else None
        return wait_for(f"{' or '.join(texts)} on {guest.name}'s console", seen, timeout_s, every_s=1)

    def stopwatch(self, arguments):
        text = self.host.shell(f"/tmp/stopwatch {arguments}", timeout_s=700)
        return {word: float(seconds) for word, seconds in (line.split() for line in text.splitlines())}

    def backing(self, path):
        """What a guest's disk is made of, for a file in dom0."""
        return path

    def emulator_cpu_s(self):
        """Processor time of QEMU so far (proc(5), stat: utime and stime)."""
        pid = (self.lab.folder / "host1" / "pid").read_text().strip()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def image_kib(self):
        """Size of the file that the host was booted from."""
        command = (self.lab.folder / "host1" / "command").read_text()
        return Path(re.search(r"-kernel (\S+)", command).group(1)).stat().st_size / 1024


class Nether(Peer):
    kind, title = "nether", "Nether"

    def options(self):
        return {"xen_tools": "yes"}  # for xentrace

    def prepare(self):
        self.host.wait_agent()

    def console_path(self, guest):
        return f"/var/log/nether/console/{guest.name}.log"

    def create_line(self, guest):
        config = guest.config
        words = ["nether", "create", "--start", "--name", guest.name, "--memory", str(config["memoryBytes"]),
                 "--kernel", config["kernel"], "--on-reboot", "destroy"]
        if config["initrd"]:
            words += ["--initrd", config["initrd"], "--cmdline", f"'{config['cmdline']}'"]
        for disk in config["disks"]:
            words += ["--disk", f"target={disk['target']},path={disk['path']}"]
        for nic in config["nics"]:
            words += ["--nic", f"bridge={nic['bridge']},mac={nic['mac']}"]
        return " ".join(words)

    def destroy_line(self, guest):
        return f"nether destroy {guest.name}"

    def memory_mib(self):
        """What domains have and what is free."""
        state = self.host.request("GET", "/host")
        domains = self.host.request("GET", "/domains")["domains"]
        used = sum(int(domain["status"]["memoryBytes"]) for domain in domains)
        return used / 2**20, int(state["freeMemoryBytes"]) / 2**20


class Xen(Peer):
    kind, title, image, dom0 = "xen", "Xen 4.17", "xen", "pv"

    def options(self):
        return {"dom0": self.dom0, "dom0_append": "nether.noagent"}

    def prepare(self):
        self.host.shell(XEN_SETUP)
        self.loops = {}

    def console_path(self, guest):
        return f"{CONSOLE_OF_XEN}/guest-{guest.name}.log"

    def backing(self, path):
        """xl would want QEMU for a plain file."""
        if path not in self.loops:
            self.loops[path] = f"/dev/loop{len(self.loops)}"
            self.host.shell(f"losetup {self.loops[path]} {path}")
        return self.loops[path]

    def create_line(self, guest):
        """Writes the guest's configuration; the command that reads it."""
        config = guest.config
        path = f"/tmp/{guest.name}.cfg"
        lines = ['type = "pvh"', f'name = "{guest.name}"', f'kernel = "{config["kernel"]}"',
                 f'memory = {config["memoryBytes"] >> 20}', 'on_reboot = "destroy"',
                 'tsc_mode = "native"']  # Xen would emulate the TSC of a processor without an invariant one
        if config["initrd"]:
            lines += [f'ramdisk = "{config["initrd"]}"', f'extra = "{config["cmdline"]}"']
        disks = [f'"format=raw,vdev={disk["target"]},access=w,backendtype=phy,script=bench-block,'
                 f'target={disk["path"]}"' for disk in config["disks"]]
        nics = [f'"mac={nic["mac"]},bridge={nic["bridge"]},script=bench-vif"' for nic in config["nics"]]
        lines += [f"disk = [{', '.join(disks)}]", f"vif = [{', '.join(nics)}]"]
        self.host.shell(f"cat >{path}", stdin="\n".join(lines) + "\n")
        return f"xl create -q {path}"

    def destroy_line(self, guest):
        return f"xl destroy {guest.name}"

    def memory_mib(self):
        """What domains have and what is free."""
        free = re.search(r"^free_memory *: (\d+)", self.host.shell("xl info"), re.M)
        rows = [line.split() for line in self.host.shell("xl list").splitlines()[1:]]
        check(free and rows, "xl info and xl list do not show the memory")
        return sum(float(row[2]) for row in rows), float(free.group(1))


class Bare(Peer):
    """No hypervisor: dom0's kernel and image on the emulated machine itself, with as much memory. What no hypervisor
    could be faster than."""

    kind, title, image = "xen", "No hypervisor", "none"  # its figures stand in Xen's column

    def options(self):
        return {"dom0_append": "nether.noagent"}

    def prepare(self):
        pass


class XenPvh(Xen):
    """Xen with a PVH dom0, as Nether's is."""

    title, dom0 = "Xen 4.17 with a PVH dom0", "pvh"


def nanoseconds(text, word):
    """The numbers behind a word in what one of our programs printed."""
    found = re.search(rf"^{word}((?: \d+)+)$", text, re.M)
    if not found:
        raise Failure(f"no result \"{word}\" in:\n{text}")
    return [int(number) for number in found.group(1).split()]
