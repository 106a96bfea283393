/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf.c: a small kernel is made byte by byte, then broken in every way a hostile file may be.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "agent/domain/image/elf.h"
#include "agent/domain/image/kernel.h"

struct image {
    Elf64_Ehdr header;
    Elf64_Phdr program[3]; /* text, data with a tail of zeroes, note */
    struct {
        Elf64_Nhdr header;
        char name[4];
        uint64_t entry;
    } note;
    char text[64];
    char data[32];
} __attribute__((packed));

static struct image make_image(void)
{
    struct image image = {
        .header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                   .e_type = ET_EXEC,
                   .e_machine = EM_X86_64,
                   .e_phoff = offsetof(struct image, program),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 3},
        .program = {{.p_type = PT_LOAD,
                     .p_offset = offsetof(struct image, text),
                     .p_paddr = 0x1000000,
                     .p_filesz = 64,
                     .p_memsz = 64},
                    {.p_type = PT_LOAD,
                     .p_offset = offsetof(struct image, data),
                     .p_paddr = 0x2000000,
                     .p_filesz = 32,
                     .p_memsz = 8192},
                    {.p_type = PT_NOTE,
                     .p_offset = offsetof(struct image, note),
                     .p_filesz = sizeof(((struct image *)0)->note),
                     .p_align = 4}},
        .note = {.header = {.n_namesz = 4, .n_descsz = 8, .n_type = 18},
                 .name = "Xen",
                 .entry = 0x1000010},
    };
    return image;
}

static int parse(const struct image *image, struct kernel_layout *layout, struct err *err)
{
    return elf_parse((const uint8_t *)image, sizeof(*image), layout, err);
}

Test(elf, a_kernel_is_understood)
{
    struct image image = make_image();
    struct kernel_layout layout;
    struct err err = {0};

    cr_assert_eq(parse(&image, &layout, &err), 0, "%s", err.message);

    cr_expect_eq(layout.entry, 0x1000010);
    cr_expect_eq(layout.start, 0x1000000);
    cr_expect_eq(layout.end, 0x2002000);
    cr_expect_eq(layout.segment_count, 2);
    cr_expect_eq(layout.segments[1].file_bytes, 32);
    cr_expect_eq(layout.segments[1].memory_bytes, 8192);
}

Test(elf, segments_are_sorted)
{
    struct image image = make_image();
    Elf64_Phdr first = image.program[0];
    struct kernel_layout layout;
    image.program[0] = image.program[1];
    image.program[1] = first;

    cr_assert_eq(parse(&image, &layout, NULL), 0);

    cr_expect_eq(layout.segments[0].addr, 0x1000000);
    cr_expect_eq(layout.segments[1].addr, 0x2000000);
}

Test(elf, a_narrow_entry_note_is_understood)
{
    struct image image = make_image();
    struct kernel_layout layout;
    image.note.header.n_descsz = 4;

    cr_assert_eq(parse(&image, &layout, NULL), 0);
    cr_expect_eq(layout.entry, 0x1000010);
}

/* Each case breaks one thing; the sentence has to say what. */
struct broken {
    const char *says;
    void (*damage)(struct image *image);
};

