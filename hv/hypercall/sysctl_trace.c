/* SPDX-License-Identifier: Apache-2.0 */
/* XEN_SYSCTL_tbuf_op and perfc_op: watching the host without stopping it. */
#include <hv/arch/cpu.h>
#include <hv/bitmap.h>
#include <hv/control.h>
#include <hv/hypercall.h>
#include <hv/sysctl.h>
#include <hv/trace.h>

static long set_cpu_mask(struct vcpu *v, const struct xenctl_bitmap *map)
{
    unsigned long mask[BITMAP_LONGS(MAX_CPUS)];
    int rc = control_bitmap_in(v, mask, MAX_CPUS, map);

    if (rc == 0) {
        trace_set_cpu_mask(mask);
    }
    return rc;
}

long sysctl_tbuf_op(struct vcpu *v, struct xen_sysctl *op)
{
    struct xen_sysctl_tbuf_op *tbuf = &op->u.tbuf_op;

    switch (tbuf->cmd) {
    case XEN_SYSCTL_TBUFOP_get_info:
        trace_get_info(&tbuf->buffer_mfn, &tbuf->size, &tbuf->evt_mask);
        return 0;
    case XEN_SYSCTL_TBUFOP_set_cpu_mask:
        return set_cpu_mask(v, &tbuf->cpu_mask);
    case XEN_SYSCTL_TBUFOP_set_evt_mask:
        trace_set_event_mask(tbuf->evt_mask);
        return 0;
    case XEN_SYSCTL_TBUFOP_set_size:
        return trace_set_size(tbuf->size);
    case XEN_SYSCTL_TBUFOP_enable:
        return trace_enable();
    case XEN_SYSCTL_TBUFOP_disable:
        trace_disable();
        return 0;
    default:
        return -XEN_EINVAL;
    }
}

#define COUNTER_VALUES (sizeof(struct counters) / sizeof(uint32_t))

/* The members of struct counters, in its order. Names stay what they are: metrics are made of them. */
static const struct xen_sysctl_perfc_desc counter_names[] = {
    {"vmexits", COUNTERS_EXITS},
    {"hypercalls", COUNTERS_HYPERCALLS},
    {"interrupts", 1},
    {"timer interrupts", 1},
    {"kicks sent", 1},
    {"p2m flushes", 1},
    {"vcpu switches", 1},
    {"vcpu wakeups", 1},
};

_Static_assert(COUNTERS_EXITS + COUNTERS_HYPERCALLS + ARRAY_SIZE(counter_names) - 2 == COUNTER_VALUES,
               "every counter has its name");

/* What had been counted at the last reset: each CPU alone writes its own. */
static uint32_t at_reset[COUNTER_VALUES];

static void sum_counters(uint32_t *sums)
{
    for (unsigned n = 0; n < COUNTER_VALUES; n++) {
        sums[n] = 0;
        for (unsigned cpu = 0; cpu < cpu_count; cpu++) {
            sums[n] += READ_ONCE(((const uint32_t *)&cpus[cpu]->counters)[n]);
        }
    }
}

static long query_counters(struct vcpu *v, struct xen_sysctl_perfc_op *perfc)
{
    uint64_t names = guest_address(perfc->desc), values = guest_address(perfc->val);
    uint32_t sums[COUNTER_VALUES];

    sum_counters(sums);
    for (unsigned n = 0; n < COUNTER_VALUES; n++) {
        sums[n] -= at_reset[n];
    }
    if ((names != 0 && guest_copy_out(v, names, counter_names, sizeof(counter_names)) != 0) ||
        (values != 0 && guest_copy_out(v, values, sums, sizeof(sums)) != 0)) {
        return -XEN_EFAULT;
    }
    perfc->nr_counters = ARRAY_SIZE(counter_names);
    perfc->nr_vals = COUNTER_VALUES;
    return 0;
}

long sysctl_perfc_op(struct vcpu *v, struct xen_sysctl *op)
{
    switch (op->u.perfc_op.cmd) {
    case XEN_SYSCTL_PERFCOP_reset:
        sum_counters(at_reset);
        return 0;
    case XEN_SYSCTL_PERFCOP_query:
        return query_counters(v, &op->u.perfc_op);
    default:
        return -XEN_EINVAL;
    }
}
