/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raising ports, and the vCPUs that wait for them in SCHEDOP_poll. How a raised port reaches the guest is the
 * layout's business: evtchn_2l.c and evtchn_fifo.c. Locking is told in evtchn_ports.h.
 */
#include "evtchn_ports.h"

/* For one without a place for it, registering that makes up for it (evtchn_vcpu_info_moved). */
void evtchn_upcall(struct vcpu *v)
{
    if (vcpu_has_info(v) && __atomic_exchange_n(&v->vcpu_info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST) == 0) {
        vcpu_evtchn_upcall(v);
    }
}

void evtchn_poll_begin(struct vcpu *v, uint32_t port)
{
    WRITE_ONCE(v->poll_port, port);
    WRITE_ONCE(v->is_polling, true);
    bit_test_and_set_atomic(v->domain->evtchn->pollers, v->id);
}

void evtchn_poll_end(struct vcpu *v)
{
    bit_test_and_clear_atomic(v->domain->evtchn->pollers, v->id);
    WRITE_ONCE(v->is_polling, false);
}

static void wake_pollers(struct domain *d, uint32_t n)
{
    struct evtchn_ports *ports = d->evtchn;

    for (unsigned i = 0; i < ARRAY_SIZE(ports->pollers); i++) {
        unsigned long word = READ_ONCE(ports->pollers[i]);

        for (; unlikely(word != 0); word &= word - 1) {
            struct vcpu *v = d->vcpus[i * BITS_PER_LONG + (unsigned)__builtin_ctzl(word)];
            uint32_t poll_port = READ_ONCE(v->poll_port);

            if (READ_ONCE(v->is_polling) && (poll_port == 0 || poll_port == n)) {
                evtchn_poll_end(v);
                vcpu_clear_flag(v, VCPU_BLOCKED);
            }
        }
    }
}

void evtchn_set_pending(struct domain *d, uint32_t n, struct evtchn_port *p)
{
    bool is_new = false;

    if (READ_ONCE(d->evtchn->fifo) == NULL) {
        is_new = evtchn_2l_set_pending(d, n, p);
    }
    /* Looked at again: switch_to_fifo() changes the layout and then looks for such a bit. One of the two sees it, and
     * if both do, the event comes twice. */
    if (__atomic_load_n(&d->evtchn->fifo, __ATOMIC_SEQ_CST) != NULL) {
        is_new |= evtchn_fifo_set_pending(d, n, p);
    }
    if (is_new) {
        wake_pollers(d, n);
    }
}

int evtchn_send(struct domain *d, uint32_t port)
{
    struct evtchn_port *p = evtchn_port_at(d->evtchn, port);

    if (p == NULL) {
        return -XEN_EINVAL;
    }
    spin_guard(&p->lock);
    switch (p->state) {
    case PORT_INTERDOMAIN:
        evtchn_set_pending(p->remote, p->remote_port, evtchn_port_at(p->remote->evtchn, p->remote_port));
        return 0;
    case PORT_IPI:
        evtchn_set_pending(d, port, p);
        return 0;
    case PORT_UNBOUND: /* nobody there yet: bind_interdomain will raise the peer's end */
        return 0;
    default:
        return -XEN_EINVAL;
    }
}

/* Raises the VIRQ that v's slot names, if it is bound. */
static void raise_virq(struct vcpu *v, uint32_t virq)
{
    struct domain *d = v->domain;
    uint32_t n = READ_ONCE(v->virq_to_port[virq]);
    struct evtchn_port *p = n != 0 ? evtchn_port_at(d->evtchn, n) : NULL;

    if (p == NULL) {
        return;
    }
    spin_guard(&p->lock);
    if (p->state == PORT_VIRQ && p->virq == virq) {
        evtchn_set_pending(d, n, p);
    }
}

void evtchn_raise_virq(struct vcpu *v, uint32_t virq)
{
    BUG_ON(virq >= NR_VIRQS || evtchn_virq_is_global(virq));
    raise_virq(v, virq);
}

void evtchn_raise_global_virq(struct domain *d, uint32_t virq)
{
    BUG_ON(virq >= NR_VIRQS || !evtchn_virq_is_global(virq));
    if (d->vcpus[0] != NULL) {
        raise_virq(d->vcpus[0], virq);
    }
}

int evtchn_unmask(struct domain *d, uint32_t port)
{
    struct evtchn_port *p = evtchn_port_at(d->evtchn, port);

    if (p == NULL) {
        return -XEN_EINVAL;
    }
    spin_guard(&p->lock);
    if (p->state == PORT_FREE) {
        return -XEN_EINVAL;
    }
    if (d->evtchn->fifo != NULL) {
        evtchn_fifo_unmask(d, port, p);
    } else {
        evtchn_2l_unmask(d, port, p);
    }
    return 0;
}

bool evtchn_port_is_valid(struct domain *d, uint32_t port)
{
    return port != 0 && evtchn_port_at(d->evtchn, port) != NULL;
}

bool evtchn_is_pending(struct domain *d, uint32_t port)
{
    struct evtchn_port *p = evtchn_port_at(d->evtchn, port);

    if (p == NULL) {
        return false;
    }
    spin_guard(&p->lock);
    return p->state != PORT_FREE && (d->evtchn->fifo != NULL ? evtchn_fifo_is_pending(d, port, p)
                                                             : evtchn_2l_is_pending(d, port));
}

void evtchn_vcpu_info_moved(struct vcpu *v)
{
    if (v->domain->evtchn->fifo == NULL) {
        evtchn_2l_renotify(v);
    }
    __atomic_store_n(&v->vcpu_info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
    vcpu_evtchn_upcall(v);
}
