/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's memory map. The drawing is in the header.
 */
#include "agent/domain/layout.h"

#include <stdbool.h>

#include "agent/domain/image/kernel.h"

#define LEGACY_START 0xa0000ull
#define LEGACY_END   0x100000ull
#define MIB          (1ull << 20)

static uint64_t align_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

static void add_range(struct layout *layout, uint64_t addr, uint64_t size_bytes, uint32_t type)
{
    if (size_bytes != 0) {
        layout->ranges[layout->range_count++] =
            (struct memory_range){.addr = addr, .size_bytes = size_bytes, .type = type};
    }
}

/* A kernel reserves the legacy window for itself, so nothing may be loaded there. */
static bool touches_legacy_window(const struct kernel_layout *kernel)
{
    for (size_t i = 0; i < kernel->segment_count; i++) {
        const struct kernel_segment *segment = &kernel->segments[i];
        if (segment->addr < LEGACY_END && segment->addr + segment->memory_bytes > LEGACY_START) {
            return true;
        }
    }
    return false;
}

int layout_compute(uint64_t memory_bytes, const struct kernel_layout *kernel,
                   uint64_t start_info_bytes, uint64_t initrd_bytes, struct layout *layout,
                   struct err *err)
{
    *layout = (struct layout){0};
    if (memory_bytes == 0 || memory_bytes % PAGE_BYTES != 0) {
        return err_set_field(err, ERR_INVALID, "memory_bytes",
                             "memory must be a multiple of 4096 bytes");
    }
    layout->ram_low_bytes = memory_bytes < LAYOUT_HOLE_START ? memory_bytes : LAYOUT_HOLE_START;
    layout->ram_high_bytes = memory_bytes - layout->ram_low_bytes;

    if (touches_legacy_window(kernel)) {
        return err_set_field(err, ERR_INVALID, "kernel",
                             "the kernel wants to be loaded between 640 KiB and 1 MiB");
    }
    if (kernel->end > layout->ram_low_bytes) {
        return err_set_field(err, ERR_INVALID, "memory_bytes",
                             "the kernel needs memory up to %llu MiB, the domain has %llu MiB",
                             (unsigned long long)(align_up(kernel->end, MIB) / MIB),
                             (unsigned long long)(memory_bytes / MIB));
    }

    /* Read by the kernel through its first page tables, which end at 1 GiB. */
    layout->start_info_addr = align_up(kernel->end, PAGE_BYTES);
    uint64_t end = layout->start_info_addr + align_up(start_info_bytes, PAGE_BYTES);
    if (end > 1024 * MIB) {
        return err_set_field(err, ERR_INVALID, "kernel", "the kernel does not end below 1 GiB");
    }
    if (initrd_bytes != 0) {
        layout->initrd_addr = align_up(end, 2 * MIB);
        layout->initrd_bytes = initrd_bytes;
        if (initrd_bytes > UINT32_MAX) {
            return err_set_field(err, ERR_INVALID, "initrd", "the initrd is larger than 4 GiB");
        }
        end = layout->initrd_addr + initrd_bytes;
    }
    if (end > layout->ram_low_bytes) {
        return err_set_field(err, ERR_INVALID, "memory_bytes",
                             "kernel and initrd need memory up to %llu MiB, the domain has %llu "
                             "MiB%s",
                             (unsigned long long)(align_up(end, MIB) / MIB),
                             (unsigned long long)(memory_bytes / MIB),
                             layout->ram_high_bytes != 0 ? " of it below 4 GiB" : "");
    }

    add_range(layout, 0, layout->ram_low_bytes, LAYOUT_RAM);
    add_range(layout, LAYOUT_ACPI_ADDR, LAYOUT_ACPI_BYTES, LAYOUT_ACPI);
    add_range(layout, LAYOUT_SPECIAL_ADDR, LAYOUT_SPECIAL_PAGES * PAGE_BYTES, LAYOUT_RESERVED);
    add_range(layout, LAYOUT_HIGH_START, layout->ram_high_bytes, LAYOUT_RAM);
    return 0;
}
