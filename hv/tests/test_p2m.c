/* SPDX-License-Identifier: Apache-2.0 */
/* Nested page tables: what goes in, what comes out, and that both end. */
#include <hv/frame.h>
#include <hv/hypercall.h>
#include <hv/p2m.h>

#include <criterion/criterion.h>

#include "tests/host/fake.h"

#define GIB(n)    gfn((uint64_t)(n) << ORDER_1G)
#define GFN_LIMIT (1UL << 36)

static struct domain *a, *b;

static void setup(void)
{
    fake_host_init();
    fake_domain_create(0, 1);
    a = fake_domain_create(1, 1);
    b = fake_domain_create(2, 1);
    fake_cpu_use(0, a->vcpus[0]);
}

TestSuite(p2m, .init = setup);

static int map_new(struct domain *d, gfn_t g, unsigned order)
{
    mfn_t m = frame_alloc_guest(d, order, NODE_ANY);
    int rc = p2m_map(d, g, m, order, P2M_RAM);

    if (rc != 0) {
        frame_free_guest(m, order);
    }
    return rc;
}

Test(p2m, large_page_takes_the_place_of_small_ones)
{
    uint64_t owned = a->frames_owned, tables;

    cr_assert_eq(map_new(a, gfn(0x1000), ORDER_4K), 0);
    cr_assert_eq(map_new(a, gfn(0x11ff), ORDER_4K), 0);
    tables = a->p2m.table_frames;
    cr_assert_eq(map_new(a, gfn(0x1000), ORDER_2M), 0);

    cr_assert_eq(a->frames_owned, owned + 512);
    cr_assert_eq(a->p2m.table_frames, tables - 1);
    cr_assert_eq(p2m_unmap(a, gfn(0x1007), ORDER_4K), 0);
    cr_assert_eq(p2m_lookup(a, gfn(0x1008)).order, ORDER_4K);
    cr_assert_eq(a->frames_owned, owned + 511);
}

/* The host has no 1 GiB to give in these tests: device memory stands in for it. */
Test(p2m, page_of_1g_over_empty_tables)
{
    uint64_t tables = a->p2m.table_frames;

    cr_assert_eq(map_new(a, gfn(GIB(3).n + 512), ORDER_4K), 0);
    cr_assert_eq(p2m_map(a, GIB(3), mfn(GIB(5).n), ORDER_1G, P2M_W | P2M_MMIO), -XEN_EBUSY);
    cr_assert_eq(p2m_unmap(a, gfn(GIB(3).n + 512), ORDER_4K), 0);
    cr_assert_eq(a->p2m.table_frames, tables + 2);

    cr_assert_eq(p2m_map(a, GIB(3), mfn(GIB(5).n), ORDER_1G, P2M_W | P2M_MMIO), 0);
    cr_assert_eq(p2m_lookup(a, GIB(3)).order, ORDER_1G);
    cr_assert_eq(a->p2m.table_frames, tables);
}

Test(p2m, frame_numbers_do_not_wrap)
{
    cr_assert_eq(map_new(a, gfn(~0UL), ORDER_4K), -XEN_EINVAL);
    cr_assert_eq(map_new(a, gfn(GFN_LIMIT), ORDER_4K), -XEN_EINVAL);
    cr_assert_eq(map_new(a, gfn(-512UL), ORDER_2M), -XEN_EINVAL);
    cr_assert_eq(p2m_unmap(a, gfn(~0UL), ORDER_4K), -XEN_EINVAL);
    cr_assert_eq(a->p2m.highest_gfn, FAKE_GUEST_PAGES - 1);
    cr_assert_eq(map_new(a, gfn(GFN_LIMIT - 1), ORDER_4K), 0);
    cr_assert_eq(a->p2m.highest_gfn, GFN_LIMIT - 1);
}

Test(p2m, tables_are_limited)
{
    uint64_t n = 0;
    int rc;

    a->frames_max = 4096;
    do {
        frame_ref(a->shared_info_mfn);
        rc = p2m_map(a, gfn(++n << 27), a->shared_info_mfn, ORDER_4K, P2M_W);
    } while (rc == 0);

    cr_assert_eq(rc, -XEN_ENOMEM);
    cr_assert_eq(a->p2m.table_frames, 1024 + 4096 / 128);
    a->is_hardware = true; /* which maps what it likes of the host's addresses */
    while ((rc = p2m_map(a, gfn(n << 26), mfn(1UL << 30), ORDER_4K, P2M_W | P2M_MMIO)) == 0) {
        n++;
    }
    cr_assert_eq(rc, -XEN_ENOMEM);
    cr_assert_eq(a->p2m.table_frames, 1024 + frame_limit / 32);
}

Test(p2m, nothing_is_mapped_in_a_dying_domain)
{
    a->state = DOMAIN_DYING;
    cr_assert_eq(map_new(a, gfn(0x1000), ORDER_4K), -XEN_EINVAL);
}

Test(p2m, teardown_stops_between_and_ends)
{
    uint64_t free_before, steps = 1;
    struct domain *d;

    free_before = frame_stats(NODE_ANY).free;
    d = fake_domain_create(8, 1);
    for (uint64_t n = 1; n < 100; n++) { /* 300 tables that map nothing */
        cr_assert_eq(map_new(d, gfn(n << 27), ORDER_4K), 0);
        cr_assert_eq(p2m_unmap(d, gfn(n << 27), ORDER_4K), 0);
    }
    cr_assert_eq(map_new(d, gfn(0x1000), ORDER_2M), 0);
    cr_assert_eq(p2m_map(d, GIB(3), mfn(GIB(5).n), ORDER_1G, P2M_W | P2M_MMIO), 0);
    fake_wants_restart = true;
    while (domain_destroy(d) == -XEN_ERESTART) {
        steps++;
    }

    cr_assert_null(domain_get(8));
    cr_assert_eq(frame_stats(NODE_ANY).free, free_before);
    cr_assert_gt(steps, 300 / 64 + 512 / 64);
}

/* The last reference on a foreign frame may free its domain, which takes a lock that comes before
 * the p2m's. */
Test(p2m, teardown_drops_foreign_frames_without_the_lock)
{
    struct domain *d = fake_domain_create(8, 1);
    mfn_t m = p2m_get_frame(d, gfn(7), true);

    cr_assert_eq(p2m_map(b, gfn(0x1000), m, ORDER_4K, P2M_W), 0);
    fake_domain_destroy(d);
    cr_assert_eq(frame_of(m)->owner, 8);

    fake_domain_destroy(b);
    cr_assert_null(domain_get(8));
}

/* A reference was taken and dropped again. It could be the last on another domain, under a lock of the caller's. */
Test(p2m, what_others_own_is_looked_at_only)
{
    mfn_t m = p2m_get_frame(b, gfn(7), true);

    cr_assert_eq(p2m_map(a, gfn(0x1000), m, ORDER_4K, P2M_W), 0);
    frame_of(m)->refs = INT32_MAX; /* one more is a panic */
    cr_assert(mfn_is_none(p2m_get_own_frame(a, gfn(0x1000), true)));
    cr_assert(mfn_is_none(p2m_get_own_frame(a, gfn(0x1001), true)));
    cr_assert_not(mfn_is_none(p2m_get_own_frame(a, gfn(7), true)));
}
