/* SPDX-License-Identifier: Apache-2.0 */
/* The fixed answer to what lies at a machine address (see machine_map.h). */
#include <hv/machine_map.h>

#include <hv/boot.h>
#include <hv/arch/x86.h>
#include <hv/print.h>

#define MAX_KEPT 256U

static struct {
    uint64_t start, end;
} kept[MAX_KEPT];
static unsigned kept_count;

void machine_map_keep(uint64_t start, uint64_t size)
{
    if (kept_count == MAX_KEPT) {
        panic("machine_map: more than %u ranges kept", MAX_KEPT);
    }
    kept[kept_count].start = start;
    kept[kept_count++].end = start + size;
}

static bool is_kept(uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < kept_count; i++) {
        if (start < kept[i].end && end > kept[i].start) {
            return true;
        }
    }
    return false;
}

bool machine_is_ram(mfn_t m)
{
    uint64_t start = m.n << PAGE_SHIFT, end = start + PAGE_SIZE;

    for (unsigned i = 0; i < boot_info.range_count; i++) {
        const struct boot_range *range = &boot_info.ranges[i];

        if (range->type == E820_RAM && start < range->end && end > range->start) {
            return true;
        }
    }
    return false;
}

/* Width of physical addresses (CPUID 8000_0008). */
static unsigned host_physical_bits(void)
{
    static unsigned bits;

    if (bits == 0) {
        bits = x86_cpuid(0x80000008, 0).eax & 0xff;
    }
    return bits;
}

bool machine_is_device_memory(mfn_t m)
{
    uint64_t start = m.n << PAGE_SHIFT;

    return m.n < 1UL << (host_physical_bits() - PAGE_SHIFT) && !machine_is_ram(m) &&
           !is_kept(start, start + PAGE_SIZE);
}
