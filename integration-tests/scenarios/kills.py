# SPDX-License-Identifier: Apache-2.0
"""netherd and nether-stored are killed at random moments, hundreds of times, while guests come, work and go.

What could go wrong: a guest that is lost, made twice, or stopped with the daemon; half a transaction, a watch that
does not fire any more, a number that was committed and is gone; memory, event channels, grants, nodes, descriptors,
loop devices, bridge ports or backends that nobody gives back; output of a guest that nobody has read.

What is killed and when follows from the seed, which the result names. init starts a daemon again a second after its
end. NETHER_KILLS (of both daemons together, 200) and NETHER_KILLS_SEED make a longer run, or the same again.
"""

import json
import os
import random
import re
import threading
import time
import uuid

from lib.check import Failure, check, wait_for
from lib.guest import Guest
from lib.holdings import DAEMONS, check_same, settled_free_bytes, taken

HOST = {"cpus": 1}
KILLS = int(os.environ.get("NETHER_KILLS", "200"))
SEED = int(os.environ.get("NETHER_KILLS_SEED", str(int(time.time()))))
DISK = "/var/lib/nether/kills-{}.img"
ANSWER_S = 300  # for anything that must go on: minutes, for a busy machine in emulation

# Reads when to kill, a line each time: so many microseconds after the daemon's "start", or after it is "ready" again.
# Looking for the new process must not cost what the daemons need: it is the next child of the shell that keeps it.
KILLER = """
is_ready() {{
    case {daemon} in
    netherd) curl -s -o /dev/null --unix-socket /run/nether/api.sock http://localhost/v1/host ;;
    nether-stored) xenstore-exists /local 2>/dev/null ;;
    esac
}}
old=$(pidof {daemon})
keeper=$(awk '/^PPid/ {{print $2}}' /proc/$old/status)
next() {{
    while pid= name=; read -r pid rest </proc/$keeper/task/$keeper/children; [ -n "$pid" ] && [ "$pid" != "$old" ] &&
        read -r name </proc/$pid/comm; [ "$name" != {daemon} ]; do usleep 50000; done
}}
kills=0 pid=$old
while read -r moment delay; do
    [ $kills = 0 ] || next
    [ $moment = start ] || until is_ready; do usleep 100000; done
    usleep $delay
    kill -9 $pid && kills=$((kills + 1))
    old=$pid
done
next
echo $kills
"""

# In the guest: writes to its disk, reads back past the cache, counts; each round is a line on its console.
WORK = """
cd /data; n=0
while [ ! -e /run/stop ]; do
    n=$((n + 1))
    dd if=/dev/urandom of=/run/new bs=64k count=8 2>/dev/null
    dd if=/run/new of=blob bs=64k conv=fsync 2>/dev/null || { echo "write $n" >/run/broken; break; }
    echo 3 >/proc/sys/vm/drop_caches
    cmp /run/new blob || { echo "round $n" >/run/broken; break; }
    echo $n >/run/rounds
    echo "work: round $n." >/dev/console
done
echo $n >/run/stopped
"""


def moments(rng, count):
    """So many moments: half while the daemon starts, the others in the middle of what it does, some after a while."""
    return [f"start {int(rng.uniform(0, 5e5))}" if rng.random() < 1 / 2 else
            f"ready {int(rng.uniform(0, rng.choice([5e5, 15e5, 6e6])))}" for _ in range(count)]


class Killer(threading.Thread):
    """Kills one daemon, from within dom0."""

    def __init__(self, host, daemon, lines):
        super().__init__(daemon=True)
        self.host, self.daemon, self.lines, self.kills = host, daemon, lines, 0

    def run(self):
        script = "".join(f"{line}\n" for line in self.lines)
        answer = self.host.run(KILLER.format(daemon=self.daemon), stdin=script, timeout_s=3600)
        self.kills = int(answer.stdout.strip() or 0)


