# SPDX-License-Identifier: Apache-2.0
"""The host's processor is stopped and goes on at any moment: no interrupt is lost, and none comes twice.

What could go wrong: an interrupt that was given to a guest is given once more when the processor goes on, also where
the guest has interrupts off. dom0 then waits for ever for a lock that it holds itself. QEMU 7.2 does that with
what VMRUN injects (docs/debugging.md), so the hypervisor injects no interrupts, it offers them.
"""

import socket

from lib.check import check
from lib.guest import IMAGES

HOST = {"cpus": 1}
STOPS = 2000
DISK = "/var/lib/nether/stopped.img"


def stop_and_go(host, times):
    """With QEMU's monitor; each must be answered."""
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(30)
        monitor.connect(str(host.lab.folder / f"host{host.number}" / "monitor.sock"))
        while not monitor.recv(4096).endswith(b"(qemu) "):
            pass
        for number in range(times):
            monitor.sendall(b"stop\ncont\n")
            answer = b""
            while answer.count(b"(qemu) ") < 2:
                try:
                    answer += monitor.recv(4096)
                except TimeoutError:
                    check(False, f"the processor did not stop, or did not go on, at the {number + 1}. time")


def test_each_interrupt_comes_once(host):
    """While a guest reads its disk and is pinged: many events for dom0 and for the guest."""
    host.wait_agent()
    host.shell(f"cp {IMAGES}/disk.img {DISK}")
    guest = host.create_guest("stopped", disk=DISK)
    guest.wait_ready(timeout_s=600)
    guest.shell("(while :; do dd if=/dev/xvda of=/dev/null bs=4k iflag=direct count=1000; done) >/dev/null 2>&1 "
                "</dev/null &")
    host.shell(f"(while ping -c 1 -W 60 {guest.address}; do ping -f -c 1000 -W 60 {guest.address}; done) "
               ">/dev/null 2>&1 </dev/null &")
    stop_and_go(host, STOPS)
    check(host.shell("echo goes on") == "goes on" and guest.shell("echo goes on") == "goes on", "one of them hangs")
    reads = guest.shell("cat /sys/block/xvda/stat").split()[0]
    return f"stopped {STOPS} times, {reads} reads of the guest meanwhile"
