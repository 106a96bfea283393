# SPDX-License-Identifier: Apache-2.0
"""Disk and network throughput of guests, and the latency of a ping, by the clock.

The disk is a second NVMe device of the host, given to the guest whole. All are measured in turn, a first time for
the emulator, which translates what it has not seen, and then ROUNDS times: a run's value is the median of these.
"""

import re
from statistics import median

from bench import load
from bench.peers import say
from bench.table import Row
from lib.check import check

ROUNDS = 5
DISK_MIB = 64
DISK_REQUEST = 1 << 20
STREAM_MIB = 16
PINGS = 50
SERIAL = "nether-bench"  # of the disk

ROWS = [
    Row("disk_read", "disk: read of 1 MiB each, O_DIRECT", "MB/s", factor=1, more_is_better=True),
    Row("disk_write", "disk: write of 1 MiB each, O_DIRECT", "MB/s", factor=1, more_is_better=True),
    Row("tcp_dom0", "TCP stream, guest to dom0", "MB/s", factor=1, more_is_better=True),
    Row("tcp_guest", "TCP stream, guest to guest", "MB/s", factor=1, more_is_better=True),
    Row("ping", "ping, guest to dom0 and back", "µs", factor=1),
    Row("disk_read_cpu", "processor time of the emulator: disk, read", "ms/MiB"),
    Row("disk_write_cpu", "processor time of the emulator: disk, write", "ms/MiB"),
    Row("tcp_dom0_cpu", "processor time of the emulator: TCP to dom0", "ms/MiB"),
    Row("tcp_guest_cpu", "processor time of the emulator: TCP guest to guest", "ms/MiB"),
]


def make_disk(path):
    """The disk's contents on this machine, and QEMU's options for it."""
    with open(path, "wb") as file:
        for number in range(DISK_MIB):
            file.write(bytes([number]) * (1 << 20))
    return (f"-drive if=none,id=bench,file={path},format=raw,cache=unsafe "
            f"-device nvme,drive=bench,serial={SERIAL}")


def find_disk(host):
    name = host.shell(f"for i in /sys/block/nvme*; do grep -q {SERIAL} $i/device/serial && echo ${{i##*/}}; done; true")
    check(re.fullmatch(r"nvme\w+", name), f"dom0 sees no disk with serial {SERIAL}: {name}")
    return f"/dev/{name}"


def rate(bytes_and_ns):
    size, duration = bytes_and_ns
    return size * 1000 / duration  # MB/s


def ping_us(guest):
    text = guest.shell(f"ping -c {PINGS} -i 0.1 {load.DOM0}", timeout_s=300)
    times = [float(ms) * 1000 for ms in re.findall(r"time=([\d.]+) ms", text)]
    check(len(times) >= PINGS * 0.9, f"pings were lost:\n{text}")
    return median(times)


def measure(peer):
    """All rows on the host that the peer has booted; {name: value}."""
    load.serve(peer.host)
    near = peer.guest("near", number=101, disk=find_disk(peer.host))
    far = peer.guest("far", number=102)
    for guest in (near, far):
        peer.create(guest)
        load.fetch(guest)
    far.shell(f"/tmp/netload serve {load.LOAD_PORT}")

    def with_cpu(name, mib, measurement):
        """The rate, and what it costs the emulator: other work on this machine does not stretch that."""
        before = peer.emulator_cpu_s()
        value = rate(measurement())
        return {name: value, f"{name}_cpu": (peer.emulator_cpu_s() - before) * 1000 / mib}

    def measure_once():
        return {
            **with_cpu("disk_read", DISK_MIB, lambda: load.disk(near, "read", DISK_REQUEST, DISK_MIB)),
            **with_cpu("disk_write", DISK_MIB, lambda: load.disk(near, "write", DISK_REQUEST, DISK_MIB)),
            **with_cpu("tcp_dom0", STREAM_MIB, lambda: load.stream(near, load.DOM0, STREAM_MIB)),
            **with_cpu("tcp_guest", STREAM_MIB, lambda: load.stream(near, far.address, STREAM_MIB)),
            "ping": ping_us(near),
        }

    say(f"{peer.title}: throughput")
    rounds = [measure_once() for _ in range(1 + ROUNDS)]
    for guest in (near, far):
        peer.destroy(guest)
    return {name: median(values[name] for values in rounds[1:]) for name in rounds[0]}
