/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_event_channel_op (xen/event_channel.h): what each operation is for core/evtchn.c. As in Xen, a
 * port that was opened stays so when the caller cannot be told its number.
 */
#include <hv/evtchn.h>
#include <hv/hypercall.h>
#include <hv/operation.h>

static long alloc_unbound(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    struct evtchn_alloc_unbound *op = arg;

    return evtchn_alloc_unbound(d, op->remote_dom == DOMID_SELF ? v->domain->domid : op->remote_dom, &op->port);
}

static long bind_interdomain(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    struct evtchn_bind_interdomain *op = arg;

    return evtchn_bind_interdomain(d, op->remote_dom, op->remote_port, &op->local_port);
}

static long bind_virq(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    struct evtchn_bind_virq *op = arg;

    return evtchn_bind_virq(d, op->virq, op->vcpu, &op->port);
}

static long bind_ipi(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    struct evtchn_bind_ipi *op = arg;

    return evtchn_bind_ipi(d, op->vcpu, &op->port);
}

static long close(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    return evtchn_close(d, ((struct evtchn_close *)arg)->port);
}

static long unmask(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    return evtchn_unmask(d, ((struct evtchn_unmask *)arg)->port);
}

static long status(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    return evtchn_status(d, ((struct evtchn_status *)arg)->port, arg);
}

static long bind_vcpu(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    struct evtchn_bind_vcpu *op = arg;

    return evtchn_bind_vcpu(d, op->port, op->vcpu);
}

/* Restarts by coming again: how far it got is kept with the ports. Another domain must not run meanwhile: its
 * vCPUs use the queues that go away. */
static long reset(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    return d != v->domain && d->control_pause_count == 0 ? -XEN_EINVAL : evtchn_reset(d);
}

static long init_control(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    struct evtchn_init_control *op = arg;

    op->link_bits = EVTCHN_FIFO_LINK_BITS;
    memset(op->_pad, 0, sizeof(op->_pad));
    return evtchn_init_control(d, op->vcpu, op->control_gfn, op->offset);
}

static long expand_array(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    return evtchn_expand_array(d, ((struct evtchn_expand_array *)arg)->array_gfn);
}

static long set_priority(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    struct evtchn_set_priority *op = arg;

    return evtchn_set_priority(d, op->port, op->priority);
}

/* bind_pirq is not here: no domain has PIRQs, XENFEAT_hvm_pirqs is not offered. */
static const struct operation operations[] = {
    [EVTCHNOP_alloc_unbound] = {OP_ON(alloc_unbound, evtchn_alloc_unbound, dom, OP_GIVES)},
    [EVTCHNOP_bind_interdomain] = {OP(bind_interdomain, evtchn_bind_interdomain, OP_GIVES)},
    [EVTCHNOP_bind_virq] = {OP(bind_virq, evtchn_bind_virq, OP_GIVES)},
    [EVTCHNOP_bind_ipi] = {OP(bind_ipi, evtchn_bind_ipi, OP_GIVES)},
    [EVTCHNOP_close] = {OP(close, evtchn_close, 0)},
    [EVTCHNOP_unmask] = {OP(unmask, evtchn_unmask, 0)},
    [EVTCHNOP_status] = {OP_ON(status, evtchn_status, dom, OP_GIVES)},
    [EVTCHNOP_bind_vcpu] = {OP(bind_vcpu, evtchn_bind_vcpu, 0)},
    [EVTCHNOP_reset] = {OP_ON(reset, evtchn_reset, dom, 0)},
    [EVTCHNOP_init_control] = {OP(init_control, evtchn_init_control, OP_GIVES)},
    [EVTCHNOP_expand_array] = {OP(expand_array, evtchn_expand_array, 0)},
    [EVTCHNOP_set_priority] = {OP(set_priority, evtchn_set_priority, 0)},
};

long event_channel_op(struct vcpu *v, unsigned cmd, uint64_t arg)
{
    struct evtchn_send send;

    if (likely(cmd == EVTCHNOP_send)) { /* by far the most frequent: without the table's way round */
        return guest_copy_in(v, &send, arg, sizeof(send)) == 0 ? evtchn_send(v->domain, send.port) : -XEN_EFAULT;
    }
    return cmd == EVTCHNOP_bind_pirq ? -XEN_EINVAL : operation_run(v, OPERATION(operations, cmd), cmd, arg);
}
