# SPDX-License-Identifier: Apache-2.0
"""What guests take from a host, counted: the same before and after, or something is lost."""

import re
from collections import Counter

from lib.check import check, wait_for

DAEMONS = ("netherd", "nether-stored")


def descriptors(host, program):
    """What the open descriptors of a daemon lead to, each with its count."""
    links = host.shell(f"for f in /proc/$(pidof {program})/fd/*; do readlink $f; done").splitlines()
    return dict(sorted(Counter(re.sub(r"\[\d+\]", "", link) for link in links).items()))


def resident_kib(host, program):
    """Memory of a daemon that is in RAM."""
    return int(host.shell(f"awk '/VmRSS/ {{print $2}}' /proc/$(pidof {program})/status"))


def hypervisor_domains(host):
    """Every domain that the hypervisor knows, dead ones too: {domid: {"event channels": …, "grants mapped": …}}."""
    before = len(host.serial_log())

    def listed():
        text = host.serial_log()[before:]
        return text if re.search(r"clock: up .*\n", text) else None  # key t comes last

    host.shell(f"{host.program('debug_key')} qt")
    lines = re.findall(r"d(\d+): state \d, .* ports (\d+), grants mapped (\d+)",
                       wait_for("the hypervisor's list of domains", listed, 30))
    return {int(domid): {"event channels": int(ports), "grants mapped": int(grants)} for domid, ports, grants in lines}


def store_nodes(host):
    """The paths of xenstore, without what comes and goes."""
    return sorted(line.split(" = ")[0] for line in host.shell("xenstore-ls -f").splitlines())


def taken(host):
    """What guests use of a host, counted. Two of these are equal when nothing was left behind between."""
    domains = hypervisor_domains(host)
    return {
        "domains": sorted(domains),
        "event channels": domains[0]["event channels"],
        "grants mapped": domains[0]["grants mapped"],
        "loop devices": host.shell("losetup -a | wc -l"),
        "bridge ports": host.shell("ls /sys/class/net/br0/brif | wc -l"),
        "backends in dom0's kernel": host.shell("ls /sys/bus/xen-backend/devices | wc -l"),
        "xenstore": store_nodes(host),
        **{f"{daemon}'s descriptors": descriptors(host, daemon) for daemon in DAEMONS},
    }


def check_same(before, after):
    """Fails the test, naming what has changed, unless both taken() are the same."""
    changed = {}
    for what in before:
        if before[what] != after[what]:
            old, new = before[what], after[what]
            if isinstance(old, list):
                old, new = sorted(set(old) - set(new)), sorted(set(new) - set(old))
            changed[what] = (old, new)
    check(not changed, f"(before, after): {changed}")


def settled_free_bytes(host):
    """Free memory once it has stopped changing (idle processors still take domains apart)."""
    free = [host.free_memory_bytes()]

    def is_settled():
        free.append(host.free_memory_bytes())
        return free[-1] == free[-2]

    wait_for("free memory settles", is_settled, 60)
    return free[-1]
