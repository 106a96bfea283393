/* SPDX-License-Identifier: Apache-2.0 */
/* XEN_SYSCTL_tbuf_op: the trace rings. */
#include <hv/arch/cpu.h>
#include <hv/bitmap.h>
#include <hv/control.h>
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
