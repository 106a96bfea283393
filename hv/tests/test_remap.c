/* SPDX-License-Identifier: Apache-2.0 */
/* iommu/remap.c: tables as the specification lays them out (48882, 2.2), and when they change. */
#include <criterion/criterion.h>

#include <hv/frame.h>

#include "tests/host/fake.h"
#include "iommu/remap.h"

#define INT_CTL(quad)   ((quad) >> 60 & 3)
#define INT_LENGTH(quad) ((quad) >> 1 & 15)

TestSuite(remap, .init = fake_host_init);

static const void *table_of(uint64_t quad)
{
    return mfn_to_virt(mfn((quad & 0x000fffffffffffc0) >> PAGE_SHIFT));
}

Test(remap, a_blocked_function_has_a_valid_entry_that_refuses_all)
{
    cr_expect_eq(remap_blocked(0), 1);
    cr_expect_eq(remap_blocked(0xd7), 1 | 7UL << 56 | 3UL << 62, "what firmware wants to pass");
    cr_expect_eq(INT_CTL(remap_blocked(0xff)), 0);
}

Test(remap, narrow_entries)
{
    uint64_t quad = remap_blocked(0);

    cr_assert_eq(remap_set(&quad, 0x31, 7), 1);

    const uint32_t *table = table_of(quad);

    cr_expect_eq(INT_CTL(quad), 2);
    cr_expect_eq(INT_LENGTH(quad), 8, "256 entries");
    cr_expect_eq(table[0x31], 0x00310701);
    for (unsigned n = 0; n < 256; n++) {
        cr_expect(n == 0x31 || table[n] == 0, "vector 0x%x", n);
    }
}

Test(remap, wide_entries_hold_a_long_apic_id)
{
    uint64_t quad = remap_blocked(0);

    remap_use_wide_entries();
    cr_assert_eq(remap_set(&quad, 0xef, 0x123456), 1);

    const uint64_t *table = table_of(quad);

    cr_expect_eq(table[2 * 0xef], 0x12345601);
    cr_expect_eq(table[2 * 0xef + 1], 0xef);
    cr_expect(remap_clear(quad, 0xef));
    cr_expect_eq(table[2 * 0xef], 0);
}

Test(remap, only_changes_are_told)
{
    uint64_t quad = remap_blocked(0), other = remap_blocked(0);

    cr_expect_not(remap_clear(quad, 0x40), "it has no table");
    cr_expect_eq(remap_set(&quad, 0x40, 0), 1);
    cr_expect_eq(remap_set(&quad, 0x40, 0), 0);
    cr_expect_eq(remap_set(&quad, 0x40, 2), 1, "moved");
    cr_expect(remap_clear(quad, 0x40));
    cr_expect_not(remap_clear(quad, 0x40));

    cr_assert_eq(remap_set(&other, 0x40, 0), 1);
    cr_expect_neq(table_of(other), table_of(quad), "each function has a table of its own");
}
