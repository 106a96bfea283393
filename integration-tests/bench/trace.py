# SPDX-License-Identifier: Apache-2.0
"""Counts a domain's exits in a trace that xentrace wrote: the same records on Nether and on Xen (xen/trace.h)."""

import struct
from collections import Counter

from lib.check import Failure

EVENT_MASK = "0x000a9000"  # for xentrace -e: who runs (TRC_SCHED_SWITCH), and TRC_HVM_VMEXIT
SCHED_SWITCH = 0x0002800A  # data: domain and vCPU that ran, domain and vCPU that run now
VMEXIT, VMEXIT64 = 0x00081002, 0x00081102  # data: exit code, RIP
LOST_RECORDS = 0x0001F001


def records(data):
    """The records of a trace as (event, [words])."""
    at = 0
    while at + 4 <= len(data):
        (head,) = struct.unpack_from("<I", data, at)
        event, extra, has_tsc = head & 0x0FFFFFFF, head >> 28 & 7, head >> 31
        at += 4 + 8 * has_tsc
        if at + 4 * extra > len(data):
            return
        yield event, struct.unpack_from(f"<{extra}I", data, at)
        at += 4 * extra


def count_exits(data, domid):
    """Exits of a domain by exit code, on a host of one CPU. It is a failure when records were lost."""
    running, exits = None, Counter()
    for event, words in records(data):
        if event == LOST_RECORDS:
            raise Failure("xentrace has lost records: the exits cannot be counted")
        if event == SCHED_SWITCH:
            running = words[2]
        elif event in (VMEXIT, VMEXIT64) and running == domid:
            exits[words[0]] += 1
    return exits
