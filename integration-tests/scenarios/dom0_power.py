# SPDX-License-Identifier: Apache-2.0
"""dom0 can switch the machine off, and reset it.

What could go wrong: the ACPI registers are not dom0's, or the hypervisor swallows the write; the
machine then hangs with the disks unmounted.
"""

from lib.check import check, wait_for
from lib.host import BROKEN

HOST = None


def leave(lab, command):
    """The command, given in dom0, ends the machine (QEMU, which was told not to start it again)."""
    host = lab.boot({"cpus": 2, "memory": "2G"})
    host.run(f"sync; (sleep 1; {command} -f) >/dev/null 2>&1 &")
    wait_for(f"{command} ends the machine",
             lambda: "stopped" in lab.run("status", capture_output=True).stdout, 60)
    broken = BROKEN.search(host.serial_log())
    check(not broken, f"the serial console says: {broken.group(0) if broken else ''}")


def test_power_off(lab):
    leave(lab, "poweroff")


def test_reset(lab):
    leave(lab, "reboot")