class Client:
    """A client of the agent that does not give up: each change has a key, so asking again is no second change."""

    def __init__(self, host):
        self.host = host
        self.asked_again = 0
        self.given_up = []

    def insist(self, method, path, body=None, headers=None):
        """An answer of the agent: (status, decoded body), however often it is killed over it."""
        def answer():
            try:
                status, text = self.host.agent(method, path, body, headers, timeout_s=60)
                return status, (json.loads(text) if text.strip() else None)
            except Failure:
                self.asked_again += 1
                return None
        return wait_for(f"an answer to {method} {path}", answer, ANSWER_S, every_s=0.1)

    def change(self, method, path, body=None):
        """A change that is carried out once. False when the agent was killed over it too often (it says so)."""
        headers = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}
        data = json.dumps(body) if body is not None else None
        status, task = self.insist(method, path, data, headers)
        check(status in (200, 201, 202), f"{method} {path}: {status} {task}")
        same = self.insist(method, path, data, headers)[1]
        check(same["id"] == task["id"], f"{method} {path} was done twice: {task['id']}, {same['id']}")

        def ended():
            now = self.insist("GET", f"/tasks/{task['id']}")[1]
            return now if now["state"] not in ("TASK_STATE_PENDING", "TASK_STATE_RUNNING") else None

        task = wait_for(f"the end of {method} {path}", ended, ANSWER_S, every_s=0.1)
        if task["state"] == "TASK_STATE_SUCCEEDED":
            return True
        check("given up: the agent was interrupted" in task["error"]["message"], f"{method} {path}: {task}")
        self.given_up.append(path)
        return False

    def state(self, name):
        """The state of a domain; None when there is none of this name."""
        status, domain = self.insist("GET", f"/domains/{name}")
        return domain["status"]["state"].removeprefix("DOMAIN_STATE_").lower() if status == 200 else None


class Churn(threading.Thread):
    """Makes, uses and ends guests, one after the other, until told to stop."""

    def __init__(self, host, number, kernel, seed):
        super().__init__(daemon=True)
        self.host, self.kernel, self.number = host, kernel, number
        self.rng = random.Random(seed)
        self.client = Client(host)
        self.is_stopping = False
        self.cycles = 0
        self.failure = None

    def run(self):
        try:
            while not self.is_stopping:
                self.cycle()
                self.cycles += 1
        except Failure as failure:
            self.failure = failure
        except Exception as problem:  # an error of the test, said by the main thread
            self.failure = problem

    def cycle(self):
        """One life: made, started, paused perhaps, ended in one of the ways there are."""
        client, name = self.client, f"churn-{self.number}-{self.cycles}"
        path = f"/domains/{name}"
        guest = Guest(self.host, name, memory_mib=64, kernel=self.kernel, number=110 + self.number,
                      disk=DISK.format(self.number))
        if self.cycles % 4 == 3:  # a Linux, ended while it starts or works
            guest = Guest(self.host, name, memory_mib=128, number=110 + self.number, disk=DISK.format(self.number))
        if self.rng.random() < 0.5:
            made = client.change("POST", "/domains?start=1", guest.config)
            check(made or client.state(name) is None or self.is_deleted(name), f"{name} is half made")
        else:
            made = client.change("POST", "/domains", guest.config) and client.change("POST", f"{path}/start")
        if made:
            check(client.state(name) == "running", f"{name} is {client.state(name)} after its start")
            if self.rng.random() < 0.3 and client.change("POST", f"{path}/pause"):
                client.change("POST", f"{path}/unpause")
            time.sleep(self.rng.uniform(0, 3))
            if self.rng.random() < 0.5:
                client.change("POST", f"{path}/destroy")
        while client.state(name) is not None:
            client.change("DELETE", f"{path}?force=1")

    def is_deleted(self, name):
        """A creation that was given up is taken back by the agent's own task."""
        wait_for(f"{name} is taken back", lambda: self.client.state(name) is None, ANSWER_S)
        return True


class Worker:
    """A guest that works the whole time, and must not notice."""

    def __init__(self, host):
        host.shell(f"cp /var/lib/nether/images/disk.img {DISK.format('worker')}")
        self.guest = host.create_guest("worker", number=150, memory_mib=192, disk=DISK.format("worker"))
        self.guest.wait_ready()
        self.host = host
        self.domid = self.guest.get()["status"]["domid"]
        self.guest.shell(f"cat >/run/work <<'END'\n{WORK}END\nsh /run/work >/dev/null 2>&1 </dev/null &")

    def rounds(self):
        return int(self.guest.shell("cat /run/rounds 2>/dev/null || echo 0", timeout_s=ANSWER_S))

    def check_untouched(self):
        """Its work goes on, what it read was what it wrote, and all that it said has arrived."""
        before = self.rounds()
        wait_for("the guest's work goes on", lambda: self.rounds() > before, ANSWER_S)
        self.guest.shell("touch /run/stop")
        wait_for("its last round", lambda: self.guest.run("cat /run/stopped")[0] == 0, ANSWER_S)
        status, text = self.guest.run("cat /run/broken")
        check(status != 0, f"the guest's disk is wrong: {text}")
        check(self.guest.get()["status"]["domid"] == self.domid, "it is another domain now")
        check(self.guest.state() == "running", f"the guest is {self.guest.state()}")
        rounds = self.rounds()
        log = "/var/log/nether/console/worker.log"

        def said():
            numbers = re.findall(r"work: round (\d+)\.", self.host.shell(f"cat {log}"))
            return list(map(int, numbers)) if str(rounds) in numbers else None

        lines = wait_for("its last line in the console's log", said, ANSWER_S)
        missing = sorted(set(range(1, rounds + 1)) - set(lines))
        check(not missing, f"lines that the guest wrote are not in its log: {missing}")
        return rounds


