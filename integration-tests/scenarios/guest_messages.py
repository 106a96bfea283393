# SPDX-License-Identifier: Apache-2.0
"""What guests write with HYPERVISOR_console_io becomes lines of the hypervisor's log, within a limit for each.

What could go wrong: a guest floods the log and the serial port; it uses up what other guests may write; nobody says that lines
were dropped. The guests are Linux with "earlyprintk=xen", which writes its whole log that way.
"""

import re
import time

from lib.check import check, wait_for

HOST = {"cpus": 1}
LINES_A_SECOND = 10


def lines(host, guest):
    """What the hypervisor printed of this guest, and how many lines it says it dropped."""
    domid = guest.get()["status"]["domid"]
    text = re.findall(rf"^\(nether\) d{domid}: (.*)$", host.serial_log(), re.M)
    dropped = [int(n) for line in text for n in re.findall(r"^(\d+) lines were dropped", line)]
    return [line for line in text if "lines were dropped" not in line], sum(dropped)


def test_each_has_a_limit_of_its_own(host):
    host.wait_agent()
    began = time.monotonic()
    noisy = host.create_guest("noisy", memory_mib=128, cmdline="earlyprintk=xen,keep")
    noisy.wait_ready()
    noisy.shell("(while true; do echo noise >/dev/kmsg; done) >/dev/null 2>&1 </dev/null &")
    before = len(lines(host, noisy)[0])
    wait_for("the noise", lambda: len(lines(host, noisy)[0]) > before + 2 * LINES_A_SECOND, 60)

    quiet = host.create_guest("quiet", memory_mib=128, number=101, cmdline="earlyprintk=xen")
    quiet.wait_ready()
    said, _ = lines(host, quiet)
    check(any("Linux version" in line for line in said), f"what the other guest said first is not there: {said[:3]}")

    said, dropped = lines(host, noisy)
    limit = LINES_A_SECOND * (time.monotonic() - began + 2)
    check(len(said) <= limit, f"{len(said)} lines of one guest, more than {limit:.0f}")
    check(dropped > 100, f"{dropped} lines are said to have been dropped")
    return f"{len(said)} lines printed, {dropped} dropped"
