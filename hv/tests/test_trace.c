/* SPDX-License-Identifier: Apache-2.0 */
/* The trace rings: what is written where, and what a reader's nonsense does. */
#include <hv/bitmap.h>
#include <hv/evtchn.h>
#include <hv/frame.h>
#include <hv/hypercall.h>
#include <hv/memory_op.h>
#include <hv/trace.h>

#include <criterion/criterion.h>
#include <string.h>
#include <xen/memory.h>

#include "tests/host/fake.h"

#define RING_BYTES (PAGE_SIZE - sizeof(struct t_buf))
#define EVENT      TRC_SCHED_WAKE
#define EVENT_BYTES 20U /* header, TSC, two words */

static struct t_buf *ring; /* CPU 0's, as dom0 sees it */

static const struct t_info *get_info(void)
{
    uint64_t m;
    uint32_t bytes, mask;

    trace_get_info(&m, &bytes, &mask);
    cr_assert_geq(bytes, PAGE_SIZE);
    return mfn_to_virt(mfn(m));
}

static struct t_buf *find_ring(unsigned cpu)
{
    const struct t_info *info = get_info();

    return mfn_to_virt(mfn(((const uint32_t *)info)[info->mfn_offset[cpu]]));
}

static void setup(void)
{
    fake_host_init();
    fake_cpu_use(0, fake_domain_create(0, 1)->vcpus[0]);
    fake_tsc = 0x100000002;
    cr_assert_eq(trace_set_size(1), 0);
    cr_assert_eq(trace_enable(), 0);
    ring = find_ring(0);
}

TestSuite(trace, .init = setup);

static uint32_t word(uint32_t offset)
{
    uint32_t value;

    memcpy(&value, (char *)(ring + 1) + offset % RING_BYTES, sizeof(value));
    return value;
}

static uint32_t event_at(uint32_t offset)
{
    return TRC_HD_TO_EVENT(word(offset));
}

static void record(uint32_t mark)
{
    trace(EVENT, mark, 7);
}

/* Writes until one more does not fit; how many records that were. */
static unsigned fill(void)
{
    unsigned count = 0;

    for (; ring->prod - ring->cons + EVENT_BYTES <= RING_BYTES; count++) {
        record(count);
    }
    return count;
}

Test(trace, a_record_has_event_time_and_data)
{
    record(0x1234);

    cr_assert_eq(ring->prod, EVENT_BYTES);
    cr_assert_eq(word(0), EVENT | 2u << TRACE_EXTRA_SHIFT | 1u << 31);
    cr_assert_eq(word(4), 2);
    cr_assert_eq(word(8), 1);
    cr_assert_eq(word(12), 0x1234);
    cr_assert_eq(word(16), 7);
}

Test(trace, a_record_without_data)
{
    trace(TRC_HVM_VMENTRY);

    cr_assert_eq(ring->prod, 12);
    cr_assert_eq(word(0), TRC_HVM_VMENTRY | 1u << 31);
}

Test(trace, nothing_is_written_when_off)
{
    trace_disable();
    record(1);
    cr_assert_eq(ring->prod, 0);
}

Test(trace, each_cpu_writes_its_own_ring)
{
    fake_cpu_use(2, NULL);
    record(1);

    cr_assert_eq(ring->prod, 0);
    cr_assert_eq(find_ring(2)->prod, EVENT_BYTES);
}

Test(trace, masks_choose_cpus_classes_and_subclasses)
{
    unsigned long cpus_wanted[BITMAP_LONGS(MAX_CPUS)] = {2};

    trace_set_event_mask(TRC_HVM);
    record(1);
    trace_set_event_mask(TRC_SCHED_MIN); /* the class, but another subclass */
    record(1);
    trace_set_event_mask(TRC_SCHED);
    trace_set_cpu_mask(cpus_wanted);
    record(1);
    cr_assert_eq(ring->prod, 0);

    cpus_wanted[0] = 1;
    trace_set_cpu_mask(cpus_wanted);
    record(1);
    cr_assert_eq(ring->prod, EVENT_BYTES);
}

