# SPDX-License-Identifier: Apache-2.0
"""All the memory of an emulated host, as its own bus sees it, and what the hypervisor's frame table says of it."""

import mmap
import struct
import subprocess

from lib.check import check, wait_for

PAGE = 4096
IMAGE_OFFSET = 0xFFFFFFFF80000000  # hv/include/hv/arch/layout.h
DIRECT_MAP = 0xFFFF800000000000
RESERVED, FREE, HV, SHARED, GUEST = range(5)  # enum frame_state in hv/include/hv/frame.h
STATES = ("reserved", "free", "hypervisor's", "shared", "guest's")
CLEAN, DIRTY, STALE = range(3)  # enum frame_contents
ADDRESS = 0x000FFFFFFFFFF000  # in entries of the IOMMU's tables
READ_OR_WRITE = 3 << 61
STRUCT_FRAME = struct.Struct("<IHBBII")  # refs, owner, state:4 contents:2 head:1, node, links


class Memory:
    """One moment of a host's memory below 4 GiB. The host stands still while it is written down."""

    def __init__(self, host, size_mib):
        path = host.lab.folder / "memory"
        path.unlink(missing_ok=True)
        host.monitor("stop")
        # unquoted, the name's first stroke would be a division
        answer = host.monitor("pmemsave", "0", hex(size_mib << 20), f'"{path}"')
        check(not answer, f"pmemsave: {answer}")
        wait_for("QEMU has written the memory down",
                 lambda: path.exists() and path.stat().st_size == size_mib << 20, 300)
        host.monitor("cont")
        wait_for("the host goes on", lambda: "running" in host.monitor("info", "status"), 60)
        with open(path, "rb") as file:
            self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        path.unlink()
        self.symbols = symbols(host.lab.build / "hv" / "nether.elf64")
        self.frames = self.read_frames()

    def word(self, symbol):
        """A 64-bit variable of the hypervisor."""
        return struct.unpack_from("<Q", self.bytes, self.symbols[symbol] - IMAGE_OFFSET)[0]

    def image(self):
        """The frames of the hypervisor's image."""
        return range((self.symbols["image_start"] - IMAGE_OFFSET) // PAGE,
                     -(-(self.symbols["image_end"] - IMAGE_OFFSET) // PAGE))

    def code(self):
        """The bytes of its code."""
        return self.bytes[self.symbols["image_start"] - IMAGE_OFFSET:self.symbols["image_text_end"] - IMAGE_OFFSET]

    def table(self):
        """The frames of the frame table."""
        start = (self.word("frame_table") - DIRECT_MAP) // PAGE
        return range(start, start - (-self.word("frame_limit") * STRUCT_FRAME.size // PAGE))

    def read_frames(self):
        """(state, owner, contents) of each frame; contents of free ones alone, owner of others."""
        at, limit = self.word("frame_table") - DIRECT_MAP, self.word("frame_limit")
        raw = list(STRUCT_FRAME.iter_unpack(self.bytes[at:at + limit * STRUCT_FRAME.size]))
        frames = [(bits & 15, owner, None) for _, owner, bits, _, _, _ in raw]
        for index, (_, order, bits, _, _, _) in enumerate(raw):
            if bits & 15 == FREE and bits & 0x40:  # the head of a free block
                entry = (FREE, None, bits >> 4 & 3)
                frames[index:index + (1 << order)] = [entry] * (1 << order)
        return frames

    def frames_with(self, pattern):
        """{frame: (state, owner, contents)} of those in which the pattern begins."""
        found, at = {}, self.bytes.find(pattern)
        while at >= 0:
            frame = at // PAGE
            found[frame] = self.frames[frame] if frame < len(self.frames) else (RESERVED, None, None)
            at = self.bytes.find(pattern, (frame + 1) * PAGE)
        return found

    def reached_by_devices(self):
        """{guest frame: machine frame} of all that the IOMMU's tables lead devices to, which are dom0's p2m too.

        Formats: AMD's 48882, 2.2.2 (device table) and 2.2.3 (page tables: next level in bits 11:9).
        """
        table = self.word("device_table") - DIRECT_MAP
        entries = struct.iter_unpack("<QQQQ", self.bytes[table:table + (1 << 16) * 32])
        roots = {entry[0] & ADDRESS for entry in entries if entry[0] & READ_OR_WRITE}
        leaves = {}
        for root in roots:
            self.walk(root, 4, 0, leaves)
        return leaves

    def walk(self, address, level, gfn, leaves):
        for index, (entry,) in enumerate(struct.iter_unpack("<Q", self.bytes[address:address + PAGE])):
            at = gfn + (index << 9 * (level - 1))
            if not entry & 1:
                continue
            if entry >> 9 & 7:
                self.walk(entry & ADDRESS, entry >> 9 & 7, at, leaves)
            else:
                first, count = (entry & ADDRESS) // PAGE, 1 << 9 * (level - 1)
                leaves.update(zip(range(at, at + count), range(first, first + count)))

    def of_state(self, state):
        """The frames in this state."""
        return [index for index, frame in enumerate(self.frames) if frame[0] == state]

    def close(self):
        self.bytes.close()


def symbols(path):
    """Addresses of an ELF file's symbols by name, without what link-time optimization appends."""
    listing = subprocess.run(["nm", str(path)], capture_output=True, text=True, check=True).stdout
    return {words[2].split(".")[0]: int(words[0], 16) for words in map(str.split, listing.splitlines()) if len(words) == 3}
