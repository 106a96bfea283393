# SPDX-License-Identifier: Apache-2.0
"""A host with 16 processors that run vCPUs, 64 GiB and four NUMA nodes, and a guest with 8 vCPUs on it.

What could go wrong: processors that do not start; memory above 4 GiB or of other nodes that is not there;
all of it touched at boot (the machine of the tests does not have it); processors that fight for
locks instead of working; a topology that is told wrongly.
"""

import re

from lib.check import check

NODES, MEMORY_GIB = 4, 64
IDLE_CPUS, PER_NODE = 1, 4  # the one that runs no vCPU is of the first node
CPUS = IDLE_CPUS + NODES * PER_NODE


def node_of(cpu):
    return max(cpu - IDLE_CPUS, 0) // PER_NODE


def numa():
    """QEMU's options: equal nodes in a row, farther ones at longer distances; host memory as it is touched."""
    words = []
    for node in range(NODES):
        cpus = [cpu for cpu in range(CPUS) if node_of(cpu) == node]
        words += ["-object", f"memory-backend-ram,id=ram{node},size={MEMORY_GIB // NODES}G,reserve=off", "-numa",
                  f"node,nodeid={node},cpus={cpus[0]}-{cpus[-1]},memdev=ram{node}"]
    for node in range(NODES):  # they must all be there first
        words += [w for far in range(node + 1, NODES)
                  for w in ("-numa", f"dist,src={node},dst={far},val={distance(node, far)}")]
    return " ".join(words)


def distance(a, b):
    return 10 if a == b else 15 + 6 * abs(a - b)


# One vCPU of dom0: beside another one on a processor of its own, what a kernel patches in its code may run unpatched for
# ever in QEMU 7.2 (docs/debugging.md), and so many emulated processors make that likely.
HOST = {"cpus": CPUS - IDLE_CPUS, "idle_cpus": IDLE_CPUS, "memory": f"{MEMORY_GIB}G", "dom0_cpus": 1, "qemu": numa()}


def resident_gib(host):
    """What the host's machine has really touched, as the machine that emulates it sees it."""
    pid = int((host.lab.folder / "host1" / "pid").read_text())
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) / 2**20


def test_topology(host):
    host.wait_agent()
    told = host.request("GET", "/host")
    check(told["cpus"] == CPUS and told["nodes"] == NODES, f"the host's size: {told}")
    check(told["coresPerSocket"] * told["threadsPerCore"] == CPUS, f"the host's one package: {told}")
    for total in ("memoryBytes", "freeMemoryBytes"):
        check(MEMORY_GIB - 2 < int(told[total]) / 2**30 <= MEMORY_GIB, f"{total}: {told[total]}")
    check(f"smp: {CPUS} of {CPUS} CPUs online" in host.serial_log(), "not all processors are online")


def test_sysctl_by_node(host):
    """What the tools of Xen would be told of processors, nodes, distances and free memory."""
    lines = host.shell(host.push_program("host_topology")).splitlines()
    cpus = [tuple(map(int, line.split()[1:])) for line in lines if line.startswith("cpu ")]
    nodes = [tuple(map(int, line.split()[1:])) for line in lines if line.startswith("node ")]
    check(cpus == [(cpu, cpu, 0, node_of(cpu)) for cpu in range(CPUS)], f"cpu, core, socket, node: {cpus}")
    check([n[0] for n in nodes] == list(range(NODES)), f"nodes: {nodes}")
    for node, total_mib, free_mib, heap_mib, *distances in nodes:
        expected = MEMORY_GIB // NODES * 1024
        check(expected - 1600 < total_mib <= expected, f"node {node} has {total_mib} MiB")
        check(expected - 2400 < free_mib <= total_mib, f"node {node} has {free_mib} MiB free")
        check(abs(heap_mib - free_mib) < 64, f"node {node}: {free_mib} MiB free, the heap says {heap_mib}")
        check(distances == [distance(node, other) for other in range(NODES)], f"distances of {node}: {distances}")


def test_guest_with_8_vcpus(host):
    host.wait_agent()
    guest = host.create_guest("eight", memory_mib=512, vcpus=8)
    guest.wait_ready(timeout_s=300)
    check(guest.shell("nproc") == "8", "the guest does not have 8 vCPUs")
    check("Hello from eight" in guest.page(), "the guest does not serve its page")
    took = guest.cycle_vcpu(3)
    return f"userspace after {guest.ready_s:.1f} s, a vCPU twice down and up in {took:.1f} s"


def test_memory_is_not_touched(host):
    """Nothing has scrubbed what nobody wanted: a small part of the machine is resident."""
    used = resident_gib(host)
    check(used < 8, f"{used:.1f} GiB of {MEMORY_GIB} are resident")
    return f"{used:.1f} GiB resident"
