/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's page tables (AMD64 APM vol. 2, 5.3), one set for all CPUs: RAM in the direct map (never
 * executable; our text and rodata not even writable there), the image with W^X, stacks with a hole
 * below each, device registers uncached. Entries are only added after boot, so nothing is ever flushed but a CPU's window.
 */
#include <hv/arch/cpu.h>
#include <hv/arch/layout.h>
#include <hv/arch/paging.h>
#include <hv/arch/x86.h>
#include <hv/boot.h>
#include <hv/frame.h>
#include <hv/print.h>

#define KERNEL_RW (PTE_P | PTE_W | PTE_G | PTE_NX)
#define KERNEL_RO (PTE_P | PTE_G | PTE_NX)
#define KERNEL_RX (PTE_P | PTE_G)
#define DEVICE    (KERNEL_RW | PTE_PCD | PTE_PWT) /* PAT entry 3: UC */

_Static_assert(CPU_STACK_SIZE == STACK_STRIDE, "this_cpu() masks what head.S and smp.c lay out");
_Static_assert(sizeof(struct cpu) <= PAGE_SIZE, "struct cpu lies in the stack's first page");

/* Protects the tables once several CPUs run. */
static struct spinlock paging_lock = SPINLOCK_INIT(LOCK_RANK_IRQ);
static uint64_t *root;
uint64_t paging_root; /* its machine address */
static bool has_1g_pages;
static uint64_t windows[512] ALIGNED(PAGE_SIZE); /* a page table: an entry each CPU */

_Static_assert(MAX_CPUS <= ARRAY_SIZE(windows), "each CPU has its window");

static uint64_t *new_table(uint64_t *entry)
{
    mfn_t m = frame_table ? frame_alloc_hv(0, NODE_ANY) : boot_alloc(1);

    if (mfn_is_none(m)) {
        panic("paging: no memory for a page table");
    }
    *entry = m.n << PAGE_SHIFT | PTE_P | PTE_W;
    return mfn_to_virt(m);
}

/* The entry for vaddr in the table of pages of 2^shift bytes, or the larger page that is there. */
static uint64_t *walk(uint64_t vaddr, unsigned shift)
{
    uint64_t *table = root;

    for (unsigned level_shift = 39;; level_shift -= 9) {
        uint64_t *entry = &table[(vaddr >> level_shift) & 511];

        if (level_shift == shift || (*entry & PTE_P && *entry & PTE_PS && level_shift < 39)) {
            return entry;
        }
        table = *entry & PTE_P ? mfn_to_virt(mfn((*entry & PTE_ADDR) >> PAGE_SHIFT))
                               : new_table(entry);
    }
}

/* Maps with the largest pages that fit; what is mapped already stays as it is. */
static void map(uint64_t vaddr, uint64_t paddr, uint64_t size, uint64_t flags)
{
    while (size > 0) {
        unsigned shift = 12;

        if (((vaddr | paddr) & ((1UL << 30) - 1)) == 0 && size >= 1UL << 30 && has_1g_pages) {
            shift = 30;
        } else if (((vaddr | paddr) & ((1UL << 21) - 1)) == 0 && size >= 1UL << 21) {
            shift = 21;
        }

        uint64_t *entry = walk(vaddr, shift);

        /* a table where a large page would go: fill it with smaller ones */
        while (shift > 12 && *entry & PTE_P && !(*entry & PTE_PS)) {
            shift -= 9;
            entry = walk(vaddr, shift);
        }
        if (!(*entry & PTE_P)) {
            *entry = paddr | flags | (shift > 12 ? PTE_PS : 0);
        }

        vaddr += 1UL << shift;
        paddr += 1UL << shift;
        size -= 1UL << shift;
    }
}

