# SPDX-License-Identifier: Apache-2.0
"""What a dead guest has written is nobody else's to find, and the hypervisor's memory is nobody's to reach.

What could go wrong: a page given to a new guest, or shared with it, that still holds what its last owner wrote; a
frame that is marked as clean and is not; a hypercall by which dom0 maps, copies or moves a page of the hypervisor.

What is asserted of a dead guest's secret: free memory is scrubbed later, so it may be found in free frames that are
still to be scrubbed, and nowhere else: in no frame that is anybody's (a guest's, dom0's, shared, the hypervisor's
own), in none that is marked as clean. When nothing is left to be scrubbed it is nowhere in the machine.
"""

import os
import re
from collections import Counter

from lib.check import check, wait_for
from lib.guest import Guest
from lib.memory import DIRTY, FREE, GUEST, HV, SHARED, STATES, Memory

MEMORY_MIB = 1536
DOM0_MIB = 512
HOST = {"cpus": 1, "memory": f"{MEMORY_MIB}M", "dom0_memory": f"{DOM0_MIB}M"}
FILLED_MIB = 256
PAGES = FILLED_MIB << 8
GRANT_FRAMES = 64
FREE_STEP = 64  # of so many free frames one is tried
SCAN_S = 600  # a guest looks at hundreds of MiB in emulation


def secrets_guest(host, name, what, memory_mib):
    """A guest of guests/secrets, made and started; what: its command line."""
    guest = Guest(host, name, memory_mib=memory_mib, kernel=host.push_guest_kernel("secrets"))
    guest.config.update(nics=[], cmdline=what)
    del guest.config["initrd"]
    host.guests.append(guest)
    host.change("POST", "/domains?start=1", guest.config)
    return guest


def said(guest, pattern):
    """What the guest has said, once it has."""
    def text():
        console = guest.console()
        check("failed" not in console, console)
        return re.search(pattern, console)
    return wait_for(f"{guest.name} says {pattern}", text, SCAN_S)


def where(found):
    """Frames with the secret, counted by what they are."""
    names = {None: "", 0: " clean", 1: " dirty", 2: " stale"}
    return dict(Counter(f"{STATES[state]}{names[contents]}" for state, _, contents in found.values()))


def check_nobody_has_it(host, secret, when):
    """The secret is in frames that wait for their scrubbing, or are on the way, and in no others."""
    memory = Memory(host, MEMORY_MIB)
    found = memory.frames_with(secret)
    had = {frame: what for frame, what in found.items() if what[0] != FREE or what[2] not in (DIRTY, None)}
    memory.close()
    check(not had, f"{when}: the secret is in frames (number: state, owner, contents) {dict(list(had.items())[:8])}, "
                   f"{where(had)}")
    return len(found)


def test_what_a_dead_guest_wrote(host):
    host.wait_agent()
    secret = os.urandom(64)
    filler = secrets_guest(host, "filler", f"secrets.fill={secret.hex()}", FILLED_MIB)
    said(filler, r"secrets: filled \d+ pages")
    memory = Memory(host, MEMORY_MIB)
    found = memory.frames_with(secret)
    memory.close()
    kinds = Counter(state for state, _, _ in found.values())
    check(kinds[GUEST] > PAGES * 9 // 10 and kinds[SHARED] > GRANT_FRAMES and set(kinds) <= {GUEST, SHARED},
          f"the guest's memory does not look as it should: {where(found)}")

    filler.delete()
    left = [check_nobody_has_it(host, secret, "right after its end")]
    free_mib = host.free_memory_bytes() >> 20
    size_mib = (free_mib - 64) // 3
    scanners = [secrets_guest(host, f"scanner-{number}", f"secrets.scan={secret.hex()}", size_mib)
                for number in range(3)]
    left.append(check_nobody_has_it(host, secret, "while other guests look for it"))
    pages = 0
    for scanner in scanners:
        answer = said(scanner, r"secrets: scanned (\d+) pages, found (\d+), control (\d+)")
        scanned, number, control = map(int, answer.groups())
        check(number == 0, f"{scanner.name} has found the secret {number} times")
        check(control == 1, f"{scanner.name} does not find a secret of its own: {control}")
        check(scanned >= size_mib << 8, f"{scanner.name} has looked at {scanned} pages only")
        pages += scanned
    left.append(check_nobody_has_it(host, secret, "with all memory given out"))
    for scanner in scanners:
        scanner.delete()

    def is_scrubbed():
        before = len(host.serial_log())
        host.shell(f"{host.program('debug_key')} m")
        line = re.compile(r"heap: .* (\d+) of them to be scrubbed\n")
        answer = wait_for("the hypervisor's view of memory", lambda: line.search(host.serial_log()[before:]), 30)
        return answer.group(1) == "0"

    wait_for("all free memory is scrubbed", is_scrubbed, SCAN_S)
    memory = Memory(host, MEMORY_MIB)
    found = memory.frames_with(secret)
    memory.close()
    check(not found, f"the secret is still there: {where(found)}")
    return (f"{kinds[GUEST]} pages of RAM and {kinds[SHARED]} shared ones filled; in free frames {left[0]} after its end, "
            f"{left[1]} when others began, {left[2]} when they had all; {pages} pages of others looked at")


