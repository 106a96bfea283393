# SPDX-License-Identifier: Apache-2.0
"""A guest that asks for anything, and a dom0 that does, harm nobody else.

What could go wrong: the hypervisor panics or hangs, dom0 or its daemons fall over, another guest's memory changes
or its answers come late, memory is not given back, a domain cannot be destroyed. Each run of the guest
(guests/fuzz) follows from its seed, which the log names; so does that of dom0's program (programs/fuzz_dom0.c).

NETHER_FUZZ_SECONDS (for each test, 20), NETHER_FUZZ_SEED (the first, 1) and NETHER_FUZZ_CPUS (of the host, 1) make a
longer or another run.
"""

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor, wait

from lib.check import Failure, check, wait_for
from lib.guest import Guest

HOST = {"cpus": int(os.environ.get("NETHER_FUZZ_CPUS", "1"))}
SECONDS = int(os.environ.get("NETHER_FUZZ_SECONDS", "20"))
SEED = int(os.environ.get("NETHER_FUZZ_SEED", "1"))
STEPS = 20000
RUN_S = 60          # then the next seed has its turn, whatever this one is at
SILENT_S = 8        # and so it has when this one says nothing, and nothing is said of it
DOM0_RUN_S = 5
ANSWER_S = 60       # the other guest's web page: a stall, not a busy machine in emulation
PROGRAM = "/tmp/fuzz_dom0"
SPARED = 0xbad      # the domid of the guest that dom0's program spares: it comes up as nothing else


class Witness:
    """A guest that has nothing to do with it: what it holds, and how fast it answers."""

    def __init__(self, host):
        self.guest = host.create_guest("witness", number=150, memory_mib=192)
        self.guest.wait_ready()
        self.guest.shell("dd if=/dev/urandom of=/run/held bs=64k count=800 2>/dev/null")
        self.sum = self.guest.shell("sha256sum </run/held")
        self.slowest_s = 0

    def check_answers(self):
        began = time.monotonic()
        self.guest.page()
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        check(self.slowest_s < ANSWER_S, f"the other guest's page took {self.slowest_s:.1f} s")

    def check_unharmed(self):
        check(self.guest.shell("sha256sum </run/held") == self.sum, "the other guest's memory has changed")
        check(self.guest.state() == "running", f"the other guest is {self.guest.state()}")


def fuzzing_guest(host, kernel, seed, vcpus, meanwhile):
    """Runs one seed to its end; it may also wait for ever for what it has switched off: as good an end as any."""
    guest = Guest(host, f"fuzz-{seed}", memory_mib=64, vcpus=vcpus, kernel=kernel,
                  cmdline=f"fuzz.seed={seed} fuzz.steps={STEPS} fuzz.cpus={vcpus}")
    guest.config.update(nics=[], onReboot="END_ACTION_DESTROY", onCrash="END_ACTION_DESTROY")
    del guest.config["initrd"]
    host.guests.append(guest)
    guest.create()
    end, said, heard = time.monotonic() + RUN_S, 0, time.monotonic()
    while guest.state() != "stopped" and time.monotonic() < min(end, heard + SILENT_S):
        size = len(host.serial_log())
        if size != said:
            said, heard = size, time.monotonic()
        meanwhile()
        time.sleep(0.5)
    guest.delete()


def steps_reported(log):
    """The most that each domain has said."""
    most = {}
    for domain, steps in re.findall(r"d(\d+): fuzz: seed .* all (\d+),", log):
        most[domain] = max(most.get(domain, 0), int(steps))
    return sum(most.values())


def domains(host):
    """Every domain that the hypervisor knows, dying ones too."""
    return len(host.shell("nether list").splitlines())


def check_nothing_left(host, free, count, made=0):
    """made: how many domains there have been; a page of the table of domids is made for each 512 and stays.

    So do dom0's own page tables, which may have grown by what it mapped at one time more than before.
    """
    kept = (64 << 10) + 4096 * (made // 512 + 1)
    try:
        wait_for("free memory is back where it was", lambda: abs(free - host.free_memory_bytes()) <= kept, 60)
    except Failure as failure:
        raise Failure(f"{failure}: {free} before, {host.free_memory_bytes()} after") from None
    check(domains(host) == count, f"domains are left: {host.shell('nether list')}")


def test_guest(host):
    host.wait_agent()
    kernel = host.push_guest_kernel("fuzz")
    witness = Witness(host)
    fuzzing_guest(host, kernel, SEED, 1, witness.check_answers)  # what is allocated once and kept is there after this one
    free, count = host.free_memory_bytes(), domains(host)
    end = time.monotonic() + SECONDS
    seed = SEED
    while time.monotonic() < end:
        seed += 1
        fuzzing_guest(host, kernel, seed, 4 if seed % 4 >= 2 else 1, witness.check_answers)
        witness.check_answers()
    check_nothing_left(host, free, count)
    witness.check_unharmed()
    return (f"seeds {SEED} to {seed}, at least {steps_reported(host.serial_log())} steps; "
            f"the other guest's slowest answer {witness.slowest_s:.1f} s")


def answers_meanwhile(witness, line, timeout_s=300):
    """Output of a line of shell in dom0; the witness answers before, meanwhile and afterwards."""
    with ThreadPoolExecutor(1) as other:
        output = other.submit(witness.guest.host.shell, line, timeout_s=timeout_s)
        while not output.done():
            witness.check_answers()
            wait([output], 1)
    witness.check_answers()
    return output.result()


def test_dom0(host):
    """dom0's own hypercalls with garbage; what is not tried stands in the program, with the reason."""
    host.wait_agent()
    built = host.lab.build / "integration-tests" / "fuzz_dom0"
    result = host.lab.run("push", host.number, built, PROGRAM, capture_output=True)
    check(result.returncode == 0, f"{built} cannot be copied: {result.stderr}")
    host.shell(f"{PROGRAM} before {SPARED}", timeout_s=300)
    witness = Witness(host)
    domid = witness.guest.get()["status"]["domid"]
    check(domid == SPARED, f"the other guest is domain {domid}, not {SPARED}")
    host.shell(f"{PROGRAM} {SEED} 1 {SPARED}")
    free, count = host.free_memory_bytes(), domains(host)
    end = time.monotonic() + SECONDS
    seed, calls, made = SEED, 0, 0
    while time.monotonic() < end:
        seed += 1
        numbers = re.findall(r"\d+", answers_meanwhile(witness, f"{PROGRAM} {seed} {DOM0_RUN_S} {SPARED}"))
        calls += int(numbers[0])
        made += int(numbers[2])
    check_nothing_left(host, free, count, made)
    witness.check_unharmed()
    return (f"seeds {SEED} to {seed}, {calls} calls, {made} domains; "
            f"the other guest's slowest answer {witness.slowest_s:.1f} s")
