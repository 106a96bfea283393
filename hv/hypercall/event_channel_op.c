/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_event_channel_op (xen/event_channel.h): what each operation is for core/evtchn.c. As in Xen, a
 * port that was opened stays so when the caller cannot be told its number.
 */
#include <hv/evtchn.h>
#include <hv/hypercall.h>
#include <hv/operation.h>

static long alloc_unbound(const struct domain *caller, struct domain *d, struct evtchn_alloc_unbound *op)
{
    return evtchn_alloc_unbound(d, op->remote_dom == DOMID_SELF ? caller->domid : op->remote_dom, &op->port);
}

static long init_control(struct domain *d, struct evtchn_init_control *op)
{
    op->link_bits = EVTCHN_FIFO_LINK_BITS;
    memset(op->_pad, 0, sizeof(op->_pad));
    return evtchn_init_control(d, op->vcpu, op->control_gfn, op->offset);
}

/* Restarts by coming again: how far it got is kept with the ports. Another domain must not run meanwhile: its
 * vCPUs use the queues that go away. */
static long reset(const struct domain *caller, struct domain *d)
{
    return d != caller && d->control_pause_count == 0 ? -XEN_EINVAL : evtchn_reset(d);
}

union argument {
    struct evtchn_alloc_unbound alloc_unbound;
    struct evtchn_bind_interdomain bind_interdomain;
    struct evtchn_bind_virq bind_virq;
    struct evtchn_bind_ipi bind_ipi;
    struct evtchn_close close;
    struct evtchn_unmask unmask;
    struct evtchn_status status;
    struct evtchn_bind_vcpu bind_vcpu;
    struct evtchn_init_control init_control;
    struct evtchn_expand_array expand_array;
    struct evtchn_set_priority set_priority;
};

static long run(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    union argument *op = arg;

    switch (cmd) {
    case EVTCHNOP_alloc_unbound:
        return alloc_unbound(v->domain, d, &op->alloc_unbound);
    case EVTCHNOP_bind_interdomain:
        return evtchn_bind_interdomain(d, op->bind_interdomain.remote_dom, op->bind_interdomain.remote_port,
                                       &op->bind_interdomain.local_port);
    case EVTCHNOP_bind_virq:
        return evtchn_bind_virq(d, op->bind_virq.virq, op->bind_virq.vcpu, &op->bind_virq.port);
    case EVTCHNOP_bind_ipi:
        return evtchn_bind_ipi(d, op->bind_ipi.vcpu, &op->bind_ipi.port);
    case EVTCHNOP_close:
        return evtchn_close(d, op->close.port);
    case EVTCHNOP_unmask:
        return evtchn_unmask(d, op->unmask.port);
    case EVTCHNOP_status:
        return evtchn_status(d, op->status.port, &op->status);
    case EVTCHNOP_bind_vcpu:
        return evtchn_bind_vcpu(d, op->bind_vcpu.port, op->bind_vcpu.vcpu);
    case EVTCHNOP_reset:
        return reset(v->domain, d);
    case EVTCHNOP_init_control:
        return init_control(d, &op->init_control);
    case EVTCHNOP_expand_array:
        return evtchn_expand_array(d, op->expand_array.array_gfn);
    default: /* EVTCHNOP_set_priority */
        return evtchn_set_priority(d, op->set_priority.port, op->set_priority.priority);
    }
}

/* bind_pirq is not here: no domain has PIRQs, XENFEAT_hvm_pirqs is not offered. */
static const struct operation operations[] = {
    [EVTCHNOP_alloc_unbound] = {OP_ON(run, evtchn_alloc_unbound, dom, OP_GIVES)},
    [EVTCHNOP_bind_interdomain] = {OP(run, evtchn_bind_interdomain, OP_GIVES)},
    [EVTCHNOP_bind_virq] = {OP(run, evtchn_bind_virq, OP_GIVES)},
    [EVTCHNOP_bind_ipi] = {OP(run, evtchn_bind_ipi, OP_GIVES)},
    [EVTCHNOP_close] = {OP(run, evtchn_close, 0)},
    [EVTCHNOP_unmask] = {OP(run, evtchn_unmask, 0)},
    [EVTCHNOP_status] = {OP_ON(run, evtchn_status, dom, OP_GIVES)},
    [EVTCHNOP_bind_vcpu] = {OP(run, evtchn_bind_vcpu, 0)},
    [EVTCHNOP_reset] = {OP_ON(run, evtchn_reset, dom, 0)},
    [EVTCHNOP_init_control] = {OP(run, evtchn_init_control, OP_GIVES)},
    [EVTCHNOP_expand_array] = {OP(run, evtchn_expand_array, 0)},
    [EVTCHNOP_set_priority] = {OP(run, evtchn_set_priority, 0)},
};

long event_channel_op(struct vcpu *v, unsigned cmd, uint64_t arg)
{
    struct evtchn_send send;

    if (likely(cmd == EVTCHNOP_send)) { /* by far the most frequent: without the table's way round */
        return guest_copy_in(v, &send, arg, sizeof(send)) == 0 ? evtchn_send(v->domain, send.port) : -XEN_EFAULT;
    }
    return cmd == EVTCHNOP_bind_pirq ? -XEN_EINVAL : operation_run(v, OPERATION(operations, cmd), cmd, arg);
}
