# SPDX-License-Identifier: Apache-2.0
"""How long it takes to boot a host, to create a guest and to destroy it, and how much memory the hypervisor takes.

A guest is created twice on a fresh host: "cold" is the first time, "warm" the second. Both read the same
kernel, as Debian ships it; Nether keeps it unpacked after the first time, Xen's xl unpacks it each time.
"""

from bench.peers import say
from bench.table import Row
from lib.check import check
from lib.guest import IMAGES

MEMORY_MIB = 2048  # of the host
IMAGE_LIMIT_KIB = 512
MEMORY_LIMIT_MIB = 8 + MEMORY_MIB / 100

ROWS = [
    Row("boot", "power-on to dom0's userspace", "s", factor=1),
    Row("boot_pvh", "the same, Xen with a PVH dom0", "s", factor=3, nether_name="boot"),
    Row("boot_bare", "the same, no hypervisor in Xen's place", "s", nether_name="boot"),
    Row("boot_cpu", "processor time of the emulator until then", "s"),
    Row("boot_cpu_pvh", "the same, Xen with a PVH dom0", "s", nether_name="boot_cpu"),
    Row("boot_cpu_bare", "the same, no hypervisor in Xen's place", "s", nether_name="boot_cpu"),
    Row("create_warm", "create command, warm", "s", factor=10),
    Row("create_cold", "create command, cold", "s"),
    Row("create_tiny", "create command, ELF kernel of a few KiB alone", "s"),
    Row("first_warm", "create to the first line on the console, warm", "s"),
    Row("first_cold", "create to the first line on the console, cold", "s"),
    Row("ready_warm", "create to the guest's userspace, warm", "s"),
    Row("ready_cold", "create to the guest's userspace, cold", "s"),
    Row("destroy", "destroy command", "s"),
    Row("memory", f"memory the hypervisor takes of {MEMORY_MIB} MiB", "MiB", limit=MEMORY_LIMIT_MIB),
    Row("image", "image", "KiB", limit=IMAGE_LIMIT_KIB),
]


def measure_create(peer, heat):
    """Creates the sample guest with a disk and a network, and destroys it."""
    disk = peer.backing("/tmp/sample.img")
    guest = peer.guest(heat, disk=disk)
    seconds = peer.create(guest)
    destroyed = peer.destroy(guest)
    return {f"create_{heat}": seconds["command"], f"first_{heat}": seconds["first"],
            f"ready_{heat}": seconds["text"]}, destroyed


def measure(peer):
    """All rows on the host that the peer has booted; {name: value}."""
    say(f"{peer.title}: times")
    used, free = peer.memory_mib()
    taken = MEMORY_MIB - used - free
    check(0 < taken < MEMORY_MIB / 2, f"of {MEMORY_MIB} MiB domains have {used:.1f}, and {free:.1f} are free")
    values = {"boot": peer.power_on_s, "boot_cpu": peer.power_on_cpu_s, "memory": taken, "image": peer.image_kib()}

    peer.host.shell(f"cp {IMAGES}/disk.img /tmp/sample.img")
    values.update(measure_create(peer, "cold")[0])
    warm, values["destroy"] = measure_create(peer, "warm")
    values.update(warm)

    tiny = peer.guest("tiny", kernel=peer.host.push_guest_kernel("idle"), sample=False)
    values["create_tiny"] = peer.stopwatch(peer.create_line(tiny))["command"]
    peer.destroy(tiny)
    return values
