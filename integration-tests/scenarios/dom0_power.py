# SPDX-License-Identifier: Apache-2.0
"""dom0 can switch the machine off, and reset it.

What could go wrong: the ACPI registers are not dom0's, or the hypervisor swallows the write; the
machine then hangs with the disks unmounted.
"""

from lib.check import wait_for

HOST = {"cpus": 2, "memory": "2G"}


def stopped(host):
    return lambda: "stopped" in host.lab.run("status", capture_output=True).stdout


def test_power_off(host):
    host.run("sync; (sleep 1; poweroff -f) >/dev/null 2>&1 &")
    wait_for("the machine is off", stopped(host), 60)
    host.is_off = True
