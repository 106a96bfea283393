# SPDX-License-Identifier: Apache-2.0
"""The agent is killed and comes back while a guest runs: nothing is lost, doubled or stopped.

What could go wrong: the guest dies with the agent that holds its console; the new agent does not know
the guest, or starts a second one from the same record.
"""

from lib.check import check, wait_for

HOST = {"cpus": 1}


def test_killed_agent_adopts_the_guest(host):
    host.wait_agent()
    guest = host.create_guest("survivor", memory_mib=128)
    guest.wait_ready()
    domid = guest.get()["status"]["domid"]
    uptime = guest.uptime_s()
    old = host.shell("pidof netherd")

    host.shell("kill -9 $(pidof netherd)")
    wait_for("init starts the agent again", lambda: host.run("pidof netherd").stdout.strip() not in ("", old), 30)
    host.wait_agent()

    wait_for("the agent says it runs", lambda: guest.state() == "running", 30)
    check(guest.get()["status"]["domid"] == domid, "it is another domain now")
    check(guest.uptime_s() > uptime, "the guest was started anew")
    domains = [d["config"]["name"] for d in host.request("GET", "/domains")["domains"]]
    check(domains.count("survivor") == 1, f"domains are {domains}")

    # The console is the new agent's: what the guest writes now arrives.
    guest.shell("echo after-the-restart >/dev/console")
    wait_for("the console goes on", lambda: "after-the-restart" in guest.console(), 30)
    guest.action("shutdown")
    guest.wait_state("stopped", 90)
