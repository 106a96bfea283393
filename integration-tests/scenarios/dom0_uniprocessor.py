# SPDX-License-Identifier: Apache-2.0
"""dom0 with one vCPU reaches userspace and can do its work.

What could go wrong: everything that only a second processor hides: a lost timer or event wakes nobody
else, a spinning vCPU starves the one it waits for.
"""

from lib.check import check

HOST = {"cpus": 1, "memory": "2G"}


def test_one_vcpu(host):
    check(host.shell("nproc") == "1", "dom0 does not have exactly one vCPU")
    check(host.shell("cat /sys/hypervisor/type") == "xen", "dom0 does not see its hypervisor")
    check(host.shell("cat /proc/xen/capabilities") == "control_d", "this is not the control domain")


def test_disk_keeps_what_is_written(host):
    host.shell("dd if=/dev/urandom of=/var/lib/nether/probe bs=1M count=8 2>/dev/null; sync")
    before = host.shell("sha256sum </var/lib/nether/probe")
    host.shell("echo 3 >/proc/sys/vm/drop_caches")
    after = host.shell("sha256sum </var/lib/nether/probe; rm /var/lib/nether/probe")
    check(before == after, f"written {before}, read {after}")


def test_time_goes_on(host):
    """A sleep of a second takes a second by the clock of dom0."""
    start, end = host.shell("cut -d' ' -f1 /proc/uptime; sleep 2; cut -d' ' -f1 /proc/uptime").split()
    passed = float(end) - float(start)
    check(2.0 <= passed < 6.0, f"two seconds took {passed} s")


def test_agent_answers(host):
    host.wait_agent()
    answer = host.request("GET", "/host")
    check(answer["cpus"] == 1, f"the host has one processor, not {answer['cpus']}")
