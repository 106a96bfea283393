/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory before the heap exists. Free memory is what is RAM in a copy of the loader's map, in which the first MiB
 * (dom0's), the image and the modules are taken. Modules are moved to the top of memory first, out of the low memory where
 * dom0's kernel, identity-mapped, must be put. What is left becomes the heap.
 */
#include <hv/acpi.h>
#include <hv/arch/layout.h>
#include <hv/boot.h>
#include <hv/frame.h>
#include <hv/print.h>

static struct range_map memory;
static uint64_t reach_end = FOUR_GIB; /* memory below is in the page tables of now */

static void take(uint64_t start, uint64_t end)
{
    range_map_add(&memory, ROUND_DOWN(start, PAGE_SIZE), ROUND_UP(end, PAGE_SIZE), RANGE_TAKEN);
}

/* The highest free bytes below limit; 0 when there are none. */
static uint64_t take_top(uint64_t bytes, uint64_t limit)
{
    for (unsigned i = memory.count; i-- > 0;) {
        uint64_t start = ROUND_UP(memory.ranges[i].start, PAGE_SIZE);
        uint64_t end = ROUND_DOWN(MIN(memory.ranges[i].end, limit), PAGE_SIZE);

        if (memory.ranges[i].type == E820_RAM && end > start && end - start >= bytes) {
            take(end - bytes, end);
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

static void list_memory(void)
{
    memory = boot_info.map;
    take(0, LOW_END);
    take((uint64_t)image_start - IMAGE_OFFSET, (uint64_t)image_end - IMAGE_OFFSET);
    for (unsigned i = 0; i < boot_info.module_count; i++) {
        take(boot_info.modules[i].start, boot_info.modules[i].end);
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
    list_memory();
    for (unsigned i = 0; i < boot_info.module_count; i++) {
        move_module(&boot_info.modules[i]);
    }
    list_memory();
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

    for (unsigned i = 0; i < boot_info.map.count; i++) {
        if (boot_info.map.ranges[i].type == E820_RAM) {
            limit = MAX(limit, boot_info.map.ranges[i].end >> PAGE_SHIFT);
        }
    }

    uint64_t table_frames = ROUND_UP(limit * sizeof(struct frame), PAGE_SIZE) >> PAGE_SHIFT;

    frame_init(mfn_to_virt(boot_alloc(table_frames)), limit);
    for (unsigned i = 0; i < memory.count; i++) {
        if (memory.ranges[i].type == E820_RAM) {
            give_to_heap(ROUND_UP(memory.ranges[i].start, PAGE_SIZE), ROUND_DOWN(memory.ranges[i].end, PAGE_SIZE));
        }
    }
    memory.count = 0; /* all of it is the heap's now */
}

void boot_modules_to_heap(void)
{
    for (unsigned i = 0; i < boot_info.module_count; i++) {
        give_to_heap(ROUND_DOWN(boot_info.modules[i].start, PAGE_SIZE),
                     ROUND_UP(boot_info.modules[i].end, PAGE_SIZE));
    }
    boot_info.module_count = 0;
}