static void no_magic(struct image *i) { i->header.e_ident[0] = 0; }
static void big_endian(struct image *i) { i->header.e_ident[EI_DATA] = ELFDATA2MSB; }
static void odd_class(struct image *i) { i->header.e_ident[EI_CLASS] = 7; }
static void relocatable(struct image *i) { i->header.e_type = ET_REL; }
static void for_arm(struct image *i) { i->header.e_machine = EM_AARCH64; }
static void odd_entry_size(struct image *i) { i->header.e_phentsize = 32; }
static void no_headers(struct image *i) { i->header.e_phnum = 0; }
static void many_headers(struct image *i) { i->header.e_phnum = 65535; }
static void far_headers(struct image *i) { i->header.e_phoff = UINT64_MAX - 8; }
static void late_headers(struct image *i) { i->header.e_phoff = sizeof(*i) - 8; }
static void far_segment(struct image *i) { i->program[0].p_offset = UINT64_MAX; }
static void wrapping_segment(struct image *i) { i->program[0].p_offset = UINT64_MAX - 16; }
static void long_segment(struct image *i)
{
    i->program[0].p_filesz = i->program[0].p_memsz = 1u << 20;
}
static void shrinking_segment(struct image *i) { i->program[0].p_memsz = 1; }
static void high_segment(struct image *i) { i->program[1].p_paddr = 1ull << 32; }
static void wrapping_memory(struct image *i) { i->program[1].p_memsz = UINT64_MAX; }
static void overlap(struct image *i) { i->program[1].p_paddr = 0x1000020; }
static void entry_outside(struct image *i) { i->note.entry = 0x3000000; }
static void entry_high(struct image *i) { i->note.entry = 0x101000010ull; }
static void entry_in_zeroes(struct image *i) { i->note.entry = 0x2001000; }
static void other_note(struct image *i) { i->note.header.n_type = 17; }
static void other_owner(struct image *i) { memcpy(i->note.name, "Zen", 4); }
static void note_of_odd_size(struct image *i) { i->note.header.n_descsz = 2; }
static void note_too_long(struct image *i) { i->note.header.n_descsz = 0xffffffff; }
static void note_name_too_long(struct image *i) { i->note.header.n_namesz = 0xffffffff; }
static void note_outside(struct image *i) { i->program[2].p_offset = UINT64_MAX - 2; }
static void note_short(struct image *i) { i->program[2].p_filesz = 13; }
static void no_load(struct image *i) { i->program[0].p_type = i->program[1].p_type = PT_NULL; }

Test(elf, hostile_images_are_refused_by_name)
{
    static const struct broken cases[] = {
        {"no ELF header", no_magic},        {"little-endian", big_endian},
        {"unknown ELF class", odd_class},   {"not an ELF executable", relocatable},
        {"not for x86", for_arm},           {"unknown size", odd_entry_size},
        {"program headers", no_headers},    {"program headers", many_headers},
        {"outside the file", far_headers},  {"outside the file", late_headers},
        {"outside the file", far_segment},  {"outside the file", wrapping_segment},
        {"outside the file", long_segment}, {"larger in the file", shrinking_segment},
        {"above 4 GiB", high_segment},      {"above 4 GiB", wrapping_memory},
        {"overlap", overlap},               {"not in any segment", entry_outside},
        {"not in any segment", entry_high}, {"not in any segment", entry_in_zeroes},
        {"no PVH entry", other_note},       {"no PVH entry", other_owner},
        {"no PVH entry", note_of_odd_size}, {"no PVH entry", note_too_long},
        {"no PVH entry", note_name_too_long}, {"no PVH entry", note_outside},
        {"no PVH entry", note_short},       {"no loadable segment", no_load},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct image image = make_image();
        struct kernel_layout layout;
        struct err err = {0};
        cases[i].damage(&image);

        cr_expect_eq(parse(&image, &layout, &err), -ERR_INVALID, "case %zu", i);

        cr_expect_str_eq(err.field, "kernel");
        cr_expect_neq(strstr(err.message, cases[i].says), NULL, "case %zu says \"%s\"", i,
                      err.message);
    }
}

/* Every prefix of a good file, in memory of exactly that size: the sanitizer sees any step beyond. */
Test(elf, a_file_cut_off_anywhere_is_refused_or_parsed_within_bounds)
{
    struct image image = make_image();
    for (size_t size = 0; size < sizeof(image); size++) {
        uint8_t *cut = malloc(size + 1);
        struct kernel_layout layout;
        memcpy(cut, &image, size);
        cr_expect_eq(elf_parse(cut, size, &layout, NULL), -ERR_INVALID, "size %zu", size);
        free(cut);
    }
}

/* Single random bytes changed: no result is expected but an answer within bounds. */
Test(elf, changed_bytes_never_lead_outside)
{
    unsigned seed = 1;
    for (int round = 0; round < 200000; round++) {
        struct image image = make_image();
        for (int i = 0; i < 3; i++) {
            ((uint8_t *)&image)[rand_r(&seed) % sizeof(image)] = (uint8_t)rand_r(&seed);
        }
        struct kernel_layout layout;
        if (parse(&image, &layout, NULL) == 0) {
            for (size_t i = 0; i < layout.segment_count; i++) {
                cr_assert_leq(layout.segments[i].file_offset + layout.segments[i].file_bytes,
                              sizeof(image));
            }
        }
    }
}
