# SPDX-License-Identifier: Apache-2.0
"""Two hosts on one network: their dom0s and a guest of one reach the other.

What could go wrong: frames that the bridge or the switch loses; two hosts with one identity.
"""

from lib.check import check
from lib.host import Host

HOST = None


def test_a_guest_reaches_the_other_host(lab):
    options = {"hosts": 2, "cpus": 1, "memory": "1536M"}
    result = lab.up(options)
    check(result.returncode == 0, f"the hosts did not come up:\n{result.stdout[-4000:]}")
    first, second = Host(lab, 1, options), Host(lab, 2, options)
    check((first.shell("hostname"), second.shell("hostname")) == ("host1", "host2"), "the hosts' names")
    first.shell("ping -c 3 -W 5 10.77.0.12")

    first.wait_agent()
    guest = first.create_guest("traveller", memory_mib=128)
    guest.wait_ready()
    guest.shell("ping -c 3 -W 5 10.77.0.12")
    second.shell("ping -c 3 -W 5 10.77.0.100")
    first.check_health()
    second.check_health()
    lab.down()
