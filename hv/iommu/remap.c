/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function's table is one page with an entry for each host vector. The vector that a device or an IO-APIC pin
 * sends is the index: so messages look as they do without remapping, and an IO-APIC knows the vector of
 * an EOI again. What has no valid entry is refused and logged by the IOMMU.
 */
#include "remap.h"

#include <hv/arch/cpu.h>
#include <hv/frame.h>

/* Device table entry, bits 191:128. */
#define DTE_VALID       (1UL << 0)
#define DTE_256_ENTRIES (8UL << 1)
#define DTE_TABLE       0x000fffffffffffc0UL
#define DTE_REMAP       (2UL << 60) /* IntCtl; 0: fixed and arbitrated interrupts are refused */
#define DTE_PASS_SHIFT  56          /* INIT, ExtINT, NMI */
#define DTE_LINT_SHIFT  62

/* Remapping entry: fixed, edge (an IO-APIC's levels are ended by its own EOI register), physical destination. */
#define ENTRY_VALID        1U
#define ENTRY_DEST_SHIFT   8
#define ENTRY_VECTOR_SHIFT 16 /* of the narrow form; the wide one has it in the upper quadword */

static bool is_wide;

void remap_use_wide_entries(void)
{
    is_wide = true;
}

uint64_t remap_blocked(uint8_t settings)
{
    return DTE_VALID | (settings & 7UL) << DTE_PASS_SHIFT | (uint64_t)(settings >> 6) << DTE_LINT_SHIFT;
}

static void *table_of(uint64_t interrupts)
{
    return interrupts & DTE_REMAP ? mfn_to_virt(mfn((interrupts & DTE_TABLE) >> PAGE_SHIFT)) : NULL;
}

/* One store changes an entry that is in use: only its destination does, which is not in the upper quadword
 * (APIC ids are below 2^24). */
static bool write_entry(void *table, uint8_t vector, uint32_t first)
{
    if (is_wide) {
        uint64_t *entry = (uint64_t *)table + 2U * vector;

        if (entry[0] == first) {
            return false;
        }
        WRITE_ONCE(entry[1], vector);
        __atomic_store_n(&entry[0], first, __ATOMIC_RELEASE);
        return true;
    }

    uint32_t *entry = (uint32_t *)table + vector;
    uint32_t value = first != 0 ? first | (uint32_t)vector << ENTRY_VECTOR_SHIFT : 0;

    if (*entry == value) {
        return false;
    }
    __atomic_store_n(entry, value, __ATOMIC_RELEASE);
    return true;
}

int remap_set(uint64_t *interrupts, uint8_t vector, uint32_t apic_id)
{
    void *table = table_of(*interrupts);

    if (!table) {
        table = page_alloc();
        if (!table) {
            return -XEN_ENOMEM;
        }
        __atomic_store_n(interrupts,
                         *interrupts | DTE_256_ENTRIES | virt_to_mfn(table).n << PAGE_SHIFT | DTE_REMAP,
                         __ATOMIC_RELEASE);
    }
    return write_entry(table, vector, ENTRY_VALID | apic_id << ENTRY_DEST_SHIFT);
}

bool remap_clear(uint64_t interrupts, uint8_t vector)
{
    void *table = table_of(interrupts);

    return table && write_entry(table, vector, 0);
}