def holdings(host):
    """taken(), with daemons that have done nothing since their start but connect to each other.

    Without the grants that dom0 has mapped: its backend keeps mapped what the worker's disk needs, and that is more
    whenever more requests are under way than ever before.
    """
    def counted():
        return {what: count for what, count in taken(host).items() if what != "grants mapped"}

    for daemon in reversed(DAEMONS):
        old = host.shell(f"pidof {daemon}")
        host.shell(f"kill -9 {old}")
        wait_for(f"init starts {daemon}", lambda: host.run(f"pidof {daemon}").stdout.strip() not in ("", old), ANSWER_S)
    host.wait_agent()
    seen = [counted()]

    def is_settled():
        seen.append(counted())
        return seen[-1] == seen[-2]

    wait_for("the daemons have connected", is_settled, ANSWER_S)
    return seen[-1]


def test_daemons_killed_at_random(host):
    print(f"          seed {SEED}", flush=True)
    rng = random.Random(SEED)
    host.wait_agent()
    kernel = host.push_guest_kernel("idle")
    for number in (1, 2):
        host.shell(f"cp /var/lib/nether/images/disk.img {DISK.format(number)}")
    grants = taken(host)["grants mapped"]
    worker = Worker(host)
    churns = [Churn(host, number, kernel, rng.random()) for number in (1, 2)]
    for churn in churns:
        churn.cycles = 3
        churn.cycle()  # what is made once and kept is there after this
        churn.cycles = 0
    free, before = settled_free_bytes(host), holdings(host)

    host.shell(f"{host.program('store_witness')} >/tmp/store_witness.log 2>&1 </dev/null & echo $! >/tmp/store_witness.pid")
    began = time.monotonic()
    killers = [Killer(host, daemon, moments(rng, KILLS // 2)) for daemon in DAEMONS]
    for thread in churns + killers:
        thread.start()
    for killer in killers:
        killer.join()
    for churn in churns:
        churn.is_stopping = True
    for churn in churns:
        churn.join()
    took = time.monotonic() - began
    for churn in churns:
        if churn.failure is not None:
            raise churn.failure

    host.wait_agent()
    host.run("kill -TERM $(cat /tmp/store_witness.pid)")
    wait_for("the store's witness ends", lambda: host.run("kill -0 $(cat /tmp/store_witness.pid)").returncode != 0, ANSWER_S)
    witness = host.shell("cat /tmp/store_witness.log")
    check(re.fullmatch(r"\d+ transactions, .* connections", witness), f"of xenstore: {witness}")

    check_same(before, holdings(host))
    lost = free - settled_free_bytes(host)
    check(lost <= 256 << 10, f"{lost >> 10} KiB of memory are lost")
    rounds = worker.check_untouched()
    worker.guest.delete()
    wait_for("dom0 has no grant mapped of a guest that is gone", lambda: taken(host)["grants mapped"] == grants, ANSWER_S)
    kills = [killer.kills for killer in killers]
    check(sum(kills) >= KILLS - KILLS // 10, f"only {kills} of {KILLS} kills")
    given_up = sum(len(churn.client.given_up) for churn in churns)
    return (f"seed {SEED}: {kills[0]} kills of {DAEMONS[0]}, {kills[1]} of {DAEMONS[1]} in {took:.0f} s; "
            f"{sum(churn.cycles for churn in churns)} guests made and ended, {given_up} tasks given up, "
            f"{sum(churn.client.asked_again for churn in churns)} requests asked again; xenstore: {witness}; "
            f"the guest's work: {rounds} rounds; {lost >> 10} KiB less than before")