Test(trace, a_record_does_not_span_the_end)
{
    unsigned count = fill();
    uint32_t end = count * EVENT_BYTES;

    cr_assert_neq(RING_BYTES - end, 0);
    ring->cons = ring->prod;
    record(99);

    cr_assert_eq(event_at(end), TRC_TRACE_WRAP_BUFFER);
    cr_assert_eq(event_at(RING_BYTES), EVENT);
    cr_assert_eq(word(RING_BYTES + 12), 99);
    cr_assert_eq(ring->prod, RING_BYTES + EVENT_BYTES);
}

/* The records from the start of the ring up to its end, by their own lengths. */
static uint32_t walk(uint32_t from, uint32_t to)
{
    while (from < to) {
        uint32_t header = word(from);

        from += 4 + (header >> 31) * 8 + TRC_HD_EXTRA(header) * 4;
    }
    return from;
}

Test(trace, whatever_is_left_at_the_end_is_one_record)
{
    for (uint32_t rest = 4; rest < 40; rest += 4) {
        /* A multiple of 12 and what is needed to leave just this. */
        uint32_t start = ring->prod;

        while ((RING_BYTES - ring->prod % RING_BYTES - rest) % 12 != 0) {
            record(0);
        }
        while (RING_BYTES - ring->prod % RING_BYTES != rest) {
            ring->cons = ring->prod;
            trace(TRC_HVM_VMENTRY);
        }
        ring->cons = ring->prod;
        trace(EVENT, 1, 2, 3, 4, 5, 6, 7);
        cr_assert_eq(walk(RING_BYTES - rest, RING_BYTES), RING_BYTES, "rest %u", rest);
        cr_assert_eq(event_at(RING_BYTES - rest), TRC_TRACE_WRAP_BUFFER);
        cr_assert_neq(ring->prod, start);
    }
}

Test(trace, indexes_count_to_twice_the_size)
{
    for (unsigned i = 0; i < 10000; i++) {
        record(i);
        cr_assert_lt(ring->prod, 2 * RING_BYTES);
        ring->cons = ring->prod;
    }
}

Test(trace, records_that_do_not_fit_are_counted)
{
    uint32_t end;

    fill();
    end = ring->prod;
    for (unsigned i = 0; i < 5; i++) {
        fake_tsc++;
        record(i);
    }
    cr_assert_eq(ring->prod, end);

    ring->cons = ring->prod;
    record(42);

    cr_assert_eq(event_at(RING_BYTES), TRC_LOST_RECORDS);
    cr_assert_eq(word(RING_BYTES + 12), 5);
    cr_assert_eq(word(RING_BYTES + 16), 0); /* d0v0 */
    cr_assert_eq(word(RING_BYTES + 20), 3); /* the TSC of the first */
    cr_assert_eq(event_at(RING_BYTES + 28), EVENT);
    cr_assert_eq(word(RING_BYTES + 28 + 12), 42);
}

Test(trace, what_was_lost_in_an_earlier_time_is_forgotten)
{
    fill();
    record(1);
    trace_disable();
    cr_assert_eq(trace_enable(), 0);
    ring->cons = ring->prod;
    record(2);
    cr_assert_eq(event_at(RING_BYTES), EVENT);
}

Test(trace, a_readers_nonsense_loses_records_and_nothing_else)
{
    static const uint32_t nonsense[] = {0xffffffff, 0x80000000, 2 * RING_BYTES, 4 * RING_BYTES, 1, RING_BYTES - 1, 5000};
    uint32_t prod;

    record(1);
    for (unsigned i = 0; i < ARRAY_SIZE(nonsense); i++) {
        ring->cons = nonsense[i];
        ring->prod = nonsense[i];
        for (unsigned n = 0; n < 1000; n++) {
            record(n);
        }
    }
    ring->cons = 0;
    record(2); /* ours is the truth */
    prod = ring->prod;
    cr_assert_leq(prod, 2 * RING_BYTES);
    ring->cons = prod;
    ring->prod = 12345;
    record(3);
    cr_assert_eq(walk(prod, ring->prod), ring->prod);
}

