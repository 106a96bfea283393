/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory before the heap exists. Free memory is a list of regions: RAM without the first MiB (dom0's),
 * the image and the modules. Modules are moved to the top of memory first, out of the low memory where
 * dom0's kernel, identity-mapped, must be put. What is left becomes the heap.
 */
#include <hv/acpi.h>
#include <hv/arch/layout.h>
#include <hv/boot.h>
#include <hv/frame.h>
#include <hv/print.h>

#define MAX_REGIONS (BOOT_MAX_RANGES + BOOT_MAX_MODULES + 4)

struct region {
    uint64_t start, end;
};

static struct region regions[MAX_REGIONS]; /* free, page-aligned, ascending */
static unsigned region_count;
static uint64_t reach_end = FOUR_GIB; /* memory below is in the page tables of now */

static void insert_at(unsigned i, struct region region)
{
    memmove(&regions[i + 1], &regions[i], (region_count++ - i) * sizeof(region));
    regions[i] = region;
}

/* Takes [start, end) out of the free regions. */
static void exclude(uint64_t start, uint64_t end)
{
    start = ROUND_DOWN(start, PAGE_SIZE);
    end = ROUND_UP(end, PAGE_SIZE);
    for (unsigned i = 0; i < region_count;) {
        struct region r = regions[i];

        if (end <= r.start || r.end <= start) {
            i++;
            continue;
        }
        memmove(&regions[i], &regions[i + 1], (--region_count - i) * sizeof(r));
        if (end < r.end) {
            insert_at(i, (struct region){end, r.end});
        }
        if (r.start < start) {
            insert_at(i, (struct region){r.start, start});
        }
    }
}

static void add_ram(uint64_t start, uint64_t end)
{
    start = MAX(ROUND_UP(start, PAGE_SIZE), LOW_END);
    end = ROUND_DOWN(end, PAGE_SIZE);
    if (start < end) {
        regions[region_count++] = (struct region){start, end};
    }
}

/* The highest free bytes below limit; 0 when there are none. */
static uint64_t take_top(uint64_t bytes, uint64_t limit)
{
    for (unsigned i = region_count; i-- > 0;) {
        uint64_t end = MIN(regions[i].end, limit);

        if (end > regions[i].start && end - regions[i].start >= bytes) {
            exclude(end - bytes, end);
            return end - bytes;
        }
    }
    return 0;
}

/* Where a module is, stays taken; where it was becomes free again, when the copy does not overlap it. */
static void move_module(struct boot_module *module)
{
    uint64_t size = module->end - module->start;
    uint64_t to = take_top(ROUND_UP(size, PAGE_SIZE), FOUR_GIB);

    if (to == 0 || to < module->start) { /* no better place: it stays where the loader put it */
        return;
    }
    memmove(paddr_to_virt(to), paddr_to_virt(module->start), size);
    module->start = to;
    module->end = to + size;
}

static void list_free_regions(void)
{
    region_count = 0;
    for (unsigned i = 0; i < boot_info.range_count; i++) {
        const struct boot_range *range = &boot_info.ranges[i];

        if (range->type != E820_RAM) {
            continue;
        }
        if (range->start < FOUR_GIB && range->end > FOUR_GIB) {
            add_ram(range->start, FOUR_GIB);
            add_ram(FOUR_GIB, range->end);
        } else {
            add_ram(range->start, range->end);
        }
    }
    exclude((uint64_t)image_start - IMAGE_OFFSET, (uint64_t)image_end - IMAGE_OFFSET);
    for (unsigned i = 0; i < boot_info.module_count; i++) {
        exclude(boot_info.modules[i].start, boot_info.modules[i].end);
    }
}

/* A Multiboot2 loader's copy of the RSDP lies anywhere in RAM, and is read when some of that is in use already. */
static void keep_rsdp(void)
{
    static struct acpi_rsdp copy;

    if (boot_info.rsdp != 0) {
        memcpy(&copy, paddr_to_virt(boot_info.rsdp), sizeof(copy));
        boot_info.rsdp = (uint64_t)&copy - IMAGE_OFFSET;
    }
}

void early_memory_init(void)
{
    keep_rsdp();
    list_free_regions();
    for (unsigned i = 0; i < boot_info.module_count; i++) {
        move_module(&boot_info.modules[i]);
    }
    list_free_regions();
}

void early_memory_reach_all(void)
{
    reach_end = ~0UL;
}

mfn_t boot_alloc(uint64_t frames)
{
    uint64_t bytes = frames << PAGE_SHIFT;
    uint64_t paddr = take_top(bytes, reach_end);

    if (paddr == 0) {
        halt_with_message("boot: too little memory: no %lu KiB for boot-time tables", bytes >> 10);
    }
    memset(paddr_to_virt(paddr), 0, bytes);
    return mfn(paddr >> PAGE_SHIFT);
}

/* The node of an address, and in *end how far (at most to the given end) that is so. */
static unsigned node_of(uint64_t paddr, uint64_t *end)
{
    for (unsigned i = 0; i < acpi_info.memory_node_count; i++) {
        uint64_t start = acpi_info.memory_nodes[i].start;
        uint64_t limit = acpi_info.memory_nodes[i].end;

        if (paddr >= start && paddr < limit) {
            *end = MIN(*end, limit);
            return MIN(acpi_info.memory_nodes[i].node, MAX_NODES - 1);
        }
        if (paddr < start) {
            *end = MIN(*end, start);
        }
    }
    return 0;
}

static void give_to_heap(uint64_t start, uint64_t end)
{
    while (start < end) {
        uint64_t part_end = end;
        unsigned node = node_of(start, &part_end);

        part_end = MAX(ROUND_DOWN(part_end, PAGE_SIZE), start + PAGE_SIZE);
        frame_add_range(mfn(start >> PAGE_SHIFT), mfn(part_end >> PAGE_SHIFT), node, FRAME_STALE);
        start = part_end;
    }
}

void boot_memory_to_heap(void)
{
    uint64_t limit = 0;

    for (unsigned i = 0; i < boot_info.range_count; i++) {
        if (boot_info.ranges[i].type == E820_RAM) {
            limit = MAX(limit, boot_info.ranges[i].end >> PAGE_SHIFT);
        }
    }

    uint64_t table_frames = ROUND_UP(limit * sizeof(struct frame), PAGE_SIZE) >> PAGE_SHIFT;

    frame_init(mfn_to_virt(boot_alloc(table_frames)), limit);
    for (unsigned i = 0; i < region_count; i++) {
        give_to_heap(regions[i].start, regions[i].end);
    }
    region_count = 0;
}

void boot_modules_to_heap(void)
{
    for (unsigned i = 0; i < boot_info.module_count; i++) {
        give_to_heap(ROUND_DOWN(boot_info.modules[i].start, PAGE_SIZE),
                     ROUND_UP(boot_info.modules[i].end, PAGE_SIZE));
    }
    boot_info.module_count = 0;
}
