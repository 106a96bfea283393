# SPDX-License-Identifier: Apache-2.0
"""Every change of a guest's state that REST offers does what it says, and refuses what it must.

What could go wrong: a paused guest that runs on, a shutdown that waits for ever, a record that is lost
or doubled, an error that does not name the field at fault.
"""

import json

from lib.check import check, wait_for

HOST = {"cpus": 1}


def test_pause_stops_its_time(host):
    host.wait_agent()
    guest = host.create_guest("pauser", memory_mib=128)
    guest.wait_ready()
    guest.action("pause")
    check(guest.state() == "paused", f"it is {guest.state()}")
    first = host.request("GET", "/domains/pauser")["status"]["cpuTimeNs"]
    check(host.run("ping -c 2 -W 1 10.77.0.100").returncode != 0, "a paused guest answers a ping")
    second = host.request("GET", "/domains/pauser")["status"]["cpuTimeNs"]
    check(first == second, f"a paused guest has used processor time: {first} then {second}")
    guest.action("unpause")
    wait_for("it answers again", lambda: host.run("ping -c 1 -W 2 10.77.0.100").returncode == 0, 30)


def test_shutdown_from_outside(host):
    host.wait_agent()
    guest = host.create_guest("stopper", memory_mib=128)
    guest.wait_ready()
    guest.action("shutdown")
    guest.wait_state("stopped", 90)
    guest.start()
    guest.wait_ready(boots=2)


def test_power_off_from_inside(host):
    host.wait_agent()
    guest = host.create_guest("leaver", memory_mib=128)
    guest.wait_ready()
    guest.run("(sleep 1; poweroff -f) >/dev/null 2>&1 </dev/null &")
    guest.wait_state("stopped", 90)


def test_console_takes_input(host):
    host.wait_agent()
    guest = host.create_guest("talker", memory_mib=128)
    guest.wait_ready()
    host.shell("(printf 'echo answer-$((6*7))\\r'; sleep 5) | timeout 20 nether console talker >/dev/null 2>&1; true")
    wait_for("the shell's answer on the console", lambda: "answer-42" in guest.console(), 30)


def test_refusals_name_the_field(host):
    host.wait_agent()
    kernel = "/var/lib/nether/images/vmlinuz"
    good = {"name": "refused", "memoryBytes": 128 << 20, "vcpus": 1, "kernel": kernel}
    for change, field in (
        ({"name": "no/slash"}, "name"),
        ({"vcpus": 0}, "vcpus"),
        ({"vcpus": 100000}, "vcpus"),
        ({"memoryBytes": 12345}, "memory"),
        ({"kernel": "relative/path"}, "kernel"),
        ({"nics": [{"mac": "not a mac", "bridge": "br0"}]}, "mac"),
        ({"disks": [{"target": "sda", "path": "/tmp/x"}]}, "target"),
    ):
        status, problem = host.rest("POST", "/domains", {**good, **change})
        check(status in (400, 422), f"{change} was answered with {status} {json.dumps(problem)}")
        check(field in problem.get("field", "").lower(), f"{change}: the field named is {problem.get('field')!r}")
    check(host.rest("GET", "/domains/refused")[0] == 404, "a refused domain was kept")
    check(host.rest("GET", "/domains/nobody")[0] == 404, "an unknown domain is not a 404")


def test_missing_kernel_is_undone(host):
    """A start that fails leaves a stopped record and frees everything."""
    host.wait_agent()
    free = host.free_memory_bytes()
    status, _ = host.rest("POST", "/domains", {"name": "hollow", "memoryBytes": 128 << 20, "vcpus": 1,
                                               "kernel": "/var/lib/nether/images/disk.img"})
    if status < 300:
        host.rest("POST", "/domains/hollow/start", {})
        wait_for("it is stopped again", lambda: host.request("GET", "/domains/hollow")["status"]["state"]
                 == "DOMAIN_STATE_STOPPED", 30)
        host.change("DELETE", "/domains/hollow")
    wait_for("its memory is back", lambda: host.free_memory_bytes() == free, 20)
