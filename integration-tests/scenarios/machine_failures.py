# SPDX-License-Identifier: Apache-2.0
"""What fails in a machine costs who depends on it, and nobody else; when it is whole again, all goes on.

What could go wrong: a disk's error that ends the backend, the host or another guest; a network card whose end takes
the bridge or the guests along, and that does not come back without a reboot; daemons that the kernel ends when dom0
has no memory left; a full disk that costs the agent its state or a guest its life.
"""

from lib.check import check, wait_for
from lib.holdings import DAEMONS
from lib.nbd import Disk

HOST = {"cpus": 1, "qemu": "-device pcie-root-port,id=slot1,chassis=1,slot=1 "
                           "-device pcie-root-port,id=slot2,chassis=2,slot=2"}
SERIAL = "nether-frail"
UPLINK_MAC = "52:54:00:30:00:01"
GATEWAY = "10.0.3.2"  # what QEMU answers for behind the uplink
DATA = "/var/lib/nether"
GO_ON_S = 120


class Witness:
    """A guest that has nothing to do with the failure: its disk and its page work the whole time."""

    def __init__(self, host, name="witness", number=150):
        self.host = host
        disk = f"{DATA}/{name}.img"
        host.shell(f"cp {DATA}/images/disk.img {disk}")
        self.guest = host.create_guest(name, number=number, memory_mib=128, disk=disk)
        self.guest.wait_ready()
        self.uptime = self.guest.uptime_s()
        self.daemons = [host.shell(f"pidof {daemon}") for daemon in DAEMONS]

    def check_untouched(self, is_disk_fine=True):
        """It runs, answers and has not started anew; neither have the daemons."""
        check(f"Hello from {self.guest.name}" in self.guest.page(), "the other guest serves another page")
        if is_disk_fine:
            self.guest.shell("cd /data && dd if=/dev/urandom of=a bs=64k count=16 conv=fsync 2>/dev/null && "
                             "cp a b && sync && echo 3 >/proc/sys/vm/drop_caches && cmp a b")
        uptime = self.guest.uptime_s()
        check(uptime > self.uptime, "the other guest was started anew")
        self.uptime = uptime
        daemons = [self.host.shell(f"pidof {daemon}") for daemon in DAEMONS]
        check(daemons == self.daemons, f"daemons were {self.daemons}, are {daemons}")
        check(self.guest.state() == "running", f"the agent says that it is {self.guest.state()}")


# --- A disk


def attach_frail_disk(host):
    """A disk whose errors the test decides, put into the running host: (the disk, its path in dom0)."""
    disk = Disk(64 << 20)
    told(host, "drive_add", "0", f"if=none,id=frail,format=raw,file=nbd:unix:{disk.path}")
    told(host, "device_add", f"nvme,id=frail,drive=frail,serial={SERIAL},bus=slot2")
    find = f"grep -l {SERIAL} /sys/block/nvme*/device/serial | cut -d/ -f4"
    name = wait_for("dom0 finds the disk", lambda: host.run(find).stdout.strip(), GO_ON_S)
    wait_for("dom0 has the disk's node", lambda: host.run(f"test -b /dev/{name}").returncode == 0, GO_ON_S)
    return disk, f"/dev/{name}"


def told(host, *words):
    """A command for QEMU's monitor, which must have nothing to say."""
    answer = host.monitor(*words)
    check(answer in ("", "OK"), f"the monitor says to {' '.join(words)}: {answer}")


def test_disk_with_errors(host):
    host.wait_agent()
    disk, path = attach_frail_disk(host)
    witness = Witness(host)
    guest = host.create_guest("frail", number=120, memory_mib=128, disk=path)
    guest.wait_ready()
    guest.shell("dd if=/dev/urandom of=/run/pattern bs=64k count=16 2>/dev/null;"
                "dd if=/run/pattern of=/dev/xvda bs=64k conv=fsync 2>/dev/null")
    held = bytes(disk.data[:1 << 20])
    check(any(held), "what the guest wrote did not arrive")

    disk.is_failing = True
    read = "echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/xvda of=/dev/null bs=64k count=16 2>&1"
    status, text = guest.run(read, timeout_s=GO_ON_S)
    check(status != 0 and "Input/output error" in text, f"reading a failing disk: {status} {text}")
    status, text = guest.run("dd if=/run/pattern of=/dev/xvda bs=64k seek=64 conv=fsync 2>&1", timeout_s=GO_ON_S)
    check(status != 0 and "Input/output error" in text, f"writing a failing disk: {status} {text}")
    check(disk.failed > 0, "the disk was not asked")
    witness.check_untouched()
    check(guest.state() == "running", f"the guest with the failing disk is {guest.state()}")

    disk.is_failing = False
    guest.shell("echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/xvda bs=64k count=16 2>/dev/null | cmp - /run/pattern",
                timeout_s=GO_ON_S)
    guest.shell("dd if=/run/pattern of=/dev/xvda bs=64k seek=64 conv=fsync 2>/dev/null", timeout_s=GO_ON_S)
    check(disk.data[4 << 20:5 << 20] == held, "what was written after the failure is not on the disk")
    guest.delete()
    witness.check_untouched()
    told(host, "device_del", "frail")
    wait_for("the disk is gone from dom0", lambda: host.run(f"test -b {path}").returncode != 0, GO_ON_S)
    return f"{disk.failed} requests failed"


