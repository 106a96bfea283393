/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace rings. A ring's data is `ring_bytes` long and follows its struct t_buf; both indexes count to
 * twice that, so that a full ring and an empty one differ. A record lies in one piece: what is left
 * at the end of the data and too short for it becomes a record of its own (TRC_TRACE_WRAP_BUFFER).
 * Records that do not fit are counted, and the count is written as soon as there is room
 * (TRC_LOST_RECORDS).
 */
#include <hv/trace.h>

#include <hv/evtchn.h>
#include <hv/vcpu.h>

#define MAX_FRAMES  4096U /* of all rings together: what is scrubbed in one hypercall */
#define EVENT_CLASS 16U   /* of an event and of the mask: bits 27:16 the class, 15:12 the subclass */
#define EVENT_SUB   12U

struct ring {
    struct t_buf *shared; /* seen and written by dom0; NULL: this CPU has none */
    uint32_t prod;        /* where the next record goes; the one in `shared` is a copy */
    uint32_t lost;        /* records that found no room since the last that did */
    uint64_t lost_tsc;    /* when the first of them was */
};

bool trace_is_on;

static struct ring rings[MAX_CPUS];
static uint32_t ring_bytes;
static uint32_t event_mask = TRC_ALL;
static unsigned long cpu_mask[BITMAP_LONGS(MAX_CPUS)] = {[0 ... BITMAP_LONGS(MAX_CPUS) - 1] = ~0UL};

static struct t_info *info;
static unsigned info_order, ring_order;

/* --- Writing ------------------------------------------------------------------------------------- */

static bool is_wanted(uint32_t event, unsigned cpu)
{
    uint32_t both = READ_ONCE(event_mask) & event;

    return bit_test(cpu_mask, cpu) && (both >> EVENT_CLASS) != 0 && ((both >> EVENT_SUB) & 0xf) != 0;
}

static uint32_t bytes_used(const struct ring *r)
{
    uint32_t cons = READ_ONCE(r->shared->cons);
    uint32_t used = r->prod - cons + (r->prod < cons ? 2 * ring_bytes : 0);

    return cons < 2 * ring_bytes && used <= ring_bytes ? used : ring_bytes;
}

static uint32_t *write_position(const struct ring *r)
{
    return (uint32_t *)((char *)(r->shared + 1) + r->prod % ring_bytes);
}

/* The record is whole: now it may be seen. */
static void publish(struct ring *r, uint32_t bytes)
{
    r->prod = (r->prod + bytes) % (2 * ring_bytes);
    __atomic_store_n(&r->shared->prod, r->prod, __ATOMIC_RELEASE);
}

static void write_header(uint32_t *to, uint32_t event, uint64_t tsc, unsigned count)
{
    to[0] = event | count << TRACE_EXTRA_SHIFT | (uint32_t)TRC_HD_CYCLE_FLAG;
    to[1] = (uint32_t)tsc;
    to[2] = (uint32_t)(tsc >> 32);
}

/* Makes the rest of the ring a record whose data is what happens to be there. */
static void fill_rest(struct ring *r, uint32_t bytes, uint64_t tsc)
{
    uint32_t words = bytes / sizeof(uint32_t);

    if (words >= 3) {
        write_header(write_position(r), TRC_TRACE_WRAP_BUFFER, tsc, words - 3);
    } else {
        *write_position(r) = TRC_TRACE_WRAP_BUFFER | (words - 1) << TRACE_EXTRA_SHIFT;
    }
    publish(r, bytes);
}

/* Adds to *used what was written; false: there is no room. */
static bool put(struct ring *r, uint32_t *used, uint32_t event, uint64_t tsc, const uint32_t *data, unsigned count)
{
    uint32_t bytes = (3 + count) * (uint32_t)sizeof(uint32_t);
    uint32_t rest = ring_bytes - r->prod % ring_bytes;
    uint32_t gap = rest < bytes ? rest : 0;

    if (*used + gap + bytes > ring_bytes) {
        return false;
    }
    if (gap != 0) {
        fill_rest(r, gap, tsc);
    }
    write_header(write_position(r), event, tsc, count);
    memcpy(write_position(r) + 3, data, count * sizeof(uint32_t));
    publish(r, bytes);
    *used += gap + bytes;
    return true;
}

static bool put_lost(struct ring *r, uint32_t *used, uint64_t tsc)
{
    const struct vcpu *v = current_vcpu();
    uint32_t data[] = {
        r->lost,
        v == NULL ? DOMID_IDLE : v->domain->domid | v->id << 16,
        (uint32_t)r->lost_tsc,
        (uint32_t)(r->lost_tsc >> 32),
    };

    return put(r, used, TRC_LOST_RECORDS, tsc, data, ARRAY_SIZE(data));
}

