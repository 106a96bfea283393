/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ELF parser of the builder. The file may come from anybody, so every offset is checked against
 * the size of the file before it is followed, and every sum for overflow. ELF32 program headers are
 * read into the ELF64 form, so that there is one way through the rest.
 */
#include "agent/domain/image/elf.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>

#include <xen/elfnote.h>

#include "agent/domain/image/kernel.h"

#define PROGRAM_HEADERS_MAX 64
#define ADDR_LIMIT          (1ull << 32) /* entered in 32-bit mode: all of it lies below 4 GiB */

struct elf_view {
    const uint8_t *data;
    size_t size_bytes;
    bool is_64;
    uint64_t entry;
    uint64_t program_offset;
    uint32_t program_count;
    uint32_t program_entry_bytes;
};

static int invalid(struct err *err, const char *text)
{
    return err_set_field(err, ERR_INVALID, "kernel", "not a bootable kernel: %s", text);
}

/* True when [offset, offset + length) lies inside the file. */
static bool is_inside(const struct elf_view *elf, uint64_t offset, uint64_t length)
{
    return offset <= elf->size_bytes && length <= elf->size_bytes - offset;
}

static int read_header(struct elf_view *elf, struct err *err)
{
    if (elf->size_bytes < EI_NIDENT || memcmp(elf->data, ELFMAG, SELFMAG) != 0) {
        return invalid(err, "no ELF header");
    }
    if (elf->data[EI_DATA] != ELFDATA2LSB || elf->data[EI_VERSION] != EV_CURRENT) {
        return invalid(err, "not a little-endian ELF file");
    }

    uint16_t type;
    uint16_t machine;
    if (elf->data[EI_CLASS] == ELFCLASS64) {
        Elf64_Ehdr header;
        if (!is_inside(elf, 0, sizeof(header))) {
            return invalid(err, "the ELF header is cut off");
        }
        memcpy(&header, elf->data, sizeof(header));
        elf->is_64 = true;
        elf->program_offset = header.e_phoff;
        elf->program_count = header.e_phnum;
        elf->program_entry_bytes = header.e_phentsize;
        type = header.e_type;
        machine = header.e_machine;
    } else if (elf->data[EI_CLASS] == ELFCLASS32) {
        Elf32_Ehdr header;
        if (!is_inside(elf, 0, sizeof(header))) {
            return invalid(err, "the ELF header is cut off");
        }
        memcpy(&header, elf->data, sizeof(header));
        elf->is_64 = false;
        elf->program_offset = header.e_phoff;
        elf->program_count = header.e_phnum;
        elf->program_entry_bytes = header.e_phentsize;
        type = header.e_type;
        machine = header.e_machine;
    } else {
        return invalid(err, "unknown ELF class");
    }

    if (type != ET_EXEC && type != ET_DYN) {
        return invalid(err, "not an ELF executable");
    }
    if (machine != EM_X86_64 && machine != EM_386) {
        return invalid(err, "not for x86");
    }
    size_t expected = elf->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    if (elf->program_entry_bytes != expected) {
        return invalid(err, "program headers of an unknown size");
    }
    if (elf->program_count == 0 || elf->program_count > PROGRAM_HEADERS_MAX) {
        return invalid(err, "no program headers, or too many");
    }
    if (!is_inside(elf, elf->program_offset, (uint64_t)elf->program_count * expected)) {
        return invalid(err, "the program headers lie outside the file");
    }
    return 0;
}

/* Program header i, which is inside the file. */
static Elf64_Phdr program_header(const struct elf_view *elf, uint32_t i)
{
    const uint8_t *at = elf->data + elf->program_offset + (size_t)i * elf->program_entry_bytes;
    Elf64_Phdr wide;

    if (elf->is_64) {
        memcpy(&wide, at, sizeof(wide));
        return wide;
    }
    Elf32_Phdr narrow;
    memcpy(&narrow, at, sizeof(narrow));
    return (Elf64_Phdr){
        .p_type = narrow.p_type,
        .p_flags = narrow.p_flags,
        .p_offset = narrow.p_offset,
        .p_vaddr = narrow.p_vaddr,
        .p_paddr = narrow.p_paddr,
        .p_filesz = narrow.p_filesz,
        .p_memsz = narrow.p_memsz,
        .p_align = narrow.p_align,
    };
}

