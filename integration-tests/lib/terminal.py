# SPDX-License-Identifier: Apache-2.0
"""A person at a guest's console: reads what comes, types, logs in, runs commands in the shell there."""

import re

from lib.check import Failure, check, wait_for

ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07)|\r")


class Terminal:
    """The console of one guest, from the guest's start on."""

    def __init__(self, guest):
        self.guest = guest
        self.commands = 0

    def text(self):
        """All that was shown, without what only a terminal understands."""
        return ESCAPES.sub("", self.guest.console())

    def wait(self, pattern, timeout_s):
        """Waits until pattern (a regular expression) was shown; the match."""
        try:
            return wait_for(f"{self.guest.name}'s console shows {pattern!r}",
                            lambda: re.search(pattern, self.text(), re.M | re.S), timeout_s)
        except Failure as failure:
            raise Failure(f"{failure}; it ends with:\n{self.text()[-3000:]}") from None

    def type(self, text):
        """Types text; nobody types before the guest asked for it, so all of it must be taken."""
        status, answer = self.guest.host.rest("POST", f"/domains/{self.guest.name}/console", text.encode())
        check(status == 200 and answer["acceptedBytes"] == len(text), f"typing {text!r}: {status} {answer}")

    def log_in(self, user, password, timeout_s):
        """Waits for the login prompt, answers it, and keeps the kernel's messages away from what follows."""
        self.wait(r"^\S+ login: ", timeout_s)
        self.type(f"{user}\r")
        self.wait(r"^Password: ", 60)
        self.type(f"{password}\r")
        self.wait(rf"{user}@\S+:~# ", 60)
        self.shell("dmesg -n 1")

    def run(self, script, timeout_s=60):
        """Runs a line of shell: (exit code, output)."""
        self.commands += 1
        number = self.commands
        self.type(f"echo begin-{number}; {script}; echo end-{number}-$?-\r")
        match = self.wait(rf"^begin-{number}\n(.*)^end-{number}-(\d+)-", timeout_s)
        return int(match.group(2)), match.group(1).strip()

    def shell(self, script, timeout_s=60):
        """Output of a line of shell, which must succeed."""
        status, output = self.run(script, timeout_s)
        check(status == 0, f"on {self.guest.name}'s console: {script}\nexit code {status}\n{output}")
        return output
