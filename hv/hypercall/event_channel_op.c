/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_event_channel_op (xen/event_channel.h): one function an operation: copy in, look the
 * domain up, call core/evtchn.c, copy out what the operation gives. A port that was opened is closed
 * again when the caller cannot be told its number.
 */
#include <hv/domain.h>
#include <hv/evtchn.h>
#include <hv/hypercall.h>
#include <hv/string.h>
#include <hv/vcpu.h>

/* Finishes an operation that opened *port of d: gives the whole argument back. */
static long port_out(struct vcpu *v, struct domain *d, uint32_t port, uint64_t arg, const void *op,
                     size_t size)
{
    if (guest_copy_out(v, arg, op, size) != 0) {
        evtchn_close(d, port);
        return -XEN_EFAULT;
    }
    return 0;
}

static long op_alloc_unbound(struct vcpu *v, uint64_t arg)
{
    struct evtchn_alloc_unbound op;
    struct domain *d;
    long rc;

    if (guest_copy_in(v, &op, arg, sizeof(op)) != 0) {
        return -XEN_EFAULT;
    }
    d = domain_get_for(v, op.dom, &rc);
    if (d == NULL) {
        return rc;
    }
    rc = evtchn_alloc_unbound(d, op.remote_dom == DOMID_SELF ? v->domain->domid : op.remote_dom,
                              &op.port);
    if (rc == 0) {
        rc = port_out(v, d, op.port, arg, &op, sizeof(op));
    }
    domain_put(d);
    return rc;
}

static long op_bind_interdomain(struct vcpu *v, uint64_t arg)
{
    struct evtchn_bind_interdomain op;
    long rc;

    if (guest_copy_in(v, &op, arg, sizeof(op)) != 0) {
        return -XEN_EFAULT;
    }
    rc = evtchn_bind_interdomain(v->domain, op.remote_dom, op.remote_port, &op.local_port);
    return rc != 0 ? rc : port_out(v, v->domain, op.local_port, arg, &op, sizeof(op));
}

static long op_bind_virq(struct vcpu *v, uint64_t arg)
{
    struct evtchn_bind_virq op;
    long rc;

    if (guest_copy_in(v, &op, arg, sizeof(op)) != 0) {
        return -XEN_EFAULT;
    }
    rc = evtchn_bind_virq(v->domain, op.virq, op.vcpu, &op.port);
    return rc != 0 ? rc : port_out(v, v->domain, op.port, arg, &op, sizeof(op));
}

static long op_bind_ipi(struct vcpu *v, uint64_t arg)
{
    struct evtchn_bind_ipi op;
    long rc;

    if (guest_copy_in(v, &op, arg, sizeof(op)) != 0) {
        return -XEN_EFAULT;
    }
    rc = evtchn_bind_ipi(v->domain, op.vcpu, &op.port);
    return rc != 0 ? rc : port_out(v, v->domain, op.port, arg, &op, sizeof(op));
}

static long op_close(struct vcpu *v, uint64_t arg)
{
    struct evtchn_close op;

    return guest_copy_in(v, &op, arg, sizeof(op)) != 0 ? -XEN_EFAULT : evtchn_close(v->domain, op.port);
}

static long op_send(struct vcpu *v, uint64_t arg)
{
    struct evtchn_send op;

    return guest_copy_in(v, &op, arg, sizeof(op)) != 0 ? -XEN_EFAULT : evtchn_send(v->domain, op.port);
}

static long op_unmask(struct vcpu *v, uint64_t arg)
{
    struct evtchn_unmask op;

    return guest_copy_in(v, &op, arg, sizeof(op)) != 0 ? -XEN_EFAULT : evtchn_unmask(v->domain, op.port);
}

