/* SPDX-License-Identifier: Apache-2.0 */
/* The heap: which node and which blocks memory is taken from, and what is scrubbed when. */
#include <hv/frame.h>
#include <hv/sched.h>

#include <criterion/criterion.h>

#include <signal.h>
#include <string.h>

#include "tests/host/fake.h"

#define NODE_FRAMES 4096UL /* RAM of each of the three nodes: 16 MiB */
#define NODE(m)     (frame_of(m)->node)

static struct domain *d;

/* CPUs 0 and 1 in node 0, 2 and 3 in node 1; node 2 has memory alone. What is there first is the fake host's; a
 * heap of what nobody has had replaces what is left of it. */
static void setup(void)
{
    const uint64_t limit = FAKE_RAM_BYTES / PAGE_SIZE;

    fake_host_init();
    d = fake_domain_create(1, 2); /* its pages are in the first 4 MiB */
    memset(frame_table + limit / 16, 0, (limit - limit / 16) * sizeof(*frame_table));
    frame_init(frame_table, limit);
    for (unsigned node = 0; node < 3; node++) {
        frame_add_range(mfn((node + 1) * NODE_FRAMES), mfn((node + 2) * NODE_FRAMES), node, FRAME_STALE);
    }
    cpus[2]->node = cpus[3]->node = 1;
}

TestSuite(frame, .init = setup);

static void pin(const struct vcpu *v, unsigned long cpus_allowed)
{
    unsigned long set[BITMAP_LONGS(MAX_CPUS)] = {cpus_allowed};

    sched_set_affinity((struct vcpu *)v, set, NULL);
    domain_update_nodes(d);
}

Test(frame, memory_comes_from_where_the_vcpus_run)
{
    pin(d->vcpus[0], 1UL << 2);
    pin(d->vcpus[1], 1UL << 3);

    cr_assert_eq(d->memory_nodes, 1u << 1);
    cr_assert_eq(NODE(frame_alloc_guest(d, ORDER_2M, NODE_ANY)), 1);
    pin(d->vcpus[1], 1UL << 0);
    cr_assert_eq(d->memory_nodes, 1u << 1 | 1u << 0);
    cr_assert_eq(NODE(frame_alloc_guest(d, ORDER_2M, NODE_ANY)), 0);
}

Test(frame, soft_affinity_narrows_the_nodes)
{
    unsigned long soft[BITMAP_LONGS(MAX_CPUS)] = {1UL << 3};

    sched_set_affinity(d->vcpus[0], NULL, soft);
    sched_set_affinity(d->vcpus[1], NULL, soft);
    domain_update_nodes(d);
    cr_assert_eq(d->memory_nodes, 1u << 1);
    pin(d->vcpus[0], 1UL << 0); /* where it would rather be it may not */
    pin(d->vcpus[1], 1UL << 0);
    cr_assert_eq(d->memory_nodes, 1u << 0);
}

Test(frame, the_toolstack_s_nodes_come_first)
{
    pin(d->vcpus[0], 1UL << 0);
    d->node_affinity = 1u << 2;
    domain_update_nodes(d);

    cr_assert_eq(NODE(frame_alloc_guest(d, ORDER_4K, NODE_ANY)), 2);
    cr_assert_eq(NODE(frame_alloc_guest(d, ORDER_4K, 1)), 1); /* a node named by the call */
}

Test(frame, other_nodes_when_these_are_full)
{
    uint64_t from_node[3] = {0};
    mfn_t m;

    d->node_affinity = 1u << 1;
    domain_update_nodes(d);
    while (!mfn_is_none(m = frame_alloc_guest(d, ORDER_2M, NODE_ANY))) {
        from_node[NODE(m)]++;
        if (frame_stats(1).free != 0) {
            cr_assert_eq(NODE(m), 1);
        }
    }
    cr_assert(from_node[0] == 8 && from_node[1] == 8 && from_node[2] == 8);
    cr_assert_eq(frame_stats(NODE_ANY).free, 0);
}

Test(frame, of_equal_nodes_the_emptiest)
{
    unsigned first = NODE(frame_alloc_guest(d, ORDER_2M, NODE_ANY));

    cr_assert_neq(NODE(frame_alloc_guest(d, ORDER_2M, NODE_ANY)), first);
}

/* What another boot left there is in nobody's memory; but nothing is touched before it is wanted. */
Test(frame, stale_memory_is_scrubbed_when_it_is_taken)
{
    mfn_t old = mfn(2 * NODE_FRAMES + 7);
    char *contents = mfn_to_virt(old);
    mfn_t m;

    strcpy(contents, "secret");
    cr_assert_eq(frame_stats(NODE_ANY).dirty, 0);
    do {
        m = frame_alloc_hv(ORDER_2M, 1);
        cr_assert_not(mfn_is_none(m));
    } while (m.n > old.n || m.n + 512 <= old.n);
    cr_assert_eq(contents[0], 0);
}

Test(frame, what_was_given_back_is_dirty_until_scrubbed)
{
    mfn_t m = frame_alloc_guest(d, ORDER_4K, 0);
    char *contents = mfn_to_virt(m);

    strcpy(contents, "secret");
    frame_put(m);
    cr_assert_eq(frame_stats(NODE_ANY).dirty, 1);
    cr_assert_gt(frame_scrub_some(0, 64), 0);
    cr_assert_eq(frame_stats(NODE_ANY).dirty, 0);
    cr_assert_eq(contents[0], 0);
}

Test(frame, idle_cpus_scrub_their_own_node_first)
{
    mfn_t m0 = frame_alloc_guest(d, ORDER_4K, 0), m1 = frame_alloc_guest(d, ORDER_4K, 1);

    strcpy(mfn_to_virt(m0), "secret");
    strcpy(mfn_to_virt(m1), "secret");
    frame_put(m0);
    frame_put(m1);
    cr_assert_eq(frame_scrub_some(1, 1), 1);
    cr_assert_eq(*(char *)mfn_to_virt(m1), 0);
    cr_assert_eq(*(char *)mfn_to_virt(m0), 's');
}

Test(frame, merged_again_after_all)
{
    mfn_t m[8];

    for (unsigned i = 0; i < 8; i++) {
        m[i] = frame_alloc_hv(ORDER_2M, 2);
        cr_assert_eq(NODE(m[i]), 2);
    }
    for (unsigned i = 0; i < 8; i++) {
        frame_free_hv(m[i], ORDER_2M);
    }
    while (frame_scrub_some(2, 1024) != 0) {
    }
    cr_assert_eq(frame_stats(2).free, NODE_FRAMES);
    cr_assert_eq(NODE(frame_alloc_hv(ORDER_2M + 3, 2)), 2); /* 16 MiB in one piece */
}

/* Debug builds: what happens to a page of the hypervisor's after it was given back. */
Test(frame, a_freed_page_is_poisoned)
{
    unsigned char *page = page_alloc();

    cr_assert_not_null(page);
    page_free(page);
    cr_assert_eq(page[0], 0xdd);
    cr_assert_eq(page[PAGE_SIZE - 1], 0xdd);
}

Test(frame, a_page_that_is_freed_twice_is_told, .signal = SIGABRT)
{
    void *page = page_alloc();

    page_free(page);
    page_free(page);
}

Test(frame, a_page_that_is_written_after_it_was_freed_is_told, .signal = SIGABRT)
{
    char *page = page_alloc();

    page_free(page);
    while (frame_scrub_some(0, 1024) != 0) {
    }
    page[100] = 1;
    while (page_alloc() != NULL) {
    }
}