void trace_record(uint32_t event, const uint32_t *data, unsigned count)
{
    struct cpu *c = this_cpu();
    struct ring *r = &rings[c->id];
    uint64_t tsc = arch_read_tsc();
    uint32_t before, used;

    if (r->shared == NULL || !is_wanted(event, c->id)) {
        return;
    }
    before = used = bytes_used(r);
    if (r->lost != 0 && put_lost(r, &used, tsc)) {
        r->lost = 0;
    }
    if (r->lost != 0 || !put(r, &used, event, tsc, data, count)) {
        r->lost_tsc = r->lost == 0 ? tsc : r->lost_tsc;
        r->lost++;
    }
    if (before < ring_bytes / 2 && used >= ring_bytes / 2) {
        cpu_raise(c, CPU_WORK_TRACE); /* no event from here: the caller may hold any lock */
    }
}

void trace_notify(void)
{
    evtchn_raise_global_virq(dom0, VIRQ_TBUF);
}

/* --- Control ------------------------------------------------------------------------------------- */

/* Shown to whoever is privileged, for ever: our reference stays. */
static void *show(mfn_t m, unsigned order)
{
    for (uint64_t i = 0; i < 1UL << order; i++) {
        frame_share(mfn_add(m, i), DOMID_XEN);
    }
    return mfn_to_virt(m);
}

/* The largest power of two that is asked for and allowed. */
static unsigned choose_order(uint32_t pages)
{
    unsigned order = 0;

    while (order < ORDER_2M && 2U << order <= pages && cpu_count << (order + 1) <= MAX_FRAMES) {
        order++;
    }
    return order;
}

/* t_info has an offset, in words, to the list of each CPU's frames. */
static void fill_info(const mfn_t *frames, unsigned order)
{
    uint32_t *words = (uint32_t *)info;
    unsigned at = (unsigned)(ROUND_UP(offsetof(struct t_info, mfn_offset[cpu_count]), 4) / 4);

    info->tbuf_size = (uint16_t)(1U << order);
    for (unsigned cpu = 0; cpu < cpu_count; cpu++) {
        info->mfn_offset[cpu] = (uint16_t)at;
        for (uint32_t i = 0; i < 1U << order; i++) {
            words[at++] = (uint32_t)frames[cpu].n + i;
        }
    }
}

static int make_rings(unsigned order)
{
    size_t info_bytes = sizeof(uint16_t) * (2 + cpu_count) + (sizeof(uint32_t) * cpu_count << order);
    mfn_t frames[MAX_CPUS], info_frame;
    unsigned made = 0;

    info_order = order_of(info_bytes);
    info_frame = frame_alloc_hv(info_order, NODE_ANY);
    for (; !mfn_is_none(info_frame) && made < cpu_count; made++) {
        frames[made] = frame_alloc_hv(order, cpus[made]->node);
        if (mfn_is_none(frames[made])) {
            break;
        }
    }
    if (made < cpu_count) {
        while (made > 0) {
            frame_free_hv(frames[--made], order);
        }
        if (!mfn_is_none(info_frame)) {
            frame_free_hv(info_frame, info_order);
        }
        return -XEN_ENOMEM;
    }
    ring_order = order;
    ring_bytes = (uint32_t)((PAGE_SIZE << order) - sizeof(struct t_buf));
    for (unsigned cpu = 0; cpu < cpu_count; cpu++) {
        rings[cpu].shared = show(frames[cpu], order);
    }
    info = show(info_frame, info_order);
    fill_info(frames, order);
    return 0;
}

int trace_set_size(uint32_t pages)
{
    unsigned order = choose_order(pages);

    if (pages == 0) {
        return -XEN_EINVAL;
    }
    if (info != NULL) {
        return order == ring_order ? 0 : -XEN_EBUSY;
    }
    return make_rings(order);
}

int trace_enable(void)
{
    if (info == NULL) {
        return -XEN_EINVAL;
    }
    if (!trace_is_on) {
        for (unsigned cpu = 0; cpu < cpu_count; cpu++) {
            WRITE_ONCE(rings[cpu].lost, 0); /* of an earlier time */
        }
        __atomic_store_n(&trace_is_on, true, __ATOMIC_RELEASE);
    }
    return 0;
}

void trace_disable(void)
{
    WRITE_ONCE(trace_is_on, false);
}

void trace_set_event_mask(uint32_t mask)
{
    WRITE_ONCE(event_mask, mask);
}

void trace_set_cpu_mask(const unsigned long *mask)
{
    memcpy(cpu_mask, mask, sizeof(cpu_mask));
}

void trace_get_info(uint64_t *info_mfn, uint32_t *info_bytes, uint32_t *mask)
{
    *info_mfn = info == NULL ? 0 : virt_to_mfn(info).n;
    *info_bytes = info == NULL ? 0 : (uint32_t)(PAGE_SIZE << info_order);
    *mask = event_mask;
}
