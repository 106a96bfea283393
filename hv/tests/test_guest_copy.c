/* SPDX-License-Identifier: Apache-2.0 */
/* Copies from and to guest memory, and the walk of a guest's own page tables before them. */
#include <hv/arch/x86.h>
#include <hv/guest_copy.h>
#include <hv/hypercall.h>

#include <criterion/criterion.h>

#include "tests/host/fake.h"
#include "svm/vmcb.h"

static struct domain *a;
static struct vcpu *v;

static void setup(void)
{
    fake_host_init();
    fake_domain_create(0, 1);
    a = fake_domain_create(1, 1);
    v = a->vcpus[0];
    fake_cpu_use(0, v);
}

TestSuite(guest_copy, .init = setup);

Test(guest_copy, every_direction_crosses_pages)
{
    static char out[3 * PAGE_SIZE], in[3 * PAGE_SIZE];
    const uint64_t address = 5 * PAGE_SIZE - 8;

    memset(out, 0x5a, sizeof(out));

    cr_assert_eq(guest_copy_out(v, address, out, sizeof(out)), 0);
    cr_assert_eq(guest_copy_in(v, in, address, sizeof(in)), 0);
    cr_assert_arr_eq(in, out, sizeof(in));
    memset(in, 0, sizeof(in));
    cr_assert_eq(guest_copy_in_gpa(a, in, address, sizeof(in)), 0);
    cr_assert_arr_eq(in, out, sizeof(in));
    cr_assert_eq(guest_copy_out_gpa(a, (FAKE_GUEST_PAGES - 1) << PAGE_SHIFT, out, sizeof(out)),
                 -XEN_EFAULT);
}

/* Long mode tables at gfns 1 to 4, which map linear page 0x10 to gfn 20. */
static uint64_t *use_tables(void)
{
    for (unsigned level = 1; level < 4; level++) {
        *(uint64_t *)fake_guest_memory(a, level << PAGE_SHIFT) = (level + 1) << PAGE_SHIFT | 3;
    }
    ((uint64_t *)fake_guest_memory(a, 4 << PAGE_SHIFT))[0x10] = 20 << PAGE_SHIFT | 3;
    v->arch.vmcb->cr0 |= CR0_PG;
    v->arch.vmcb->cr4 |= CR4_PAE;
    v->arch.vmcb->efer |= EFER_LMA;
    v->arch.vmcb->cr3 = 1 << PAGE_SHIFT;
    return fake_guest_memory(a, 4 << PAGE_SHIFT);
}

Test(guest_copy, walk_sets_accessed_and_dirty)
{
    uint64_t *table = use_tables(), value = 7;

    cr_assert_eq(guest_copy_in(v, &value, 0x10 << PAGE_SHIFT, sizeof(value)), 0);
    cr_assert_eq(table[0x10] & 0x60, 0x20);
    cr_assert_eq(guest_copy_out(v, 0x10 << PAGE_SHIFT, &value, sizeof(value)), 0);
    cr_assert_eq(table[0x10] & 0x60, 0x60);
}

/* CPUID does not offer it, but nothing keeps a guest from setting it where the processor has it. */
Test(guest_copy, five_levels_are_walked)
{
    const uint64_t linear = 4UL << 48 | 0x10 << PAGE_SHIFT, beyond = 1UL << 57 | 0x10 << PAGE_SHIFT;
    uint64_t *table = use_tables(), value = 7;

    ((uint64_t *)fake_guest_memory(a, 5 << PAGE_SHIFT))[4] = 1 << PAGE_SHIFT | 3;
    v->arch.vmcb->cr3 = 5 << PAGE_SHIFT;
    v->arch.vmcb->cr4 |= CR4_LA57;

    cr_assert_eq(guest_copy_out(v, linear, &value, sizeof(value)), 0);
    cr_assert_eq(*(uint64_t *)fake_guest_memory(a, 20 << PAGE_SHIFT), 7);
    table[0x10] = 21 << PAGE_SHIFT | 3;
    cr_assert_eq(guest_copy_out(v, linear, &value, sizeof(value)), 0);
    cr_assert_eq(*(uint64_t *)fake_guest_memory(a, 21 << PAGE_SHIFT), 7, "an old walk was believed");
    ((uint64_t *)fake_guest_memory(a, 5 << PAGE_SHIFT))[4] = 0;
    cr_assert_eq(guest_copy_in(v, &value, linear, sizeof(value)), -XEN_EFAULT);
    ((uint64_t *)fake_guest_memory(a, 5 << PAGE_SHIFT))[0] = 1 << PAGE_SHIFT | 3;
    cr_assert_eq(guest_copy_in(v, &value, 0x10 << PAGE_SHIFT, sizeof(value)), 0);
    cr_assert_eq(guest_copy_in(v, &value, beyond, sizeof(value)), -XEN_EFAULT, "not canonical");
}

/* A page granted read-only holds the last table: setting its bits would write the granter's page.
 */
Test(guest_copy, walk_does_not_write_a_read_only_page)
{
    uint64_t *table = use_tables(), value;
    mfn_t m = p2m_get_frame(a, gfn(4), true);

    cr_assert_eq(p2m_unmap(a, gfn(4), ORDER_4K), 0);
    cr_assert_eq(p2m_grant_map(a, gfn(4), m, false), 0);

    cr_assert_eq(guest_copy_in(v, &value, 0x10 << PAGE_SHIFT, sizeof(value)), -XEN_EFAULT);
    cr_assert_eq(table[0x10], 20 << PAGE_SHIFT | 3);
}

