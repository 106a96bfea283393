# SPDX-License-Identifier: Apache-2.0
"""What guests and dom0 need to measure disks and networks: our programs, and their results."""

from bench.peers import nanoseconds

DOM0 = "10.77.0.11"  # on the guests' bridge
FETCH_PORT = 8000
LOAD_PORT = 5001


def serve(host):
    """Lets guests fetch the programs from dom0, and dom0 take their packets."""
    for program in ("netload", "diskload"):
        host.push_program(program)
    host.shell(f"httpd -h /tmp -p {DOM0}:{FETCH_PORT} && /tmp/netload serve {LOAD_PORT}")


def fetch(guest):
    guest.shell(f"cd /tmp && for i in netload diskload; do wget -q http://{DOM0}:{FETCH_PORT}/$i && chmod 755 $i; done")


def disk(guest, verb, request_bytes, count):
    """Bytes and nanoseconds of so many requests to the guest's first disk, past its cache."""
    return nanoseconds(guest.shell(f"/tmp/diskload {verb} /dev/xvda {request_bytes} {count}", timeout_s=600), "disk")


def stream(guest, to, mib):
    """Bytes and nanoseconds of one TCP stream."""
    return nanoseconds(guest.shell(f"/tmp/netload stream {to} {LOAD_PORT} {mib}", timeout_s=600), "stream")


def ask(guest, to, out_bytes, back_bytes, count):
    """Median of the nanoseconds that a UDP request and its answer take."""
    text = guest.shell(f"/tmp/netload ask {to} {LOAD_PORT} {out_bytes} {back_bytes} {count}", timeout_s=600)
    return nanoseconds(text, "ask")[1]
