/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout.c and start_info.c: the memory map as a kernel will read it.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include <xen/xen.h>

#include <xen/arch-x86/hvm/start_info.h>

#include "agent/domain/image/kernel.h"
#include "agent/domain/layout.h"
#include "agent/domain/start_info.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

/* What Debian's kernel looks like from here. */
static const struct kernel_layout debian = {
    .entry = 0x1000850,
    .start = 0x1000000,
    .end = 0x4a00000,
    .segments = {{.addr = 0x1000000, .memory_bytes = 0x3a00000, .file_bytes = 0x2000000}},
    .segment_count = 1,
};

static uint64_t ram_of(const struct layout *layout)
{
    uint64_t ram = 0;
    for (size_t i = 0; i < layout->range_count; i++) {
        ram += layout->ranges[i].type == LAYOUT_RAM ? layout->ranges[i].size_bytes : 0;
    }
    return ram;
}

Test(layout, all_memory_is_in_the_map_and_ranges_are_in_order)
{
    static const uint64_t sizes[] = {128 * MIB, 256 * MIB, GIB,           3840 * MIB - 4096,
                                     3840 * MIB, 3840 * MIB + 4096, 4 * GIB, 64 * GIB};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct layout layout;
        cr_assert_eq(layout_compute(sizes[i], &debian, 4096, 20 * MIB, &layout, NULL), 0);

        cr_expect_eq(ram_of(&layout), sizes[i]);
        for (size_t r = 1; r < layout.range_count; r++) {
            cr_expect_geq(layout.ranges[r].addr,
                          layout.ranges[r - 1].addr + layout.ranges[r - 1].size_bytes);
        }
    }
}

Test(layout, the_lowest_hole_is_free_for_scratch_pages)
{
    static const uint64_t sizes[] = {128 * MIB, GIB, 3840 * MIB, 16 * GIB};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct layout layout;
        cr_assert_eq(layout_compute(sizes[i], &debian, 4096, 0, &layout, NULL), 0);

        /* 128 MiB on a 128 MiB boundary, right above the RAM that is below 4 GiB */
        uint64_t hole = (layout.ram_low_bytes + 128 * MIB - 1) & ~(128 * MIB - 1);
        for (size_t r = 0; r < layout.range_count; r++) {
            uint64_t end = layout.ranges[r].addr + layout.ranges[r].size_bytes;
            cr_expect(end <= hole || layout.ranges[r].addr >= hole + 128 * MIB);
        }
    }
}

Test(layout, what_is_loaded_does_not_overlap)
{
    struct layout layout;
    cr_assert_eq(layout_compute(256 * MIB, &debian, 4096, 20 * MIB + 1, &layout, NULL), 0);

    cr_expect_geq(layout.start_info_addr, debian.end);
    cr_expect_geq(layout.initrd_addr, layout.start_info_addr + 4096);
    cr_expect_eq(layout.initrd_addr % (2 * MIB), 0);
    cr_expect_leq(layout.initrd_addr + layout.initrd_bytes, layout.ram_low_bytes);
}

Test(layout, what_does_not_fit_is_refused)
{
    struct kernel_layout legacy = debian;
    struct kernel_layout high = debian;
    legacy.segments[0].addr = 0x90000;
    high.end = 1024 * MIB;
    static const uint64_t too_small = 64 * MIB;
    const struct {
        uint64_t memory;
        uint64_t initrd;
        const struct kernel_layout *kernel;
        const char *field;
    } cases[] = {
        {0, 0, &debian, "memory_bytes"},
        {128 * MIB + 1, 0, &debian, "memory_bytes"},
        {too_small, 0, &debian, "memory_bytes"},
        {128 * MIB, 100 * MIB, &debian, "memory_bytes"},
        {64 * GIB, 3900 * MIB, &debian, "memory_bytes"},
        {64 * GIB, 5 * GIB, &debian, "initrd"},
        {256 * MIB, 0, &legacy, "kernel"},
        {4 * GIB, 0, &high, "kernel"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct layout layout;
        struct err err = {0};
        cr_expect_eq(layout_compute(cases[i].memory, cases[i].kernel, 4096, cases[i].initrd,
                                    &layout, &err),
                     -ERR_INVALID, "case %zu", i);
        cr_expect_str_eq(err.field, cases[i].field, "case %zu: %s", i, err.message);
    }
}

Test(start_info, a_kernel_finds_everything)
{
    struct layout layout;
    uint8_t block[START_INFO_BYTES];
    struct hvm_start_info info;
    cr_assert_eq(layout_compute(8 * GIB, &debian, START_INFO_BYTES, 5 * MIB, &layout, NULL), 0);

    cr_assert_eq(start_info_write(&layout, "console=hvc0", block, NULL), 0);

    memcpy(&info, block, sizeof(info));
    cr_expect_eq(info.magic, 0x336ec578);
    cr_expect_eq(info.version, 1);
    cr_expect_eq(info.flags, 0);
    cr_expect_eq(info.rsdp_paddr, LAYOUT_ACPI_ADDR);
    uint64_t base = layout.start_info_addr;
    cr_expect_str_eq((char *)block + (info.cmdline_paddr - base), "console=hvc0");
    cr_expect_leq(info.cmdline_paddr - base + 2048, START_INFO_BYTES);

    struct hvm_modlist_entry module;
    cr_assert_eq(info.nr_modules, 1);
    memcpy(&module, block + (info.modlist_paddr - base), sizeof(module));
    cr_expect_eq(module.paddr, layout.initrd_addr);
    cr_expect_eq(module.size, 5 * MIB);

    struct hvm_memmap_table_entry entry;
    cr_assert_eq(info.memmap_entries, layout.range_count);
    memcpy(&entry, block + (info.memmap_paddr - base) + 3 * sizeof(entry), sizeof(entry));
    cr_expect_eq(entry.addr, 4 * GIB);
    cr_expect_eq(entry.type, XEN_HVM_MEMMAP_TYPE_RAM);
}

Test(start_info, the_longest_command_line_fits_and_no_longer_one)
{
    struct layout layout;
    uint8_t block[START_INFO_BYTES];
    char cmdline[2049];
    struct err err = {0};
    cr_assert_eq(layout_compute(256 * MIB, &debian, START_INFO_BYTES, 0, &layout, NULL), 0);
    memset(cmdline, 'a', sizeof(cmdline));

    cmdline[2047] = '\0';
    cr_expect_eq(start_info_write(&layout, cmdline, block, NULL), 0);
    cr_expect_eq(block[START_INFO_BYTES - 1], 0);
    cmdline[2047] = 'a';
    cmdline[2048] = '\0';
    cr_expect_eq(start_info_write(&layout, cmdline, block, &err), -ERR_INVALID);
    cr_expect_str_eq(err.field, "cmdline");
    cr_expect_eq(start_info_write(&layout, NULL, block, NULL), 0);
}
