# SPDX-License-Identifier: Apache-2.0
"""Everything `nether` offers, typed as a user types it in dom0.

What could go wrong: a command that says it is done before it is; a table that hides a domain; an error
without a reason or with exit status 0; JSON that programs cannot read.
"""

import json

from lib.check import check, wait_for

HOST = {"cpus": 1}
IMAGES = "/var/lib/nether/images"


def nether(host, line, status=0):
    """Output of a nether command, which must end with this exit status (stdout, or stderr if it fails)."""
    result = host.run(f"nether {line}")
    check(result.returncode == status,
          f"nether {line}: exit status {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout if status == 0 else result.stderr


def row_of(host, name):
    """The words of a domain's line in `nether list`, or None."""
    for line in nether(host, "list").splitlines()[1:]:
        if line.split()[0] == name:
            return line.split()
    return None


def test_a_guests_life(host):
    host.wait_agent()
    nether(host, f"create --name typed --memory 128M --kernel {IMAGES}/vmlinuz --initrd {IMAGES}/initrd.img "
                 "--cmdline 'console=hvc0 panic=-1' --start")
    check(row_of(host, "typed")[2] == "running", f"{row_of(host, 'typed')}")
    wait_for("its userspace", lambda: "userspace ready" in nether(host, "console typed --log"), 120)

    nether(host, "pause typed")
    check(row_of(host, "typed")[2] == "paused", f"{row_of(host, 'typed')}")
    nether(host, "unpause typed")
    check(row_of(host, "typed")[2] == "running", f"{row_of(host, 'typed')}")
    nether(host, "reboot typed --timeout 120")
    wait_for("it comes up again", lambda: nether(host, "console typed --log").count("userspace ready") == 2, 120)

    domain = json.loads(nether(host, "--json list typed"))
    check(domain["config"]["memoryBytes"] == str(128 << 20), f"{domain}")
    top = nether(host, "top --once --interval 1")
    check("typed" in top and "Domain-0" in top, top)

    nether(host, "shutdown typed --timeout 120")
    check(row_of(host, "typed")[2] == "stopped", f"{row_of(host, 'typed')}")
    nether(host, "start typed")
    nether(host, "destroy typed")
    nether(host, "delete typed")
    check(row_of(host, "typed") is None, "it is still listed")
    check("domain.delete" in nether(host, "tasks"), "the tasks do not show what was done")


def test_what_it_shows_of_the_host(host):
    host.wait_agent()
    check("host1" in nether(host, "info"), "info does not name the host")
    check(int(json.loads(nether(host, "--json info"))["memoryBytes"]) > 1 << 30, "info does not know the memory")
    check("(nether)" in nether(host, "dmesg"), "dmesg is empty")
    dom0 = row_of(host, "Domain-0")
    check(dom0[1] == "0" and dom0[3] != "0", f"dom0 is listed as {dom0}")
    for command in "info list create start pause unpause shutdown reboot destroy console dmesg top".split():
        check("Usage: nether " + command in nether(host, f"{command} --help"), f"{command} --help")


def test_errors_say_why(host):
    host.wait_agent()
    check("nobody" in nether(host, "start nobody", status=1), "the error does not name the domain")
    check("name" in nether(host, "create --memory 1G", status=1), "a missing name is not explained")
    check("juggle" in nether(host, "juggle", status=2), "an unknown command is not named")
    check("memory" in nether(host, f"create --name huge --memory 64T --kernel {IMAGES}/vmlinuz --start", status=1),
          "more memory than there is: the error does not say so")
    check(row_of(host, "huge") is None, "what could not be started was kept")
    check("/run/nowhere" in nether(host, "--socket /run/nowhere list", status=3), "the socket is not named")