# --- A network card


def put_in_uplink(host):
    """A network card put into the running host, as a port of br0; its name in dom0."""
    told(host, "device_add", f"e1000e,id=uplink,netdev=uplink,mac={UPLINK_MAC},bus=slot1")
    find = f"grep -l {UPLINK_MAC} /sys/class/net/*/address | cut -d/ -f5"
    name = wait_for("dom0 finds the network card", lambda: host.run(find).stdout.strip(), GO_ON_S)
    host.shell(f"ip link set {name} master br0 up")
    return name


def reaches(guest, address):
    return guest.run(f"ping -c 1 -W 5 {address}", timeout_s=GO_ON_S)[0] == 0


def test_network_card_goes_and_comes(host):
    host.wait_agent()
    told(host, "netdev_add", "user,id=uplink,net=10.0.3.0/24")
    put_in_uplink(host)
    first, second = Witness(host), Witness(host, "neighbour", 151)
    first.guest.shell("ip addr add 10.0.3.100/24 dev eth0")
    wait_for("the guest reaches what is behind the card", lambda: reaches(first.guest, GATEWAY), GO_ON_S)

    told(host, "device_del", "uplink")
    wait_for("the card is gone from dom0",
             lambda: host.run(f"grep -q {UPLINK_MAC} /sys/class/net/*/address").returncode != 0, GO_ON_S)
    check(not reaches(first.guest, GATEWAY), "the guest reaches what is behind the card although it is gone")
    check(reaches(first.guest, second.guest.address), "the guests do not reach each other any more")
    first.check_untouched()
    second.check_untouched()
    late = host.create_guest("late", number=152, memory_mib=128)
    late.wait_ready()
    check("Hello from late" in late.page(), "a guest that was made meanwhile does not answer")

    put_in_uplink(host)
    wait_for("the guest reaches what is behind the card again", lambda: reaches(first.guest, GATEWAY), GO_ON_S)
    first.check_untouched()
    second.check_untouched()
    told(host, "device_del", "uplink")


# --- dom0's memory


def test_dom0_without_memory(host):
    """A process of dom0 takes all there is: the kernel ends that one."""
    host.wait_agent()
    witness = Witness(host)
    killed = "dmesg | grep -c 'Out of memory: Killed process .* (hog)'"
    before = int(host.run(killed).stdout.strip())
    result = host.run(f"{host.program('hog')} >/dev/null 2>&1; echo $?", timeout_s=600)
    check(result.stdout.strip() == "137", f"the hog was not killed: {result.stdout}{result.stderr}")
    check(int(host.run(killed).stdout.strip()) > before, "it was not the kernel that ended the hog")
    others = host.run("dmesg | grep 'Out of memory: Killed process' | grep -v '(hog)'").stdout
    check(not others, f"the kernel has ended others: {others}")

    witness.check_untouched()
    guest = host.create_guest("afterwards", number=121, memory_mib=128)
    guest.wait_ready()
    check("Hello from afterwards" in guest.page(), "a guest that was made afterwards does not answer")


# --- A full disk


def test_full_disk_under_the_agent(host):
    """The file system of the agent's database is full: changes are refused with the reason, until there is space."""
    host.wait_agent()
    witness = Witness(host)
    host.shell(f"mkdir -p {DATA}/fill")
    fill(host)
    config = dict(witness.guest.config, name="refused", disks=[], nics=[])
    refusals = []

    def refused():
        """SQLite has some space of its own; each change needs a little of it."""
        status, answer = host.rest("POST", "/domains", dict(config, name=f"refused-{len(refusals)}"))
        refusals.append(status)
        return answer if status == 507 else fill(host)

    answer = wait_for("a change is refused", refused, 300, every_s=0)
    check(answer["code"] == "no_space", f"the refusal is {answer}")
    check("space" in answer["detail"] or "full" in answer["detail"], f"the refusal does not say why: {answer}")
    check(host.rest("GET", "/domains")[0] == 200, "the agent does not answer questions any more")
    witness.check_untouched(is_disk_fine=False)
    host.run("kill -9 $(pidof netherd)")
    host.wait_agent()
    state = witness.guest.state()
    check(state == "running", f"an agent that was started on a full disk says that the guest is {state}")

    host.shell(f"rm -r {DATA}/fill")
    witness.daemons = [host.shell(f"pidof {daemon}") for daemon in DAEMONS]
    for number in range(len(refusals)):
        host.rest("DELETE", f"/domains/refused-{number}?wait=1")
    guest = host.create_guest("afterwards", number=121, memory_mib=128)
    guest.wait_ready()
    witness.check_untouched()
    names = [domain["config"]["name"] for domain in host.request("GET", "/domains")["domains"]]
    check(not [name for name in names if name.startswith("refused")], f"domains are {names}")
    return f"refused at the {len(refusals)}. change: {answer['detail']}"


def fill(host):
    """Takes what is free, to the last block."""
    host.run(f"cd {DATA}/fill; for size in 1G 64M 4M 256K 16K 4K; do n=0; while fallocate -l $size $size.$n.$$ 2>/dev/null; "
             "do n=$((n + 1)); done; rm -f $size.$n.$$; done; sync")
