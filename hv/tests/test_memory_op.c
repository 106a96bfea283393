/* SPDX-License-Identifier: Apache-2.0 */
/* HYPERVISOR_memory_op: reservations, and what is placed where. */
#include <hv/frame.h>
#include <hv/hypercall.h>
#include <xen/memory.h>

#include <criterion/criterion.h>

#include "tests/host/fake.h"

#define ARG  0x3000UL /* where d's arguments lie */
#define FREE 0x1000UL /* the first gfn of a large hole, a multiple of 2 MiB */

static struct domain *host, *d;

static void setup(void)
{
    fake_host_init();
    host = fake_domain_create(0, 1);
    d = fake_domain_create(1, 1);
    fake_cpu_use(0, d->vcpus[0]);
}

TestSuite(memory_op, .init = setup);

/* One extent of `caller`'s own. */
static long reserve(struct domain *caller, unsigned cmd, uint64_t g, unsigned order, unsigned flags)
{
    struct xen_memory_reservation *r = fake_guest_memory(caller, ARG);

    *r = (struct xen_memory_reservation){
        .extent_start.p = (void *)(ARG + 0x100),
        .nr_extents = 1,
        .extent_order = order,
        .mem_flags = flags,
        .domid = DOMID_SELF,
    };
    *(uint64_t *)fake_guest_memory(caller, ARG + 0x100) = g;
    return memory_op(caller->vcpus[0], cmd, ARG);
}

static long populate(uint64_t g, unsigned order)
{
    return reserve(d, XENMEM_populate_physmap, g, order, 0);
}

static long give_back(uint64_t g, unsigned order)
{
    return reserve(d, XENMEM_decrease_reservation, g, order, 0);
}

Test(memory_op, populated_is_owned_and_given_back)
{
    uint64_t owned = d->frames_owned;

    cr_assert_eq(populate(FREE, ORDER_2M), 1);
    cr_assert_eq(d->frames_owned, owned + 512);
    cr_assert_eq(p2m_lookup(d, gfn(FREE + 5)).order, ORDER_2M);
    cr_assert_eq(give_back(FREE, ORDER_2M), 1);
    cr_assert_eq(d->frames_owned, owned);
    cr_assert_eq(give_back(FREE, ORDER_2M), 0);
}

/* Each page that another took the place of cost a flush of every CPU: 256 in one extent, without a look at the door. */
Test(memory_op, small_pages_are_replaced_with_few_flushes)
{
    uint64_t owned = d->frames_owned, flushes;

    cr_assert_eq(populate(FREE, ORDER_2M - 1), 1);
    flushes = this_cpu()->counters.p2m_flushes;
    cr_assert_eq(populate(FREE, ORDER_2M - 1), 1);
    cr_assert_leq(this_cpu()->counters.p2m_flushes - flushes, 256 / 64);
    cr_assert_eq(d->frames_owned, owned + 256);
}

/* A search for low frames walked free lists of any length under the heap's lock. */
Test(memory_op, address_width_is_not_looked_for)
{
    cr_assert_eq(reserve(d, XENMEM_populate_physmap, FREE, ORDER_4K, XENMEMF_address_bits(13)), 1);
}

/* The check and the count were two steps: vCPUs that populated at once passed the check together.
 */
Test(memory_op, quota_is_kept_by_the_allocation_itself)
{
    d->frames_max = d->frames_owned + 1;

    cr_assert(mfn_is_none(frame_alloc_guest(d, ORDER_2M, NODE_ANY)));
    cr_assert_eq(populate(FREE, ORDER_4K), 1);
    cr_assert(mfn_is_none(frame_alloc_guest(d, ORDER_4K, NODE_ANY)));
    cr_assert_eq(populate(FREE + 1, ORDER_4K), 0);
    cr_assert_eq(give_back(FREE, ORDER_4K), 1);
    cr_assert_eq(populate(FREE + 1, ORDER_4K), 1);
}

/* An extent is done at a stretch: 1 GiB given back page by page took a second. */
Test(memory_op, extents_are_2m_at_most)
{
    cr_assert_eq(populate(1UL << 10, ORDER_2M + 1), 0);
    cr_assert_eq(populate(1UL << ORDER_1G, ORDER_1G), 0);
    cr_assert_eq(give_back(0, ORDER_1G), 0);
    cr_assert_eq(populate(~0UL << ORDER_2M, ORDER_2M), 0);
    cr_assert_eq(populate(FREE, ~0U), 0);
    cr_assert_eq(reserve(host, XENMEM_decrease_reservation, 0, ORDER_1G, 0), 0);
    cr_assert_eq(host->frames_owned, FAKE_GUEST_PAGES);
}

