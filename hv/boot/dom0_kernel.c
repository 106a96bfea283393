/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dom0's kernel: an ELF file (ELF specification 1.2) with the note that names its PVH entry
 * (xen/elfnote.h, XEN_ELFNOTE_PHYS32_ENTRY). Compressed images are unpacked when they are installed,
 * not here. The boot loader is trusted to bring what the administrator chose; it may still be broken,
 * so every offset is checked.
 */
#include "dom0_build.h"

#include <hv/arch/cpu.h>
#include <hv/boot.h>
#include <hv/domain.h>
#include <hv/print.h>
#include <xen/elfnote.h>

struct elf64_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf64_segment {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_note {
    uint32_t name_size, desc_size, type;
};

#define PT_LOAD     1U
#define PT_NOTE     4U
#define EM_X86_64   62U
#define BOOT_SECTOR_MAGIC_OFFSET 0x202 /* "HdrS" in a bzImage */

struct image {
    const uint8_t *data;
    uint64_t size;
    const struct elf64_header *header;
};

static bool holds(const struct image *image, uint64_t offset, uint64_t size)
{
    return offset <= image->size && size <= image->size - offset;
}

static void check_header(struct image *image)
{
    const struct elf64_header *h = (const void *)image->data;

    if (holds(image, BOOT_SECTOR_MAGIC_OFFSET, 4) && memcmp(image->data + BOOT_SECTOR_MAGIC_OFFSET, "HdrS", 4) == 0) {
        halt_with_message("dom0: the first module is a compressed bzImage; unpack it with unpack-kernel and load the "
                          "ELF kernel instead");
    }
    if (!holds(image, 0, sizeof(*h)) || memcmp(h->ident, "\177ELF\2\1", 6) != 0 || h->machine != EM_X86_64 ||
        h->phentsize != sizeof(struct elf64_segment) ||
        !holds(image, h->phoff, (uint64_t)h->phnum * sizeof(struct elf64_segment))) {
        halt_with_message("dom0: the first module is no 64-bit x86 ELF kernel");
    }
    image->header = h;
}

static const struct elf64_segment *segment(const struct image *image, unsigned n)
{
    return (const void *)(image->data + image->header->phoff + n * sizeof(struct elf64_segment));
}

/* The PVH entry among the notes of one segment, or 0. */
static uint32_t find_entry(const struct image *image, const struct elf64_segment *s)
{
    uint64_t at = s->offset, end = s->offset + s->filesz;

    while (end - at >= sizeof(struct elf_note)) {
        struct elf_note note;
        uint64_t name = at + sizeof(note), desc;

        memcpy(&note, image->data + at, sizeof(note));
        desc = name + ROUND_UP((uint64_t)note.name_size, 4UL);
        if (desc > end || note.desc_size > end - desc) {
            return 0;
        }
        if (note.type == XEN_ELFNOTE_PHYS32_ENTRY && note.name_size == 4 && note.desc_size >= 4 &&
            memcmp(image->data + name, "Xen", 4) == 0) {
            uint32_t entry;

            memcpy(&entry, image->data + desc, sizeof(entry));
            return entry;
        }
        at = desc + ROUND_UP((uint64_t)note.desc_size, 4UL);
        if (at > end) {
            return 0;
        }
    }
    return 0;
}

static void check_room(const struct domain *d, uint64_t start, uint64_t end)
{
    for (uint64_t n = start >> PAGE_SHIFT; n <= (end - 1) >> PAGE_SHIFT; n++) {
        if (!frame_is_domains(mfn(n), d->domid)) {
            halt_with_message("dom0: its kernel wants %lx-%lx, where dom0 has no RAM at %lx", start, end - 1,
                              n << PAGE_SHIFT);
        }
    }
}

static void load_segment(const struct domain *d, const struct image *image, const struct elf64_segment *s,
                         struct dom0_layout *layout)
{
    uint64_t end = s->paddr + s->memsz;

    if (s->memsz == 0) {
        return;
    }
    if (end < s->paddr || s->filesz > s->memsz || !holds(image, s->offset, s->filesz)) {
        halt_with_message("dom0: its kernel image is damaged (segment at %lx)", s->paddr);
    }
    check_room(d, s->paddr, end);
    memcpy(paddr_to_virt(s->paddr), image->data + s->offset, s->filesz);
    memset(paddr_to_virt(s->paddr + s->filesz), 0, s->memsz - s->filesz);
    layout->kernel_start = MIN(layout->kernel_start, s->paddr);
    layout->kernel_end = MAX(layout->kernel_end, end);
}

void dom0_load_kernel(struct domain *d, const struct boot_module *module, struct dom0_layout *layout)
{
    struct image image = {.data = paddr_to_virt(module->start), .size = module->end - module->start};

    check_header(&image);
    layout->kernel_start = ~0UL;
    for (unsigned n = 0; n < image.header->phnum; n++) {
        const struct elf64_segment *s = segment(&image, n);

        if (s->type == PT_LOAD) {
            load_segment(d, &image, s, layout);
        } else if (s->type == PT_NOTE && holds(&image, s->offset, s->filesz) && layout->entry == 0) {
            layout->entry = find_entry(&image, s);
        }
    }
    if (layout->entry == 0) {
        halt_with_message("dom0: its kernel has no PVH entry note (CONFIG_PVH); Nether cannot start it");
    }
}