/* Puts a loadable segment at its place in the order of addresses. */
static int add_segment(const struct elf_view *elf, const Elf64_Phdr *header,
                       struct kernel_layout *layout, struct err *err)
{
    if (header->p_memsz == 0) {
        return 0;
    }
    if (header->p_filesz > header->p_memsz) {
        return invalid(err, "a segment is larger in the file than in memory");
    }
    if (!is_inside(elf, header->p_offset, header->p_filesz)) {
        return invalid(err, "a segment lies outside the file");
    }
    if (header->p_paddr >= ADDR_LIMIT || header->p_memsz > ADDR_LIMIT - header->p_paddr) {
        return invalid(err, "a segment lies above 4 GiB");
    }
    if (layout->segment_count == KERNEL_SEGMENTS_MAX) {
        return invalid(err, "too many segments");
    }

    size_t at = layout->segment_count;
    while (at > 0 && layout->segments[at - 1].addr > header->p_paddr) {
        layout->segments[at] = layout->segments[at - 1];
        at--;
    }
    layout->segments[at] = (struct kernel_segment){
        .addr = header->p_paddr,
        .memory_bytes = header->p_memsz,
        .file_bytes = header->p_filesz,
        .file_offset = header->p_offset,
    };
    layout->segment_count++;
    return 0;
}

static uint64_t align_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

/* Looks for the PVH entry in one note segment. Returns true and fills *entry when it is there. */
static bool find_entry_note(const struct elf_view *elf, const Elf64_Phdr *header, uint64_t *entry)
{
    if (!is_inside(elf, header->p_offset, header->p_filesz)) {
        return false;
    }
    const uint8_t *notes = elf->data + header->p_offset;
    uint64_t size = header->p_filesz;
    uint64_t alignment = header->p_align == 8 ? 8 : 4;
    uint64_t at = 0;

    while (at <= size && size - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note; /* the same three words in both classes */
        memcpy(&note, notes + at, sizeof(note));

        uint64_t name_at = at + sizeof(note);
        uint64_t desc_at = align_up(name_at + note.n_namesz, alignment);
        uint64_t next = align_up(desc_at + note.n_descsz, alignment);
        if (desc_at > size || note.n_descsz > size - desc_at) {
            return false;
        }
        if (note.n_type == XEN_ELFNOTE_PHYS32_ENTRY && note.n_namesz == sizeof("Xen") &&
            memcmp(notes + name_at, "Xen", sizeof("Xen")) == 0) {
            if (note.n_descsz == sizeof(uint64_t)) {
                memcpy(entry, notes + desc_at, sizeof(uint64_t));
                return true;
            }
            if (note.n_descsz == sizeof(uint32_t)) {
                uint32_t narrow;
                memcpy(&narrow, notes + desc_at, sizeof(narrow));
                *entry = narrow;
                return true;
            }
            return false;
        }
        at = next;
    }
    return false;
}

/* Checks the sorted segments against each other and the entry against them. */
static int check_layout(struct kernel_layout *layout, uint64_t entry, struct err *err)
{
    if (layout->segment_count == 0) {
        return invalid(err, "no loadable segment");
    }
    bool is_entry_inside = false;
    uint64_t end = 0;
    for (size_t i = 0; i < layout->segment_count; i++) {
        const struct kernel_segment *segment = &layout->segments[i];
        if (segment->addr < end) {
            return invalid(err, "segments overlap");
        }
        end = segment->addr + segment->memory_bytes;
        if (entry >= segment->addr && entry < segment->addr + segment->file_bytes) {
            is_entry_inside = true;
        }
    }
    if (!is_entry_inside) {
        return invalid(err, "the PVH entry point is not in any segment");
    }
    layout->entry = (uint32_t)entry;
    layout->start = layout->segments[0].addr;
    layout->end = end;
    return 0;
}

int elf_parse(const uint8_t *data, size_t size_bytes, struct kernel_layout *layout,
              struct err *err)
{
    struct elf_view elf = {.data = data, .size_bytes = size_bytes};
    *layout = (struct kernel_layout){0};

    int result = read_header(&elf, err);
    if (result != 0) {
        return result;
    }

    uint64_t entry = 0;
    bool has_entry = false;
    for (uint32_t i = 0; i < elf.program_count; i++) {
        Elf64_Phdr header = program_header(&elf, i);
        if (header.p_type == PT_LOAD) {
            result = add_segment(&elf, &header, layout, err);
            if (result != 0) {
                return result;
            }
        } else if (header.p_type == PT_NOTE && !has_entry) {
            has_entry = find_entry_note(&elf, &header, &entry);
        }
    }
    if (!has_entry) {
        return invalid(err, "no PVH entry note (a Linux kernel needs CONFIG_PVH=y)");
    }
    return check_layout(layout, entry, err);
}
