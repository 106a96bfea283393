# SPDX-License-Identifier: Apache-2.0
"""dom0 puts a device's MSI-X table anywhere, and harms at most its own devices.

What could go wrong: the hypervisor follows the table to where it cannot write (firmware's tables, its own registers), onto
RAM or onto another device's table; or it takes memory for each place that the table was ever at, until there is none.
"""

import re

from lib.check import check

HOST = {"cpus": 1, "qemu": "-device nec-usb-xhci"}  # MSI-X, and the small dom0 has no driver for it
DEVICE_ID = "0x0194"
COMMAND, BAR = 0x04, 0x10
MSIX = 0x11
ENABLE = 0x8000
MEMORY_DECODING = 2
SOMEWHERE = 1 << 36     # where nothing is
MOVES = 256             # of 16 MiB each, so that none shares a page of tables with another


class Config:
    """Configuration space of the device, by sysfs."""

    def __init__(self, host):
        self.host = host
        self.path = host.shell(f"dirname $(grep -l {DEVICE_ID} /sys/bus/pci/devices/*/device)") + "/config"
        self.msix = self.find(MSIX)

    def read(self, offset, size):
        """Little-endian, as the bytes stand there."""
        words = self.host.shell(f"od -A n -t x1 -j {offset} -N {size} {self.path}").split()
        return int("".join(reversed(words)), 16)

    def find(self, capability):
        at = self.read(0x34, 1)
        while at and self.read(at, 1) != capability:
            at = self.read(at + 1, 1)
        return at

    @staticmethod
    def writing(path, offset, size, value):
        """A line of shell that writes."""
        text = "".join(f"\\{byte:o}" for byte in value.to_bytes(size, "little"))
        return f"printf '{text}' | dd of={path} bs={size} seek={offset // size} conv=notrunc 2>/dev/null"

    def write(self, *writes):
        """Each is (offset, size, value)."""
        self.host.shell("; ".join(self.writing(self.path, *write) for write in writes))

    def move(self, address):
        self.write((BAR, 4, address & 0xffffffff), (BAR + 4, 4, address >> 32))

    def is_enabled(self):
        return bool(self.read(self.msix + 2, 2) & ENABLE)

    def enable(self, is_on=True):
        self.write((self.msix + 2, 2, ENABLE if is_on else 0))
        return self.is_enabled()


def address_in(text, pattern):
    found = re.search(pattern, text)
    check(found, f"no {pattern} in:\n{text}")
    return int(found.group(1), 16)


def test_odd_places(host):
    config = Config(host)
    config.write((COMMAND, 2, MEMORY_DECODING))
    home = config.read(BAR, 4) & ~0xf
    check(config.enable(), "MSI-X cannot be enabled where firmware has put the table")
    iomem = host.shell("cat /proc/iomem")
    nvme = address_in(iomem, r"([0-9a-f]+)-[0-9a-f]+ : nvme")
    table = config.read(config.msix + 4, 4) & ~7
    ecam = address_in(iomem, r"([0-9a-f]+)-[0-9a-f]+ : PCI MMCONFIG")
    for place in (0xe0000, 0xf0000, 0x2000000, ecam, 0xfec00000 - table, 0xfee00000, 0xfed80000, 0x200000,
                  nvme + 0x2000 - table & ~0x3fff, 0xfffffffffffc000, 0xffffffffffffc000, 0):
        config.move(place)           # it follows, or not
        config.enable(False)
        config.enable()              # it is there when it is enabled
        config.enable(False)
        config.move(home)
        check(config.enable(), f"MSI-X cannot be enabled any more after the table was at {place:#x}")
    config.enable(False)
    host.check_health()


def test_for_ever(host):
    host.wait_agent()
    config = Config(host)
    config.write((COMMAND, 2, MEMORY_DECODING))
    home = config.read(BAR, 4) & ~0xf
    check(config.enable(), "MSI-X cannot be enabled")
    free = host.free_memory_bytes()
    low = config.writing("$c", BAR, 4, 0).replace("\\0'", "'\"\\\\$(printf %o $n)\"")
    host.shell(f"c={config.path}; {config.writing('$c', BAR + 4, 4, SOMEWHERE >> 32)}; "
               f"n=0; while [ $n -lt {MOVES} ]; do {low}; n=$((n + 1)); done", timeout_s=300)
    check(config.read(BAR + 3, 1) == MOVES - 1, "the device was not moved")
    taken = free - host.free_memory_bytes()
    config.move(home)
    check(config.enable(False) is False, "MSI-X cannot be disabled")
    check(taken < 1 << 20, f"{MOVES} moves took {taken >> 10} KiB of the hypervisor's memory")
    host.check_health()
    return f"{MOVES} moves took {taken >> 10} KiB"
