# SPDX-License-Identifier: Apache-2.0
"""A guest as a test sees it: made through REST, watched on its console, spoken to over its network."""

import shlex
import time

from lib.check import Failure, check, wait_for

IMAGES = "/var/lib/nether/images"
READY = "nether-guest: userspace ready"


class Guest:
    """One sample guest (deploy/guest) with one network interface on br0.

    memory_mib, vcpus: its size. number: 100 to 199, the last part of its address 10.77.0.x.
    disk: path in dom0 of the image for xvda, or None. kernel, initrd: paths in dom0; initrd may be None.
    """

    def __init__(self, host, name, memory_mib=256, vcpus=1, number=100, disk=None, cmdline="",
                 kernel=f"{IMAGES}/vmlinuz", initrd=f"{IMAGES}/initrd.img"):
        self.host = host
        self.name = name
        self.number = number
        self.address = f"10.77.0.{number}"
        self.config = {
            "name": name,
            "memoryBytes": memory_mib << 20,
            "vcpus": vcpus,
            "kernel": kernel,
            **({"initrd": initrd} if initrd else {}),
            "cmdline": f"console=hvc0 panic=-1 nether.remote "
                       f"ip={self.address}::10.77.0.11:255.255.255.0:{name}:eth0 {cmdline}".strip(),
            "disks": [{"target": "xvda", "path": disk}] if disk else [],
            "nics": [{"mac": f"00:16:3e:00:00:{number - 100:02x}", "bridge": "br0"}],
        }

    # --- life

    def create(self):
        """Asks for the guest and for its start."""
        self.asked_at = time.monotonic()
        self.first_line_s = self.ready_s = None
        self.host.change("POST", "/domains", self.config)
        self.start()

    def start(self):
        self.action("start")

    def action(self, verb):
        """One of start, pause, unpause, shutdown, reboot, destroy; waits for the task's end."""
        self.host.change("POST", f"/domains/{self.name}/{verb}")

    def get(self):
        return self.host.request("GET", f"/domains/{self.name}")

    def state(self):
        """running, stopped, …"""
        return self.get()["status"]["state"].removeprefix("DOMAIN_STATE_").lower()

    def wait_state(self, state, timeout_s=60):
        wait_for(f"{self.name} is {state}", lambda: self.state() == state, timeout_s)

    def delete(self):
        """Destroys it if it runs, and removes its record; it may be gone already."""
        if self in self.host.guests:
            self.host.guests.remove(self)
        status, domain = self.host.rest("GET", f"/domains/{self.name}")
        if status == 404:
            return
        if domain["status"]["state"] != "DOMAIN_STATE_STOPPED":
            self.action("destroy")
        self.host.change("DELETE", f"/domains/{self.name}")

    # --- what it says and does

    def console(self):
        """All the guest has written on its console since it started, as far as it is kept."""
        status, text = self.host.agent("GET", f"/domains/{self.name}/console")
        check(status == 200, f"the console of {self.name}: {status} {text[:1000]}")
        return text.decode(errors="replace")

    def wait_ready(self, timeout_s=180, boots=1):
        """Waits until its userspace has come up (for the boots-th time).

        first_line_s and ready_s are then the seconds since the create call.
        """
        def ready():
            text = self.console()
            if text and self.first_line_s is None:
                self.first_line_s = time.monotonic() - self.asked_at
            if "Kernel panic" in text:
                raise Failure(f"the guest's kernel panicked:\n{text[-3000:]}")
            return text.count(READY) >= boots
        try:
            wait_for(f"{self.name}'s userspace", ready, timeout_s, every_s=0.25)
            self.ready_s = time.monotonic() - self.asked_at
        except Failure as failure:
            raise Failure(f"{failure}; its console ends with:\n{self.console()[-3000:]}") from None

    def page(self):
        """Its web page, fetched through dom0."""
        status, text = self.host.http(self.address, 80, "GET", "/", timeout_s=20)
        check(status == 200, f"{self.name}'s web page: {status} {text[:1000]}")
        return text.decode(errors="replace")

    def run(self, script, timeout_s=60):
        """Runs a shell script in the guest over its network: (exit code, output)."""
        code, text = self.host.http(self.address, 80, "POST", "/cgi-bin/run", script, timeout_s=timeout_s)
        check(code == 200, f"{self.name} cannot run {shlex.quote(script)}: {code} {text[:1000]}")
        answer = text.decode(errors="replace")
        output, _, status = answer.rpartition("status ")
        check(status.strip().isdigit(), f"the guest's answer to {shlex.quote(script)} is not whole:\n{answer}")
        return int(status), output.strip()

    def shell(self, script, timeout_s=60):
        """Output of a script in the guest, which must succeed."""
        status, output = self.run(script, timeout_s)
        check(status == 0, f"in {self.name}: {script}\nexit code {status}\n{output}")
        return output

    def cycle_vcpu(self, number, rounds=2):
        """Takes a vCPU off line and back, so often; each time it does work afterwards. Seconds for all."""
        began = time.monotonic()
        state = f"/sys/devices/system/cpu/cpu{number}/online"
        for _ in range(rounds):
            self.shell(f"echo 0 > {state} && [ $(cat {state}) = 0 ]")
            check(self.run(f"taskset -c {number} true")[0] != 0, f"vCPU {number} works although it is off line")
            self.shell(f"echo 1 > {state} && [ $(cat {state}) = 1 ]")
            self.shell(f"taskset -c {number} sh -c 'n=0; while [ $n -lt 1000 ]; do n=$((n+1)); done'")
        return time.monotonic() - began

    def uptime_s(self):
        return float(self.shell("cat /proc/uptime").split()[0])