/* A part of RAM, in which [read_only_start, read_only_end) is the image's text and rodata. */
static void map_ram(uint64_t start, uint64_t end)
{
    uint64_t edges[] = {start, (uint64_t)image_start - IMAGE_OFFSET,
                        (uint64_t)image_rodata_end - IMAGE_OFFSET, end};

    for (unsigned i = 0; i < 3; i++) {
        uint64_t from = MIN(MAX(edges[i], start), end), to = MIN(MAX(edges[i + 1], start), end);

        if (from < to) {
            map(DIRECTMAP_BASE + from, from, to - from, i == 1 ? KERNEL_RO : KERNEL_RW);
        }
    }
}

static void map_image_part(const char *start, const char *end, uint64_t flags)
{
    for (uint64_t at = (uint64_t)start; at < (uint64_t)end; at += PAGE_SIZE) {
        if (at != (uint64_t)boot_stack + STACK_GUARD) {
            map(at, at - IMAGE_OFFSET, PAGE_SIZE, flags);
        }
    }
}

void paging_load(void)
{
    x86_write_cr(4, x86_read_cr(4) & ~CR4_PGE);
    x86_write_cr(3, paging_root);
    x86_write_cr(4, x86_read_cr(4) | CR4_PGE);
}

void paging_init(void)
{
    mfn_t m = boot_alloc(1);

    has_1g_pages = x86_cpuid(0x80000001, 0).edx >> 26 & 1;
    root = mfn_to_virt(m);
    paging_root = m.n << PAGE_SHIFT;
    for (unsigned i = 0; i < boot_info.map.count; i++) {
        const struct boot_range *range = &boot_info.map.ranges[i];

        if (range->type == E820_RAM) {
            map_ram(ROUND_UP(range->start, PAGE_SIZE), ROUND_DOWN(range->end, PAGE_SIZE));
        }
    }
    map_image_part(image_start, image_text_end, KERNEL_RX);
    map_image_part(image_text_end, image_rodata_end, KERNEL_RO);
    map_image_part(image_rodata_end, image_end, KERNEL_RW);
    *walk(WINDOW_BASE, 21) = ((uint64_t)windows - IMAGE_OFFSET) | PTE_P | PTE_W;
    paging_load();
    early_memory_reach_all();
}

static void *map_locked(uint64_t paddr, size_t size, uint64_t flags)
{
    uint64_t start = ROUND_DOWN(paddr, PAGE_SIZE), end = ROUND_UP(paddr + size, PAGE_SIZE);

    spin_guard(&paging_lock);
    for (uint64_t at = start; at < end; at += PAGE_SIZE) {
        map(DIRECTMAP_BASE + at, at, PAGE_SIZE, flags);
    }
    return paddr_to_virt(paddr);
}

void *paging_map_mmio(uint64_t paddr, size_t size)
{
    return map_locked(paddr, size, DEVICE);
}

volatile void *paging_window(uint64_t paddr)
{
    unsigned id = this_cpu()->id;
    char *page = (char *)WINDOW_BASE + id * PAGE_SIZE;

    windows[id] = (paddr & PTE_ADDR) | (DEVICE & ~PTE_G);
    __asm__ volatile("invlpg (%0)" : : "r"(page) : "memory");
    return page + paddr % PAGE_SIZE;
}

const void *paging_map_firmware(uint64_t paddr, size_t size)
{
    return map_locked(paddr, size, KERNEL_RO);
}

void *paging_map_stack(unsigned cpu, unsigned node)
{
    uint64_t base = STACK_AREA_BASE + (uint64_t)cpu * STACK_STRIDE;

    for (uint64_t offset = 0; offset < STACK_STRIDE; offset += PAGE_SIZE) {
        if (offset == STACK_GUARD) {
            continue;
        }

        mfn_t m = frame_alloc_hv(0, node);

        if (mfn_is_none(m)) {
            m = frame_alloc_hv(0, NODE_ANY);
        }
        if (mfn_is_none(m)) {
            return NULL;
        }
        spin_guard(&paging_lock);
        map(base + offset, m.n << PAGE_SHIFT, PAGE_SIZE, KERNEL_RW);
    }
    return (void *)base;
}
