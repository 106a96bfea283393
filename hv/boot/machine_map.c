/* SPDX-License-Identifier: Apache-2.0 */
/* The fixed answer to what lies at a machine address (see machine_map.h). */
#include <hv/machine_map.h>

#include <hv/boot.h>
#include <hv/arch/x86.h>

static struct range_map kept;

void machine_map_keep(uint64_t start, uint64_t size)
{
    range_map_add(&kept, start, start + size, RANGE_TAKEN);
}

static bool touches(const struct range_map *map, mfn_t m, uint32_t type)
{
    uint64_t start = m.n << PAGE_SHIFT, end = start + PAGE_SIZE;

    for (unsigned i = 0; i < map->count; i++) {
        const struct boot_range *range = &map->ranges[i];

        if (range->type == type && start < range->end && end > range->start) {
            return true;
        }
    }
    return false;
}

bool machine_is_ram(mfn_t m)
{
    return touches(&boot_info.map, m, E820_RAM);
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
    return m.n < 1UL << (host_physical_bits() - PAGE_SHIFT) && !machine_is_ram(m) && !touches(&kept, m, RANGE_TAKEN);
}
