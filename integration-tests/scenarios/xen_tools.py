# SPDX-License-Identifier: Apache-2.0
"""Debian's own Xen tools work in a full Debian dom0, with our store in the place of Xen's.

What could go wrong: a control operation or a store request that libxl makes and our own builder does not,
an answer in another form than the tools print, a domain of one toolstack that the other does not see, the
systemd units' order.
"""

import json
import re

from lib.check import check, wait_for

HOST = {"cpus": 1, "image": "debian"}
IMAGES = "/var/lib/nether/images"

CONFIG = f"""
type = "pvh"
name = "byxl"
memory = 128
kernel = "{IMAGES}/vmlinuz"
ramdisk = "{IMAGES}/initrd.img"
extra = "console=hvc0 panic=-1"
disk = ["phy:/dev/loop0,xvda,w"]
vif = ["bridge=br0"]
"""


def fields(text):
    """The "name : value" lines of xl info."""
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def domains(host):
    """What xl list shows: name to (domid, MiB, vCPUs, state)."""
    rows = [line.split() for line in host.shell("xl list").splitlines()[1:]]
    return {row[0]: (int(row[1]), int(row[2]), int(row[3]), row[4]) for row in rows}


def managed(host):
    """What the agent shows: name to whether the domain is its own."""
    return {d["config"]["name"]: d.get("managed", False) for d in host.request("GET", "/domains")["domains"]}


def test_host(host):
    host.wait_agent()
    check(host.run("systemctl is-system-running --wait").stdout.strip() == "running",
          host.run("systemctl --failed").stdout)
    check(host.run("pidof xenstored oxenstored").returncode != 0, "a store of Xen's runs beside ours")
    info = fields(host.shell("xl info"))
    check(info["xen_version"].startswith("4.17") and info["nr_cpus"] == str(HOST["cpus"]) and "hap" in info["virt_caps"], info)
    check(domains(host)["Domain-0"][2] == HOST["cpus"], domains(host))
    config = json.loads(host.shell("xl list -l"))
    check([d["domid"] for d in config] == [0], config)
    check(host.shell("xl vcpu-list").count("Domain-0") == HOST["cpus"], "not all vCPUs of dom0")
    check("(nether) dom0:" in host.shell("xl dmesg"), "xl dmesg does not show the hypervisor's boot")
    check("Domain-0" in host.shell("xentop -b -i 1"), "xentop does not show dom0")
    check("Pool-0" in host.shell("xl cpupool-list"), "no CPU pool")


def test_store(host):
    host.shell("rm -f /tmp/seen; timeout 30 xenstore-watch -n 3 /xen-tools >/tmp/seen & sleep 1")
    host.shell("xenstore-write /xen-tools/a one /xen-tools/b two")
    check(host.shell("xenstore-read /xen-tools/a /xen-tools/b").split() == ["one", "two"], "what was written is not read")
    wait_for("three events", lambda: host.shell("cat /tmp/seen").split() == ["/xen-tools", "/xen-tools/a", "/xen-tools/b"], 20)
    host.shell("xenstore-rm /xen-tools")
    check("/local/domain/0/name = \"Domain-0\"" in host.shell("xenstore-ls -f"), "domain 0 has no name")


def test_guest_of_xl(host):
    host.shell(f"losetup /dev/loop0 {IMAGES}/disk.img && cat >/tmp/byxl.cfg", stdin=CONFIG)
    host.shell("xl create /tmp/byxl.cfg", timeout_s=240)
    domid, mib, vcpus, _ = domains(host)["byxl"]
    check((mib, vcpus) == (128, 1), domains(host))
    check(managed(host)["byxl"] is False, "the agent takes it for its own")

    # script(1) is the terminal that the console wants; typed again until the guest has come up.
    typed = r"for i in $(seq 40); do sleep 3; printf 'cat /data/hello.txt; echo answer-$((6*7))\r'; done"
    host.shell(f"({typed}) 2>/dev/null | script -qfc 'xl console byxl' /tmp/console >/dev/null 2>&1 &")
    wait_for("the guest's shell answers on the console", lambda: "answer-42" in host.run("cat /tmp/console").stdout, 120)
    check("hello from the disk" in host.shell("cat /tmp/console"), "the guest does not see its disk")
    check("4" in host.shell("xl block-list byxl").splitlines()[1].split()[3], "its disk is not connected")

    host.shell("xl pause byxl")
    check("p" in domains(host)["byxl"][3], domains(host))
    context = host.shell(f"xen-hvmctx {domid}")
    check("HVM save record" in context and "rip 0x" in context, context[:500])
    host.shell("xl unpause byxl")
    host.shell("xl mem-set byxl 100m")
    wait_for("its balloon gives memory back", lambda: domains(host)["byxl"][1] <= 101, 30)

    host.shell("xl shutdown -w byxl", timeout_s=90)
    wait_for("it is gone", lambda: "byxl" not in domains(host), 20)
    host.shell("losetup -d /dev/loop0")


def test_both_see_each_other(host):
    kernel = host.push_guest_kernel("idle")
    host.create_guest("bynether", memory_mib=128, kernel=kernel)
    check(domains(host)["bynether"][1] == 128, domains(host))
    host.shell("xl pause bynether && xl unpause bynether")
    host.shell("cat >/tmp/idle.cfg", stdin=f'type = "pvh"\nname = "idle"\nmemory = 64\nkernel = "{kernel}"\n')
    host.shell("xl create -q /tmp/idle.cfg")
    check(managed(host) == {"Domain-0": False, "bynether": True, "idle": False}, managed(host))
    host.shell("xl destroy idle")
    check(sorted(domains(host)) == ["Domain-0", "bynether"], domains(host))


def test_tracing(host):
    """What happens is seen while it goes on: the trace rings, emptied by xentrace, and the counters."""
    host.shell("xenperf -r")
    host.shell("xentrace -D -T 3 /tmp/trace", timeout_s=120)
    summary = host.shell("xenalyze --svm-mode --summary /tmp/trace", timeout_s=240)
    check("VMEXIT_VMMCALL" in summary and "|-- Domain 0 --|" in summary, summary[-3000:])
    counters = host.shell("xenperf")
    total = re.search(r"^vmexits\s+T=\s*(\d+)", counters, re.M)
    check(total and int(total.group(1)) > 100, f"exits since the reset: {counters[:2000]}")
