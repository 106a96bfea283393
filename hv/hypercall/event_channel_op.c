/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_event_channel_op (xen/event_channel.h): each operation has one argument, which is
 * copied in, handed to core/evtchn.c, and copied out where the operation gives something back. As
 * in Xen, a port that was opened stays so when the caller cannot be told its number.
 */
#include <hv/domain.h>
#include <hv/evtchn.h>
#include <hv/hypercall.h>
#include <hv/string.h>
#include <hv/vcpu.h>

union argument {
    struct evtchn_alloc_unbound alloc_unbound;
    struct evtchn_bind_interdomain bind_interdomain;
    struct evtchn_bind_virq bind_virq;
    struct evtchn_bind_ipi bind_ipi;
    struct evtchn_close close;
    struct evtchn_send send;
    struct evtchn_unmask unmask;
    struct evtchn_status status;
    struct evtchn_bind_vcpu bind_vcpu;
    struct evtchn_reset reset;
    struct evtchn_init_control init_control;
    struct evtchn_expand_array expand_array;
    struct evtchn_set_priority set_priority;
};

static long op_alloc_unbound(struct vcpu *v, union argument *a)
{
    struct evtchn_alloc_unbound *op = &a->alloc_unbound;
    domid_t remote = op->remote_dom == DOMID_SELF ? v->domain->domid : op->remote_dom;
    long rc;
    struct domain *d = domain_get_for(v, op->dom, &rc);

    if (d != NULL) {
        rc = evtchn_alloc_unbound(d, remote, &op->port);
        domain_put(d);
    }
    return rc;
}

static long op_bind_interdomain(struct vcpu *v, union argument *a)
{
    struct evtchn_bind_interdomain *op = &a->bind_interdomain;

    return evtchn_bind_interdomain(v->domain, op->remote_dom, op->remote_port, &op->local_port);
}

static long op_bind_virq(struct vcpu *v, union argument *a)
{
    return evtchn_bind_virq(v->domain, a->bind_virq.virq, a->bind_virq.vcpu, &a->bind_virq.port);
}

static long op_bind_ipi(struct vcpu *v, union argument *a)
{
    return evtchn_bind_ipi(v->domain, a->bind_ipi.vcpu, &a->bind_ipi.port);
}

static long op_close(struct vcpu *v, union argument *a)
{
    return evtchn_close(v->domain, a->close.port);
}

static long op_send(struct vcpu *v, union argument *a)
{
    return evtchn_send(v->domain, a->send.port);
}

static long op_unmask(struct vcpu *v, union argument *a)
{
    return evtchn_unmask(v->domain, a->unmask.port);
}

static long op_status(struct vcpu *v, union argument *a)
{
    long rc;
    struct domain *d = domain_get_for(v, a->status.dom, &rc);

    if (d != NULL) {
        rc = evtchn_status(d, a->status.port, &a->status);
        domain_put(d);
    }
    return rc;
}

static long op_bind_vcpu(struct vcpu *v, union argument *a)
{
    return evtchn_bind_vcpu(v->domain, a->bind_vcpu.port, a->bind_vcpu.vcpu);
}

/* Restarts by coming again: how far it got is kept with the ports. */
static long op_reset(struct vcpu *v, union argument *a)
{
    long rc;
    struct domain *d = domain_get_for(v, a->reset.dom, &rc);

    if (d != NULL) {
        /* Another domain must not run meanwhile: its vCPUs use the queues that go away. */
        rc = d != v->domain && d->control_pause_count == 0 ? -XEN_EINVAL : evtchn_reset(d);
        domain_put(d);
    }
    return rc;
}

static long op_init_control(struct vcpu *v, union argument *a)
{
    struct evtchn_init_control *op = &a->init_control;

    op->link_bits = EVTCHN_FIFO_LINK_BITS;
    memset(op->_pad, 0, sizeof(op->_pad));
    return evtchn_init_control(v->domain, op->vcpu, op->control_gfn, op->offset);
}

static long op_expand_array(struct vcpu *v, union argument *a)
{
    return evtchn_expand_array(v->domain, a->expand_array.array_gfn);
}

static long op_set_priority(struct vcpu *v, union argument *a)
{
    return evtchn_set_priority(v->domain, a->set_priority.port, a->set_priority.priority);
}

/* bind_pirq is not here: no domain has PIRQs, XENFEAT_hvm_pirqs is not offered. */
static const struct operation {
    long (*run)(struct vcpu *v, union argument *a);
    uint8_t size;
    bool gives; /* something back */
} operations[] = {
    [EVTCHNOP_alloc_unbound] = {op_alloc_unbound, sizeof(struct evtchn_alloc_unbound), true},
    [EVTCHNOP_bind_interdomain] = {op_bind_interdomain, sizeof(struct evtchn_bind_interdomain),
                                   true},
    [EVTCHNOP_bind_virq] = {op_bind_virq, sizeof(struct evtchn_bind_virq), true},
    [EVTCHNOP_bind_ipi] = {op_bind_ipi, sizeof(struct evtchn_bind_ipi), true},
    [EVTCHNOP_close] = {op_close, sizeof(struct evtchn_close), false},
    [EVTCHNOP_send] = {op_send, sizeof(struct evtchn_send), false},
    [EVTCHNOP_unmask] = {op_unmask, sizeof(struct evtchn_unmask), false},
    [EVTCHNOP_status] = {op_status, sizeof(struct evtchn_status), true},
    [EVTCHNOP_bind_vcpu] = {op_bind_vcpu, sizeof(struct evtchn_bind_vcpu), false},
    [EVTCHNOP_reset] = {op_reset, sizeof(struct evtchn_reset), false},
    [EVTCHNOP_init_control] = {op_init_control, sizeof(struct evtchn_init_control), true},
    [EVTCHNOP_expand_array] = {op_expand_array, sizeof(struct evtchn_expand_array), false},
    [EVTCHNOP_set_priority] = {op_set_priority, sizeof(struct evtchn_set_priority), false},
};

long event_channel_op(struct vcpu *v, unsigned cmd, uint64_t arg)
{
    const struct operation *op = cmd < ARRAY_SIZE(operations) ? &operations[cmd] : NULL;
    union argument a;
    long rc;

    if (op == NULL || op->run == NULL) {
        return cmd == EVTCHNOP_bind_pirq ? -XEN_EINVAL : -XEN_ENOSYS;
    }
    if (guest_copy_in(v, &a, arg, op->size) != 0) {
        return -XEN_EFAULT;
    }
    rc = op->run(v, &a);
    return rc == 0 && op->gives ? guest_copy_out(v, arg, &a, op->size) : rc;
}