def test_hypervisor_memory_is_out_of_reach(host):
    """Every frame of the hypervisor (image, frame table; stacks, VMCBs, page tables and whatever else it has of the
    heap) and some free ones, by every way."""
    host.wait_agent()
    guest = secrets_guest(host, "bystander", f"secrets.scan={os.urandom(64).hex()}", 64)  # VMCB, p2m, grant frames
    said(guest, "secrets: scanned")
    memory = Memory(host, MEMORY_MIB)
    code = memory.code()
    own = memory.of_state(HV)
    free = memory.of_state(FREE)[::FREE_STEP]
    frames = set(own) | set(free) | set(memory.image()) | set(memory.table())
    # Where dom0 has something else at a guest frame of this number, it is that which is reached there, and rightly so.
    frames = sorted(frames - set(check_not_mapped(memory)))
    of_dom0 = sum(state == GUEST and owner == 0 for state, owner, _ in memory.frames)
    check(len(own) > 100 and abs(of_dom0 - (DOM0_MIB << 8)) < 256,
          f"the frame table is not understood: {len(own)} frames of the hypervisor's, {of_dom0} of dom0's")
    memory.close()

    host.shell("cat >/tmp/ranges", stdin="".join(f"{start:x} {end:x}\n" for start, end in ranges(frames)))
    answer = host.shell(f"{host.program('reach')} </tmp/ranges", timeout_s=SCAN_S)
    results = re.findall(r"(.+): (\d+) tried, (\d+) reached, first ([0-9a-f]+)", answer)
    check(results and results[0][:3] == ("controls", "8", "8"), f"what dom0 may have is not reached: {answer}")
    check(len(results) > 15, answer)
    for way, tried, reached, first in results[1:]:
        check(int(tried) == len(frames), f"{way}: {tried} of {len(frames)} frames tried")
        check(reached == "0", f"{way}: {reached} frames of the hypervisor are reached, the first 0x{first}")

    memory = Memory(host, MEMORY_MIB)
    now = memory.code()
    mapped = len(check_not_mapped(memory))
    memory.close()
    check(now == code, "the hypervisor's code is not what it was")
    check(guest.state() == "running", f"the other guest is {guest.state()}")
    return (f"{len(frames)} frames tried in {len(results) - 1} ways: {len(own)} that the hypervisor has of its heap, "
            f"{len(free)} free ones, its image and its frame table; none is among the {mapped} that dom0's p2m and the "
            "IOMMU map")


def check_not_mapped(memory):
    """No frame of the hypervisor's and no free one is in dom0's p2m, which is the IOMMU's table too; all that is."""
    forbidden = set(memory.of_state(HV)) | set(memory.of_state(FREE)) | set(memory.image()) | set(memory.table())
    leaves = memory.reached_by_devices()
    wrong = {hex(gfn): hex(mfn) for gfn, mfn in leaves.items() if mfn in forbidden}
    check(len(leaves) > DOM0_MIB << 8, f"dom0's p2m is not understood: {len(leaves)} frames")
    check(not wrong, f"dom0's p2m maps frames of the hypervisor's or free ones: {wrong}")
    return leaves


def ranges(frames):
    """A sorted list of numbers as (start, end) of its runs."""
    runs = []
    for frame in frames:
        if runs and runs[-1][1] == frame:
            runs[-1][1] = frame + 1
        else:
            runs.append([frame, frame + 1])
    return runs
