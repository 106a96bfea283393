# SPDX-License-Identifier: Apache-2.0
"""A lab of emulated hosts, and one host of it with its dom0, its agent and its evidence."""

import fcntl
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from lib.check import Failure, check, wait_for
from lib.guest import Guest

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "deploy" / "lab"
AGENT_PORT = 7480  # netherd's own default
BROKEN = re.compile(r"Kernel panic|PANIC|^.*\bpanic:|BUG: |Oops: |soft lockup|rcu_sched self-detected", re.M)


class Lab:
    """One lab in a folder of its own, so that a developer's lab is not disturbed."""

    def __init__(self, hypervisor=None, name="test", is_quiet=False):
        self.build = Path(os.environ.get("NETHER_BUILD", ROOT / "build"))
        self.folder = self.build / f"{name}-lab"
        self.evidence = self.build / "test-evidence"
        self.hypervisor = hypervisor
        self.is_quiet = is_quiet  # standard output is for results alone
        self.env = dict(os.environ, NETHER_LAB=str(self.folder))
        self.build.mkdir(parents=True, exist_ok=True)
        self.lock = open(self.build / f"{name}-lab.lock", "w")  # held until this process ends
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SystemExit(f"another run uses {self.folder}: wait for its end, or set NETHER_BUILD") from None
        shutil.rmtree(self.evidence, ignore_errors=True)

    def run(self, *args, **kwargs):
        return subprocess.run([str(LAB), *map(str, args)], env=self.env, text=True, **kwargs)

    def up(self, options, *more):
        """Runs "lab up" with these options ({"cpus": 2} is --cpus 2); the finished process."""
        self.down()
        args = [w for key, value in options.items() for w in (f"--{key.replace('_', '-')}", str(value))]
        if self.hypervisor:
            args += ["--hypervisor", self.hypervisor]
        return self.run("up", *args, *more, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def boot(self, options):
        """Starts a fresh host, with a button for when it hangs (Host.ask_hanging), and waits until it is ready."""
        button = {"append": f"nmi=panic {options.get('append', '')}".strip()}
        result = self.up({**options, **({} if self.hypervisor in ("xen", "none") else button)})
        if result.returncode != 0:
            raise Failure(f"the host did not come up:\n{result.stdout[-4000:]}\n{Host(self, 1, options).ask_hanging()}")
        ready = [line.strip() for line in result.stdout.splitlines() if "userspace ready" in line]
        print("  " + "; ".join(ready), file=sys.stderr if self.is_quiet else sys.stdout, flush=True)
        host = Host(self, 1, options)
        host.power_on_s = float(re.search(r"([\d.]+) s after power-on", ready[0]).group(1))
        return host

    def serial_log(self, number=1):
        """What the serial console of a host has shown."""
        path = self.folder / f"host{number}" / "serial.log"
        return path.read_text(errors="replace").replace("\r", "")

    def qemu_log(self, number=1):
        """What QEMU said of itself and of the machine's resets ("Triple fault"): the end of it."""
        path = self.folder / f"host{number}" / "qemu.log"
        return path.read_text(errors="replace")[-2000:] if path.exists() else ""

    def down(self):
        self.run("down", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Host:
    """One host: commands in its dom0, requests to its agent, its guests."""

    def __init__(self, lab, number, options):
        self.lab = lab
        self.number = number
        self.options = options
        self.power_on_s = None  # seconds from power-on to dom0's userspace, if it was waited for
        self.guests = []
        self.forwards = {}
        self.programs = {}

    # --- dom0

    def run(self, line, stdin=None, timeout_s=120):
        """Runs a line of shell in dom0; a CompletedProcess with text output."""
        try:
            return self.lab.run("exec", self.number, line, input=stdin, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise Failure(f"dom0 did not finish in {timeout_s} s: {line}") from None

    def shell(self, line, stdin=None, timeout_s=120):
        """Output of a line of shell in dom0, which must succeed."""
        result = self.run(line, stdin, timeout_s)
        check(result.returncode == 0,
              f"in dom0: {line}\nexit code {result.returncode}\n{result.stdout}{result.stderr}")
        return result.stdout.strip()

    def push_guest_kernel(self, name):
        """Copies a test guest (integration-tests/guests/NAME) into dom0; its path there."""
        path = f"/var/lib/nether/images/{name}.elf"
        built = self.lab.build / "integration-tests" / f"{name}.elf"
        result = self.lab.run("push", self.number, built, path, capture_output=True)
        check(result.returncode == 0, f"{built} cannot be copied: {result.stderr}")
        return path

    def push_program(self, name):
        """Copies a program for dom0 (integration-tests/programs/NAME.c) there; its path."""
        path = f"/tmp/{name}"
        built = self.lab.build / "integration-tests" / name
        result = self.lab.run("push", self.number, built, path, capture_output=True)
        check(result.returncode == 0, f"{built} cannot be copied: {result.stderr}")
        return path

    def program(self, name):
        """The path in dom0 of a program for it, which is copied there when it is first asked for."""
        if name not in self.programs:
            self.programs[name] = self.push_program(name)
        return self.programs[name]

    def monitor(self, *words):
        """A command for QEMU's monitor; its answer, as far as it comes within five seconds."""
        return self.lab.run("monitor", self.number, *words, capture_output=True).stdout.strip()

    # --- the agent

    def address_of(self, address, port):
        """A local (host, port) that leads to a TCP port in dom0 or of a guest, through dom0."""
        if (address, port) not in self.forwards:
            result = self.lab.run("forward", address, port, self.number, capture_output=True)
            check(result.returncode == 0, f"{address}:{port} cannot be reached through dom0: {result.stderr}")
            local, _, number = result.stdout.strip().rpartition(":")
            self.forwards[address, port] = (local, int(number))
        return self.forwards[address, port]

    def http(self, address, port, method, path, body=None, headers=None, timeout_s=60):
        """One HTTP request to a server in dom0 or in a guest: (status, body in bytes)."""
        connection = http.client.HTTPConnection(*self.address_of(address, port), timeout=timeout_s)
        try:
            connection.request(method, path, body, {"Host": "localhost", **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as problem:
            raise Failure(f"{method} http://{address}:{port}{path}: {problem!r}") from None
        finally:
            connection.close()

    def agent(self, method, path, body=None, headers=None, timeout_s=60):
        """One request to the agent's loopback port, as it is: (status, body in bytes)."""
        return self.http("127.0.0.1", AGENT_PORT, method, f"/v1{path}", body, headers, timeout_s)

    def rest(self, method, path, body=None, timeout_s=60):
        """One REST request to the agent's loopback port: (status, decoded body or None).

        body is sent as JSON, bytes as they are.
        """
        headers, data = {}, None
        if isinstance(body, bytes):
            headers["Content-Type"], data = "application/octet-stream", body
        elif body is not None:
            headers["Content-Type"], data = "application/json", json.dumps(body)
        status, text = self.agent(method, path, data, headers, timeout_s)
        try:
            return status, (json.loads(text) if text.strip() else None)
        except ValueError:
            raise Failure(f"{method} {path}: answer {status} is not JSON:\n{text[:2000]}") from None

    def request(self, method, path, body=None, timeout_s=60):
        """A REST request that must succeed; its decoded body."""
        status, answer = self.rest(method, path, body, timeout_s)
        check(200 <= status < 300, f"{method} {path}: {status} {json.dumps(answer)}")
        return answer

    def change(self, method, path, body=None, timeout_s=180):
        """A request for a change: waits until its task has ended, which must have succeeded."""
        task = self.request(method, path + ("&" if "?" in path else "?") + "wait=1", body, timeout_s)
        what = f"{method} {path}"
        def ended():
            now = self.request("GET", f"/tasks/{task['id']}?wait=1", timeout_s=timeout_s)
            return now if now["state"] not in ("TASK_STATE_PENDING", "TASK_STATE_RUNNING") else None
        task = wait_for(f"the end of {what}", ended, timeout_s, every_s=0.2)
        check(task["state"] == "TASK_STATE_SUCCEEDED", f"{what}: {json.dumps(task)}")
        return task

    def wait_agent(self):
        """Waits until the agent answers requests."""
        def answers():
            try:
                return self.rest("GET", "/host", timeout_s=10)[0] == 200
            except Failure:
                return False
        wait_for("the agent answers", answers, 60)

    def free_memory_bytes(self):
        """What the hypervisor says is free."""
        return int(self.request("GET", "/host")["freeMemoryBytes"])

    def create_guest(self, name, **settings):
        """Creates a guest through REST and starts it; see Guest for the settings."""
        guest = Guest(self, name, **settings)
        self.guests.append(guest)
        guest.create()
        return guest

    # --- health and evidence

    def serial_log(self):
        return self.lab.serial_log(self.number)

    def check_health(self):
        """The hypervisor runs, dom0's kernel has nothing to complain about, no guest is left."""
        for guest in list(self.guests):
            guest.delete()
        broken = BROKEN.search(self.serial_log())
        check(not broken, f"the serial console says: {broken.group(0) if broken else ''}")
        dmesg = self.shell("dmesg")
        broken = BROKEN.search(dmesg)
        check(not broken, f"dom0's kernel says: {broken.group(0) if broken else ''}")

    def is_usable(self):
        """After a failure: may the next test go on with this host?"""
        try:
            for guest in list(self.guests):
                guest.delete()
            return not BROKEN.search(self.serial_log()) and self.run("true", timeout_s=20).returncode == 0
        except Exception:
            return False

    def answers(self):
        try:
            return self.run("true", timeout_s=20).returncode == 0
        except Failure:
            return False

    def ask_hanging(self):
        """Makes a host whose dom0 does not answer tell what it is at; that ends it. The end of its serial log."""
        if not self.monitor("info", "status"):
            return f"its machine is gone; QEMU says:\n{self.lab.qemu_log(self.number)}\n{self.serial_log()[-3000:]}"
        self.monitor("nmi")
        try:
            wait_for("the hypervisor panics", lambda: "PANIC" in self.serial_log(), 10)
            wait_for("the end of its machine", lambda: not self.monitor("info", "status"), 20)
        except Failure as failure:
            return f"{failure}\n{self.monitor('info', 'registers', '-a')}\n{self.serial_log()[-3000:]}"
        lines = [line for line in self.serial_log().splitlines() if line.strip()]
        panic = next(n for n, line in enumerate(lines) if "PANIC" in line)
        return "\n".join(lines[max(0, panic - 10):][:120])

    def keep_evidence(self, title):
        """Saves the logs of a failed test under BUILD/test-evidence/TITLE/, and prints the ends of the main ones."""
        folder = self.lab.evidence / title.replace("/", "-")
        folder.mkdir(parents=True, exist_ok=True)
        print(f"          evidence in {folder}", flush=True)
        is_hanging = not self.answers()
        if is_hanging:
            print(f"          dom0 does not answer:\n{self.ask_hanging()}", flush=True)
        (folder / "serial.log").write_text(self.serial_log())
        if is_hanging:
            return
        for name, line in {
            "dmesg": "dmesg",
            "daemons.log": "tail -n 300 /var/log/nether/*.log 2>/dev/null || journalctl -b -n 300 --no-pager",
            "guests.log": "tail -n 80 /var/lib/nether/console/*.log /var/log/nether/console/*",
            "xenstore": "xenstore-ls -f",
            "processes": "ps",
            "domains.json": "curl -s --unix-socket /run/nether/api.sock http://localhost/v1/domains",
        }.items():
            try:
                (folder / name).write_text(self.run(line, timeout_s=15).stdout)
            except Exception as problem:
                (folder / name).write_text(f"could not be had: {problem}\n")
            if name in ("dmesg", "daemons.log", "guests.log"):
                lines = [line for line in (folder / name).read_text().splitlines() if line.strip()]
                print("".join(f"          {name}: {line[:200]}\n" for line in lines[-8:]), end="", flush=True)
