# SPDX-License-Identifier: Apache-2.0
"""The Debug build of the hypervisor lives through all of a guest's life.

What could go wrong: locks taken out of order, held at the door, or not held where they must be; a page written after it was
freed, an array overrun, a stack used up. The Debug build panics at the first of these (docs/debugging.md), and the test fails.
A stack that overflows must not end in a reset without a word.
"""

import re
import subprocess

from lib.check import check, wait_for
from lib.host import ROOT

HOST = None
DISK = "/var/lib/nether/debug.img"
TABLES = 1 << 20    # what dom0's own page tables may have grown by


def build(lab):
    """The image, in a build folder of its own."""
    folder = lab.build / "debug"
    for command in (["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", "-DBUILD_TESTING=OFF"],
                    ["nice", "cmake", "--build", folder, "--target", "nether_image"]):
        done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        check(done.returncode == 0, f"the Debug build fails:\n{done.stdout[-4000:]}")
    return folder / "hv" / "nether"


def test_a_guests_life(lab):
    host = lab.boot({"hypervisor": build(lab), "cpus": 1})
    try:
        host.wait_agent()
        host.shell(f"dd if=/dev/zero of={DISK} bs=1M count=16")
        free = host.free_memory_bytes()
        guest = host.create_guest("debugged", memory_mib=160, vcpus=2, disk=DISK)
        guest.wait_ready()
        check("x2apic" in guest.shell("dmesg"), "the guest does not use x2APIC")
        guest.shell("dd if=/dev/urandom of=/dev/xvda bs=64k count=64 && sync && md5sum /dev/xvda")
        guest.shell("n=0; while [ $n -lt 200 ]; do echo line $n >/dev/hvc0; n=$((n+1)); done")
        guest.action("pause")
        guest.action("unpause")
        guest.action("reboot")
        guest.wait_ready(boots=2)
        guest.action("shutdown")
        guest.wait_state("stopped", 120)
        guest.start()
        guest.wait_ready(boots=3)
        guest.action("destroy")
        guest.delete()
        wait_for("its memory is back", lambda: free - host.free_memory_bytes() <= TABLES, 60)
        host.check_health()
    finally:
        lab.down()


def test_stack_overflow(lab):
    """A double fault has a stack of its own, also while a guest's TR is in use: registers and functions are shown."""
    host = lab.boot({"hypervisor": build(lab), "cpus": 2, "append": "noreboot"})
    try:
        program = host.program("debug_key")
        host.run(f"(sleep 1; {program} O) >/dev/null 2>&1 &")
        wait_for("the panic", lambda: re.search(r"PANIC.*\n(.*\n)*.*use_up_stack", lab.serial_log()), 60)
        text = lab.serial_log()[lab.serial_log().index("PANIC"):]
        check(re.match(r"PANIC on cpu\d: exception 8 \(double fault\)", text), text)
        check(re.search(r"rip [0-9a-f]{16} cs", text), text)
    finally:
        lab.down()