static long op_status(struct vcpu *v, uint64_t arg)
{
    struct evtchn_status op;
    struct domain *d;
    long rc;

    if (guest_copy_in(v, &op, arg, sizeof(op)) != 0) {
        return -XEN_EFAULT;
    }
    d = domain_get_for(v, op.dom, &rc);
    if (d == NULL) {
        return rc;
    }
    rc = evtchn_status(d, op.port, &op);
    domain_put(d);
    if (rc == 0 && guest_copy_out(v, arg, &op, sizeof(op)) != 0) {
        rc = -XEN_EFAULT;
    }
    return rc;
}

static long op_bind_vcpu(struct vcpu *v, uint64_t arg)
{
    struct evtchn_bind_vcpu op;

    if (guest_copy_in(v, &op, arg, sizeof(op)) != 0) {
        return -XEN_EFAULT;
    }
    return evtchn_bind_vcpu(v->domain, op.port, op.vcpu);
}

/* Restarts by coming again: how far it got is kept with the ports. */
static long op_reset(struct vcpu *v, uint64_t arg)
{
    struct evtchn_reset op;
    struct domain *d;
    long rc;

    if (guest_copy_in(v, &op, arg, sizeof(op)) != 0) {
        return -XEN_EFAULT;
    }
    d = domain_get_for(v, op.dom, &rc);
    if (d == NULL) {
        return rc;
    }
    /* Another domain must not run meanwhile: its vCPUs use the queues that go away. */
    rc = d != v->domain && d->control_pause_count == 0 ? -XEN_EINVAL : evtchn_reset(d);
    domain_put(d);
    return rc;
}

static long op_init_control(struct vcpu *v, uint64_t arg)
{
    struct evtchn_init_control op;
    long rc;

    if (guest_copy_in(v, &op, arg, sizeof(op)) != 0) {
        return -XEN_EFAULT;
    }
    rc = evtchn_init_control(v->domain, op.vcpu, op.control_gfn, op.offset);
    if (rc != 0) {
        return rc;
    }
    op.link_bits = EVTCHN_FIFO_LINK_BITS;
    memset(op._pad, 0, sizeof(op._pad));
    return guest_copy_out(v, arg, &op, sizeof(op));
}

static long op_expand_array(struct vcpu *v, uint64_t arg)
{
    struct evtchn_expand_array op;

    if (guest_copy_in(v, &op, arg, sizeof(op)) != 0) {
        return -XEN_EFAULT;
    }
    return evtchn_expand_array(v->domain, op.array_gfn);
}

static long op_set_priority(struct vcpu *v, uint64_t arg)
{
    struct evtchn_set_priority op;

    if (guest_copy_in(v, &op, arg, sizeof(op)) != 0) {
        return -XEN_EFAULT;
    }
    return evtchn_set_priority(v->domain, op.port, op.priority);
}

long event_channel_op(struct vcpu *v, unsigned cmd, uint64_t arg)
{
    switch (cmd) {
    case EVTCHNOP_send:
        return op_send(v, arg);
    case EVTCHNOP_unmask:
        return op_unmask(v, arg);
    case EVTCHNOP_alloc_unbound:
        return op_alloc_unbound(v, arg);
    case EVTCHNOP_bind_interdomain:
        return op_bind_interdomain(v, arg);
    case EVTCHNOP_bind_virq:
        return op_bind_virq(v, arg);
    case EVTCHNOP_bind_ipi:
        return op_bind_ipi(v, arg);
    case EVTCHNOP_bind_pirq:
        return -XEN_EINVAL; /* no domain here has PIRQs: XENFEAT_hvm_pirqs is not offered */
    case EVTCHNOP_close:
        return op_close(v, arg);
    case EVTCHNOP_status:
        return op_status(v, arg);
    case EVTCHNOP_bind_vcpu:
        return op_bind_vcpu(v, arg);
    case EVTCHNOP_reset:
        return op_reset(v, arg);
    case EVTCHNOP_init_control:
        return op_init_control(v, arg);
    case EVTCHNOP_expand_array:
        return op_expand_array(v, arg);
    case EVTCHNOP_set_priority:
        return op_set_priority(v, arg);
    default:
        return -XEN_ENOSYS;
    }
}
