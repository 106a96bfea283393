# SPDX-License-Identifier: Apache-2.0
"""A device of dom0 reaches dom0's memory and nothing else; dom0's processors send no interrupt messages.

What could go wrong: DMA reads or changes the hypervisor's memory; DMA to a hole ends the host; what was
refused is not said; a write of dom0 to the addresses of messages raises any vector on the host. The device is QEMU's "edu", whose DMA engine goes where it is told (programs/edu_dma.c).
"""

from lib.check import check, wait_for

HOST = {"cpus": 2, "qemu": "-device edu,dma_mask=0xffffffffffffffff"}
PROGRAM = "/tmp/edu_dma"
IMAGE = 0x200000        # where the hypervisor is loaded
HOLE = 0x8000000000     # no memory there
REFUSED = "DMA refused"


def physical(host, address):
    """16 bytes of the host's memory, as the emulator's monitor sees them."""
    answer = host.lab.run("monitor", host.number, "xp", "/16xb", hex(address), capture_output=True).stdout
    values = [word[2:] for line in answer.splitlines() for word in line.partition(":")[2].split()]
    check(len(values) == 16, f"the monitor says: {answer}")
    return " ".join(values)


def dma(host, *words):
    return host.shell(f"{PROGRAM} {' '.join(str(word) for word in words)}")


def check_reported(host, action):
    """Runs action; the hypervisor says that it was refused."""
    before = host.serial_log().count(REFUSED)
    answer = action()
    wait_for("a report of refused DMA", lambda: host.serial_log().count(REFUSED) > before, 10)
    return answer


def test_own_memory(host):
    host.push_program("edu_dma")
    check(dma(host, "own") == "landed", "a page did not come back from the device")
    check(REFUSED not in host.serial_log(), "something was refused")


def test_hypervisor_memory(host):
    code = physical(host, IMAGE)
    check(code != " ".join(["00"] * 16), "nothing to steal: the test looks at the wrong place")

    read = check_reported(host, lambda: dma(host, "read", IMAGE))
    check(read != code, f"the device has read the hypervisor: {read}")
    check_reported(host, lambda: dma(host, "write", IMAGE))
    check(physical(host, IMAGE) == code, "the device has written the hypervisor")


def test_hole(host):
    check_reported(host, lambda: dma(host, "read", HOLE))
    check_reported(host, lambda: dma(host, "write", HOLE))
    check(dma(host, "own") == "landed", "after refused DMA the device does not reach dom0 any more")


def test_interrupt_messages(host):
    """A message with a vector that nobody has, to all processors, as a program of dom0 writes it."""
    check(host.shell("devmem 0xfeeff000 32 0x21; devmem 0xfeeff000") == "0xFFFFFFFF", "something is there")