Test(trace, dom0_is_told_when_a_ring_is_half_full)
{
    struct cpu *c = cpus[0];

    while (ring->prod + EVENT_BYTES < RING_BYTES / 2) {
        record(0);
    }
    cr_assert_eq(c->work & CPU_WORK_TRACE, 0);
    record(0);
    cr_assert_neq(c->work & CPU_WORK_TRACE, 0);

    c->work = 0;
    record(0);
    cr_assert_eq(c->work & CPU_WORK_TRACE, 0);
}

Test(trace, the_event_is_virq_tbuf)
{
    uint32_t port;

    cr_assert_eq(evtchn_bind_virq(dom0, VIRQ_TBUF, 0, &port), 0);
    trace_notify();
    cr_assert_eq(dom0->shared_info->evtchn_pending[0], 1UL << port);
}

Test(trace, the_size_is_set_once)
{
    cr_assert_eq(trace_set_size(0), -XEN_EINVAL);
    cr_assert_eq(trace_set_size(2), -XEN_EBUSY);
    cr_assert_eq(trace_set_size(1), 0);
}

static long map_xen_frame(struct domain *d, uint64_t m, int *error)
{
    struct xen_add_to_physmap_batch *batch = fake_guest_memory(d, 0x1000);
    uint64_t *idx = fake_guest_memory(d, 0x1100), *g = fake_guest_memory(d, 0x1200);
    int *errs = fake_guest_memory(d, 0x1300);
    long rc;

    *batch = (struct xen_add_to_physmap_batch){
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 1, .u.foreign_domid = DOMID_XEN};
    batch->idxs.p = (void *)0x1100;
    batch->gpfns.p = (void *)0x1200;
    batch->errs.p = (void *)0x1300;
    *idx = m;
    *g = 0x500;
    rc = memory_op(d->vcpus[0], XENMEM_add_to_physmap_batch, 0x1000);
    *error = *errs;
    return rc;
}

Test(trace, dom0_maps_the_rings_and_nothing_else_of_ours)
{
    struct domain *guest = fake_domain_create(1, 1);
    uint64_t m = virt_to_mfn(ring).n;
    int error;

    cr_assert_eq(map_xen_frame(dom0, m, &error), 0);
    cr_assert_eq(error, 0);
    cr_assert_eq(fake_guest_memory(dom0, 0x500000), ring);

    map_xen_frame(dom0, dom0->shared_info_mfn.n, &error);
    cr_assert_eq(error, -XEN_EINVAL);
    map_xen_frame(dom0, virt_to_mfn(dom0).n, &error);
    cr_assert_eq(error, -XEN_EINVAL);
    map_xen_frame(dom0, ~0UL, &error);
    cr_assert_eq(error, -XEN_EINVAL);
    map_xen_frame(guest, m, &error);
    cr_assert_eq(error, -XEN_EPERM);
}

TestSuite(trace_size, .init = fake_host_init);

Test(trace_size, is_rounded_down_and_limited)
{
    cr_assert_eq(trace_enable(), -XEN_EINVAL);
    cr_assert_eq(trace_set_size(33), 0);

    const struct t_info *info = get_info();
    const uint32_t *words = (const uint32_t *)info;

    cr_assert_eq(info->tbuf_size, 32);
    for (unsigned cpu = 0; cpu < FAKE_CPUS; cpu++) {
        for (unsigned i = 0; i < 32; i++) {
            const struct frame *f = frame_of(mfn(words[info->mfn_offset[cpu] + i]));

            cr_assert_eq(f->state, FRAME_SHARED);
            cr_assert_eq(f->owner, DOMID_XEN);
        }
    }
    cr_assert_eq(trace_set_size(0xffffffff), -XEN_EBUSY);
}

Test(trace_size, that_does_not_fit_leaves_nothing)
{
    uint64_t before, m;
    uint32_t bytes, mask;

    while (frame_stats(NODE_ANY).free > 600) {
        frame_alloc_hv(ORDER_4K, NODE_ANY);
    }
    before = frame_stats(NODE_ANY).free;
    cr_assert_eq(trace_set_size(512), -XEN_ENOMEM);
    cr_assert_eq(frame_stats(NODE_ANY).free, before);
    trace_get_info(&m, &bytes, &mask);
    cr_assert_eq(m, 0);
    cr_assert_eq(bytes, 0);
}