/* --- Remembered walks ---------------------------------------------------------------------------- */

static uint64_t read_linear(uint64_t linear)
{
    uint64_t value = ~0UL;

    return guest_copy_in(v, &value, linear, sizeof(value)) == 0 ? value : ~0UL;
}

static void set_page(uint64_t gfn, uint64_t value)
{
    *(uint64_t *)fake_guest_memory(a, gfn << PAGE_SHIFT) = value;
}

#define LINEAR (0x10UL << PAGE_SHIFT)

/* The guest owes nobody a flush before a hypercall: what its tables say now is what counts. */
Test(guest_copy, changed_entry_is_seen_at_every_level)
{
    uint64_t *last = use_tables();

    set_page(20, 20);
    set_page(21, 21);
    cr_assert_eq(read_linear(LINEAR), 20);

    last[0x10] = 21 << PAGE_SHIFT | 3;
    cr_assert_eq(read_linear(LINEAR), 21);

    /* A second set of tables, at gfns 11 to 14, that leads to gfn 20. */
    for (uint64_t level = 1; level < 4; level++) {
        set_page(10 + level, (11 + level) << PAGE_SHIFT | 3);
    }
    ((uint64_t *)fake_guest_memory(a, 14 << PAGE_SHIFT))[0x10] = 20 << PAGE_SHIFT | 3;
    for (uint64_t level = 3; level > 0; level--) {
        set_page(level, (11 + level) << PAGE_SHIFT | 3);
        cr_assert_eq(read_linear(LINEAR), 20, "level %lu", level);
        set_page(level, (1 + level) << PAGE_SHIFT | 3);
        cr_assert_eq(read_linear(LINEAR), 21, "level %lu", level);
    }
    v->arch.vmcb->cr3 = 11 << PAGE_SHIFT;
    cr_assert_eq(read_linear(LINEAR), 20);
    last[0x10] = 0;
    v->arch.vmcb->cr3 = 1 << PAGE_SHIFT;
    cr_assert_eq(read_linear(LINEAR), ~0UL);
}

Test(guest_copy, cleared_dirty_bit_is_set_again)
{
    uint64_t *table = use_tables(), value = 7;

    cr_assert_eq(guest_copy_out(v, LINEAR, &value, sizeof(value)), 0);
    table[0x10] &= ~0x60UL;
    cr_assert_eq(guest_copy_out(v, LINEAR, &value, sizeof(value)), 0);
    cr_assert_eq(table[0x10] & 0x60, 0x60);
}

Test(guest_copy, reading_gives_no_right_to_write)
{
    uint64_t *table = use_tables(), value = 7;

    v->arch.vmcb->cr0 |= CR0_WP;
    table[0x10] &= ~2UL;
    cr_assert_eq(read_linear(LINEAR), 0);
    cr_assert_eq(guest_copy_out(v, LINEAR, &value, sizeof(value)), -XEN_EFAULT);

    v->arch.vmcb->cr0 &= ~CR0_WP;
    cr_assert_eq(guest_copy_out(v, LINEAR, &value, sizeof(value)), 0);
    v->arch.vmcb->cr0 |= CR0_WP;
    cr_assert_eq(guest_copy_out(v, LINEAR, &value, sizeof(value)), -XEN_EFAULT);
}

/* The frame that a remembered walk led to goes back to the heap. */
Test(guest_copy, changed_p2m_is_seen)
{
    uint64_t value = 7;
    mfn_t m;

    use_tables();
    set_page(20, 20);
    set_page(21, 21);
    cr_assert_eq(read_linear(LINEAR), 20);

    m = p2m_get_frame(a, gfn(21), true);
    cr_assert_eq(p2m_map(a, gfn(20), m, ORDER_4K, P2M_RAM), 0);
    cr_assert_eq(read_linear(LINEAR), 21);

    cr_assert_eq(p2m_unmap(a, gfn(20), ORDER_4K), 0);
    cr_assert_eq(read_linear(LINEAR), ~0UL);

    m = p2m_get_frame(a, gfn(21), true);
    cr_assert_eq(p2m_grant_map(a, gfn(20), m, true), 0);
    cr_assert_eq(guest_copy_out(v, LINEAR, &value, sizeof(value)), 0);
    cr_assert_eq(p2m_grant_unmap(a, gfn(20), m), 0);
    cr_assert_eq(guest_copy_out(v, LINEAR, &value, sizeof(value)), -XEN_EFAULT);
    cr_assert_eq(p2m_grant_map(a, gfn(20), m, false), 0);
    cr_assert_eq(guest_copy_out(v, LINEAR, &value, sizeof(value)), -XEN_EFAULT);
    cr_assert_eq(read_linear(LINEAR), 7);
}

/* A table's own page is taken away: its old place must not be read any more. */
Test(guest_copy, table_that_leaves_the_p2m_is_seen)
{
    use_tables();
    set_page(20, 20);
    cr_assert_eq(read_linear(LINEAR), 20);
    cr_assert_eq(p2m_unmap(a, gfn(3), ORDER_4K), 0);
    cr_assert_eq(read_linear(LINEAR), ~0UL);
}
