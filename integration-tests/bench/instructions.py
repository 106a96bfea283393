# SPDX-License-Identifier: Apache-2.0
"""Counts what operations cost, in instructions, and an idle guest's exits.

The host is emulated with QEMU's -icount shift=0: every instruction is one nanosecond and one tick of
the TSC, so a difference of times is the number of instructions in between, the hypervisor's and dom0's
included, and nearly the same in each run. It says nothing about time on real hardware.

The first rows are measured by a tiny guest (integration-tests/guests/cost), from guest to guest; medians. The
disk and network rows are measured in a Linux guest, from the call to its return, with dom0's backend in
between; the disk is a file in dom0's memory.
"""

import re

from bench import load, trace
from bench.peers import say
from bench.table import Row
from lib.check import Failure, check

HOST = {"cpus": 1, "memory": "2G", "dom0_memory": "768M", "timeout": 1800,
        "qemu": "-icount shift=0,sleep=off"}

ASKS = 200
ASK_SMALL, ASK_LARGE = 18, 1472  # payloads of packets of 46 and 1,500 bytes
PAGES = 1000
IDLE_S = 20

# What the cost guest measures, in its order: its name there, ours, and what Nether may take at most.
ROWS_OF_GUEST = [
    Row("hypercall", "null hypercall (XENVER_version)", "instr.", limit=400),
    Row("cpuid", "CPUID, leaf 1", "instr.", limit=400),
    Row("get_features", "XENVER_get_features: copy in, copy out", "instr.", limit=800),
    Row("set_timer", "VCPUOP_set_singleshot_timer, 1 ms ahead", "instr.", limit=600),
    Row("send", "EVTCHNOP_send to oneself, no upcall", "instr.", limit=800),
    Row("upcall", "EVTCHNOP_send to oneself, until its handler", "instr."),
    Row("upcall_return", "the same until the sender goes on (with EOI)", "instr."),
    Row("apic_timer_set", "local APIC timer, initial count written", "instr."),
    Row("apic_timer_tick", "local APIC timer's tick, until its handler", "instr."),
]
ROWS_OF_PAIR = [
    Row("round_trip", "event to another guest and back, both halted", "instr."),
]
ROWS_OF_LINUX = [
    Row("page_read", "4 KiB read from a blkfront disk", "instr."),
    Row("packet_out", "1,500-byte packet to dom0, short answer", "instr."),
    Row("packet_in", "short packet to dom0, 1,500-byte answer", "instr."),
    Row("idle_exits", "exits of an idle Linux guest", "a second", factor=1),
]
ROWS = ROWS_OF_GUEST + ROWS_OF_PAIR + ROWS_OF_LINUX


def parse(console):
    """The medians in the guest's lines "cost: NAME MIN MEDIAN MAX"."""
    lines = re.findall(r"^cost: (\w+) \d+ (\d+) \d+\s*$", console, re.M)
    return {name: int(median) for name, median in lines}


def run_cost_guest(peer, name, rows):
    """Starts a cost guest and returns what it measured, which must be these rows."""
    guest = peer.guest(name, kernel="/var/lib/nether/images/cost.elf", sample=False)
    peer.create(guest, "cost: begin")
    console = peer.wait_console(guest, "cost: done", "cost: failed")
    results = parse(console)
    missing = [row.name for row in rows if row.name not in results]
    if missing:
        raise Failure(f"the guest did not measure {', '.join(missing)}; it says:\n{console}")
    return guest, results


def idle_exits(peer, guest):
    """The guest's exits in an idle second, counted in IDLE_S of them."""
    path = peer.lab.folder / "idle.trace"
    domid = int(peer.host.shell("xenstore-list /local/domain | sort -n | tail -1"))  # the youngest
    peer.host.shell(f"rm -f /tmp/trace; xentrace -D -S 256 -e {trace.EVENT_MASK} -T {IDLE_S} /tmp/trace", timeout_s=600)
    result = peer.lab.run("pull", 1, "/tmp/trace", path, capture_output=True)
    check(result.returncode == 0, f"the trace cannot be had: {result.stderr}")
    exits = trace.count_exits(path.read_bytes(), domid)
    check(exits, f"no exit of {guest.name} (domain {domid}) in the trace")
    by_code = ", ".join(f"{code:#x}: {count}" for code, count in exits.most_common())
    say(f"{peer.title}: exits in {IDLE_S} idle seconds by exit code: {by_code}")
    return sum(exits.values()) / IDLE_S


def measure_linux(peer):
    load.serve(peer.host)
    peer.host.shell(f"dd if=/dev/urandom of=/tmp/pages.img bs=4096 count={PAGES} 2>/dev/null")
    guest = peer.guest("linux", disk=peer.backing("/tmp/pages.img"))
    peer.create(guest)
    load.fetch(guest)
    load.disk(guest, "read", 4096, PAGES // 10)  # once for the caches of both kernels
    _, duration = load.disk(guest, "read", 4096, PAGES)
    return {
        "page_read": duration / PAGES,
        "packet_out": load.ask(guest, load.DOM0, ASK_LARGE, ASK_SMALL, ASKS),
        "packet_in": load.ask(guest, load.DOM0, ASK_SMALL, ASK_LARGE, ASKS),
        "idle_exits": idle_exits(peer, guest),
    }


def measure(peer):
    """Boots a host of its own for all rows; {name: value}."""
    peer.boot(HOST)
    peer.host.push_guest_kernel("cost")
    answering, values = run_cost_guest(peer, "cost", ROWS_OF_GUEST)
    asking, round_trip = run_cost_guest(peer, "pair", ROWS_OF_PAIR)
    peer.destroy(answering)
    values.update(round_trip)
    values.update(measure_linux(peer))
    return values
