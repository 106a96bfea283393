# SPDX-License-Identifier: Apache-2.0
"""Two guests reach each other and dom0 over the bridge.

What could go wrong: grants that only map for one backend; a guest's packets that reach dom0 but not
another guest; packets whose contents are changed on the way (grant copy, checksum offload).
"""

from lib.check import check

HOST = {"cpus": 1}


def test_two_guests_ping_each_other(host):
    host.wait_agent()
    first = host.create_guest("left", number=101, memory_mib=128)
    second = host.create_guest("right", number=102, memory_mib=128)
    first.wait_ready()
    second.wait_ready()
    for here, there in ((first, second), (second, first)):
        text = here.shell(f"ping -c 5 -W 5 {there.address}")
        check(" 0% packet loss" in text, text)
    text = first.shell(f"ping -c 3 -W 5 -s 1400 {second.address}")
    check(" 0% packet loss" in text, text)

    # A megabyte from one guest to the other arrives as it was sent.
    second.shell("dd if=/dev/urandom of=/www/blob bs=64k count=16 2>/dev/null")
    sent = second.shell("sha256sum </www/blob")
    got = first.shell(f"wget -q -O - http://{second.address}/blob | sha256sum")
    check(sent == got, f"sent {sent}, received {got}")


def test_dom0(host):
    host.wait_agent()
    guest = host.create_guest("outward", memory_mib=128)
    guest.wait_ready()
    guest.shell("ping -c 3 -W 5 10.77.0.11")