Test(memory_op, extent_is_given_back_whole_or_not_at_all)
{
    uint64_t owned = d->frames_owned;
    mfn_t m = p2m_get_frame(host, gfn(7), true);

    cr_assert_eq(populate(FREE, 5), 1);
    cr_assert_eq(give_back(FREE + 31, ORDER_4K), 1);
    cr_assert_eq(give_back(FREE, 5), 0);
    cr_assert_eq(p2m_grant_map(d, gfn(FREE + 31), m, true), 0);
    cr_assert_eq(give_back(FREE, 5), 0);
    cr_assert_eq(d->frames_owned, owned + 31);
    cr_assert_eq(give_back(FREE, 4), 1);
    cr_assert_eq(d->frames_owned, owned + 15);
}

Test(memory_op, long_list_stops_after_each_extent)
{
    struct xen_memory_reservation *r = fake_guest_memory(d, ARG);
    uint64_t *list = fake_guest_memory(d, ARG + 0x100);
    unsigned cmd = XENMEM_populate_physmap, calls = 1;

    *r = (struct xen_memory_reservation){.extent_start.p = (void *)(ARG + 0x100),
                                         .nr_extents = 3,
                                         .extent_order = ORDER_2M,
                                         .domid = DOMID_SELF};
    for (unsigned i = 0; i < 3; i++) {
        list[i] = FREE + i * 512;
    }
    fake_wants_restart = true;
    while (memory_op(d->vcpus[0], cmd, ARG) == HYPERCALL_RESTART) {
        cmd = (unsigned)fake_restart_args[0];
        calls++;
    }
    cr_assert_eq(calls, 3);
    cr_assert_eq(p2m_lookup(d, gfn(FREE + 1024)).order, ORDER_2M);
}

Test(memory_op, range_goes_on_where_it_was)
{
    struct xen_add_to_physmap *add = fake_guest_memory(d, ARG);
    unsigned cmd = XENMEM_add_to_physmap, calls = 1;
    mfn_t first = p2m_lookup(d, gfn(20)).mfn, last = p2m_lookup(d, gfn(22)).mfn;

    *add = (struct xen_add_to_physmap){
        .domid = DOMID_SELF, .size = 3, .space = XENMAPSPACE_gmfn_range, .idx = 20, .gpfn = FREE};
    fake_wants_restart = true;
    while (memory_op(d->vcpus[0], cmd, ARG) == HYPERCALL_RESTART) {
        cmd = (unsigned)fake_restart_args[0];
        calls++;
    }

    cr_assert_eq(calls, 3);
    cr_assert_eq(p2m_lookup(d, gfn(FREE)).mfn.n, first.n);
    cr_assert_eq(p2m_lookup(d, gfn(FREE + 2)).mfn.n, last.n);
    cr_assert(mfn_is_none(p2m_lookup(d, gfn(21)).mfn));
    cr_assert_eq(memory_op(d->vcpus[0], XENMEM_add_to_physmap | 4U << 6, ARG), -XEN_EINVAL);
}

static long target(struct domain *caller, unsigned cmd, domid_t domid, uint64_t pages)
{
    struct xen_pod_target *t = fake_guest_memory(caller, ARG);

    *t = (struct xen_pod_target){.target_pages = pages, .pod_cache_pages = 5, .pod_entries = 5, .domid = domid};
    fake_cpu_use(0, caller->vcpus[0]);
    return memory_op(caller->vcpus[0], cmd, ARG);
}

Test(memory_op, target_is_checked_and_answered)
{
    struct xen_pod_target *t = fake_guest_memory(host, ARG);

    d->frames_max = 1000;

    cr_assert_eq(target(host, XENMEM_set_pod_target, 1, 1000), 0);
    cr_expect_eq(t->tot_pages, d->frames_owned);
    cr_expect_eq(t->pod_cache_pages, 0);
    cr_expect_eq(t->pod_entries, 0);
    cr_expect_eq(target(host, XENMEM_set_pod_target, 1, 1001), -XEN_EINVAL);
    cr_expect_eq(target(host, XENMEM_get_pod_target, 1, 1001), 0);
    cr_expect_eq(target(host, XENMEM_set_pod_target, 7, 10), -XEN_ESRCH);
    cr_expect_eq(target(d, XENMEM_set_pod_target, DOMID_SELF, 10), -XEN_EPERM);
}

Test(memory_op, no_domain_has_virtual_nodes)
{
    cr_expect_eq(memory_op(host->vcpus[0], XENMEM_get_vnumainfo, ARG), -XEN_EOPNOTSUPP);
}
