/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The port space of a domain and the operations on it. A port is free, unbound (another domain may
 * bind to it), one end of an interdomain pair, a VIRQ or an IPI:
 *
 *   FREE --alloc_unbound--> UNBOUND --bind_interdomain (by the peer)--> INTERDOMAIN
 *   FREE --bind_interdomain--> INTERDOMAIN --close (by the peer)--> UNBOUND
 *   FREE --bind_virq--> VIRQ    FREE --bind_ipi--> IPI    any --close--> FREE
 *
 * Raising ports is evtchn_send.c's. Locking is told in evtchn_ports.h.
 */
#include "evtchn_ports.h"

#include <hv/print.h>

/* Closed ports that one search passes over because the guest has not taken them off their queue: more come of its own
 * doing alone, and each 128 of them can cost a page. */
#define MAX_LINKED 16384U

/* Ports looked at by one call of evtchn_close_all. */
#define CLOSE_BATCH 512U

_Static_assert(sizeof(struct evtchn_ports) <= PAGE_SIZE, "allocated as one page");

/* --- Ports --------------------------------------------------------------------------------------- */

/* Makes one more bucket. EVTCHN lock held. */
static int grow(struct evtchn_ports *ports)
{
    uint32_t bucket = ports->count / PORTS_PER_BUCKET;
    struct evtchn_port ***page = &ports->directory[bucket / BUCKETS_PER_PAGE];
    struct evtchn_port *new;

    if (*page == NULL) {
        *page = page_alloc();
    }
    new = *page != NULL ? page_alloc() : NULL;
    if (new == NULL) {
        return -XEN_ENOMEM;
    }
    for (unsigned i = 0; i < PORTS_PER_BUCKET; i++) {
        spin_init(&new[i].lock, LOCK_RANK_EVTCHN_PORT);
    }
    (*page)[bucket % BUCKETS_PER_PAGE] = new;
    __atomic_store_n(&ports->count, ports->count + PORTS_PER_BUCKET, __ATOMIC_RELEASE);
    return 0;
}

static uint32_t port_limit(const struct domain *d)
{
    uint32_t layout = d->evtchn->fifo != NULL ? EVTCHN_FIFO_NR_CHANNELS : evtchn_2l_port_limit(d);

    return MIN(layout - 1, d->evtchn->max_port) + 1;
}

/* Finds a free port, to be opened by port_open(). A closed FIFO port that the guest has not yet taken off
 * its queue is left alone: it would be delivered on the old queue. EVTCHN lock held. */
static int port_find(struct domain *d, uint32_t *port)
{
    struct evtchn_ports *ports = d->evtchn;
    uint32_t limit = port_limit(d), linked = 0;

    if (d->state != DOMAIN_ALIVE) {
        return -XEN_EINVAL;
    }
    for (uint32_t n = ports->first_free; n < limit && linked < MAX_LINKED; n++) {
        if (n >= ports->count) {
            int rc = grow(ports);

            if (rc != 0) {
                return rc;
            }
        }
        if (evtchn_port_at(ports, n)->state != PORT_FREE) {
            continue;
        }
        if (linked == 0) {
            ports->first_free = n;
        }
        if (ports->fifo == NULL || !evtchn_fifo_is_linked(d, n)) {
            *port = n;
            return 0;
        }
        linked++;
    }
    return -XEN_ENOSPC;
}

/* Opens a port that port_find() found. EVTCHN lock held. */
static struct evtchn_port *port_open(struct domain *d, uint32_t n, enum port_state state, uint32_t vcpu)
{
    struct evtchn_port *p = evtchn_port_at(d->evtchn, n);

    lock_assert_held(&d->evtchn->lock);
    spin_lock(&p->lock);
    p->vcpu = (uint8_t)vcpu;
    p->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    p->is_early_pending = false;
    p->state = (uint8_t)state;
    d->evtchn->open_count++;
    if (d->evtchn->first_free == n) {
        d->evtchn->first_free++;
    }
    return p; /* locked, for the caller to fill in the rest */
}

/* Frees an open port. EVTCHN lock and port lock held. */
static void port_free(struct domain *d, uint32_t n, struct evtchn_port *p)
{
    struct evtchn_ports *ports = d->evtchn;

    lock_assert_held(&ports->lock);
    lock_assert_held(&p->lock);
    p->state = PORT_FREE;
    p->remote = NULL;
    p->vcpu = 0;
    if (ports->fifo != NULL) {
        evtchn_fifo_clear_pending(d, n, p);
    } else {
        evtchn_2l_clear_pending(d, n);
    }
    ports->open_count--;
    ports->first_free = MIN(ports->first_free, n);
}

/* The open port n, or NULL. EVTCHN lock or port lock to be held for it to stay so. */
static struct evtchn_port *port_get_open(const struct domain *d, uint32_t n)
{
    struct evtchn_port *p = evtchn_port_at(d->evtchn, n);

    return p != NULL && p->state != PORT_FREE ? p : NULL;
}

uint32_t evtchn_open_count(const struct domain *d)
{
    return READ_ONCE(d->evtchn->open_count);
}

/* --- Opening ------------------------------------------------------------------------------------- */

/* A port without a peer; remote: who may bind to it. */
static int open_single(struct domain *d, enum port_state state, uint32_t vcpu, domid_t remote, uint32_t *port)
{
    struct evtchn_port *p;
    int rc;

    spin_guard(&d->evtchn->lock);
    rc = port_find(d, port);
    if (rc != 0) {
        return rc;
    }
    p = port_open(d, *port, state, vcpu);
    p->remote_domid = remote;
    spin_unlock(&p->lock);
    return 0;
}

int evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port)
{
    return open_single(d, PORT_UNBOUND, 0, remote, port);
}

int evtchn_bind_ipi(struct domain *d, uint32_t vcpu, uint32_t *port)
{
    return domain_vcpu(d, vcpu) != NULL ? open_single(d, PORT_IPI, vcpu, 0, port) : -XEN_ENOENT;
}

/* Both EVTCHN locks held. */
static int bind_pair(struct domain *d, struct domain *remote, uint32_t remote_port, uint32_t *port)
{
    struct evtchn_port *theirs = port_get_open(remote, remote_port);
    struct evtchn_port *ours;
    int rc;

    if (theirs == NULL || theirs->state != PORT_UNBOUND || theirs->remote_domid != d->domid ||
        remote->state != DOMAIN_ALIVE) {
        return -XEN_EINVAL;
    }
    rc = port_find(d, port);
    if (rc != 0) {
        return rc;
    }
    ours = port_open(d, *port, PORT_INTERDOMAIN, 0);
    ours->remote = remote;
    ours->remote_port = remote_port;
    /* The peer may have sent before it was bound: see event_channel.h. */
    evtchn_set_pending(d, *port, ours);
    spin_unlock(&ours->lock);

    spin_lock(&theirs->lock);
    theirs->remote = d;
    theirs->remote_port = *port;
    theirs->state = PORT_INTERDOMAIN;
    spin_unlock(&theirs->lock);
    return 0;
}

int evtchn_bind_interdomain(struct domain *d, domid_t remote, uint32_t remote_port, uint32_t *port)
{
    struct domain *r = domain_get(remote == DOMID_SELF ? d->domid : remote);
    int rc;

    if (r == NULL) {
        return -XEN_ESRCH;
    }
    spin_lock_pair(&d->evtchn->lock, &r->evtchn->lock);
    rc = bind_pair(d, r, remote_port, port);
    spin_unlock_pair(&d->evtchn->lock, &r->evtchn->lock);
    domain_put(r);
    return rc;
}

int evtchn_bind_virq(struct domain *d, uint32_t virq, uint32_t vcpu, uint32_t *port)
{
    struct vcpu *v = domain_vcpu(d, vcpu);
    struct evtchn_port *p;
    int rc;

    if (virq >= NR_VIRQS || (evtchn_virq_is_global(virq) && vcpu != 0)) {
        return -XEN_EINVAL;
    }
    if (v == NULL) {
        return -XEN_ENOENT;
    }
    virq = (uint32_t)index_nospec(virq, NR_VIRQS);
    /* Every global VIRQ tells of the host or of other domains. */
    if (evtchn_virq_is_global(virq) && !d->is_privileged) {
        return -XEN_EPERM;
    }
    spin_guard(&d->evtchn->lock);
    rc = v->virq_to_port[virq] != 0 ? -XEN_EEXIST : port_find(d, port);
    if (rc != 0) {
        return rc;
    }
    p = port_open(d, *port, PORT_VIRQ, vcpu);
    p->virq = virq;
    spin_unlock(&p->lock);
    WRITE_ONCE(v->virq_to_port[virq], *port);
    return 0;
}

/* --- Closing ------------------------------------------------------------------------------------- */

/* Closes port n of d, bound to remote (which may be d); the peer's end waits for a new binding. False
 * if it is not bound so any more. Both EVTCHN locks held. */
static bool close_pair(struct domain *d, uint32_t n, struct domain *remote)
{
    struct evtchn_port *ours = port_get_open(d, n), *theirs;

    if (ours == NULL || ours->state != PORT_INTERDOMAIN || ours->remote != remote) {
        return false;
    }
    theirs = evtchn_port_at(remote->evtchn, ours->remote_port);
    spin_lock_pair(&ours->lock, &theirs->lock);
    port_free(d, n, ours);
    /* A channel from a port to itself does not exist: theirs is another port. */
    theirs->state = PORT_UNBOUND;
    theirs->remote = NULL;
    theirs->remote_domid = d->domid;
    spin_unlock_pair(&ours->lock, &theirs->lock);
    return true;
}

static void close_simple(struct domain *d, uint32_t n, struct evtchn_port *p)
{
    spin_guard(&p->lock);
    if (p->state == PORT_VIRQ) {
        unsigned id = evtchn_virq_is_global(p->virq) ? 0 : p->vcpu;

        WRITE_ONCE(d->vcpus[id]->virq_to_port[p->virq], 0);
    }
    port_free(d, n, p);
}

int evtchn_close(struct domain *d, uint32_t port)
{
    for (bool is_closed = false; !is_closed;) {
        struct domain *remote = NULL;
        struct evtchn_port *p;

        spin_lock(&d->evtchn->lock);
        p = port_get_open(d, port);
        if (p != NULL && p->state != PORT_INTERDOMAIN) {
            close_simple(d, port, p);
        } else if (p != NULL && p->remote == d) {
            close_pair(d, port, d);
        } else if (p != NULL) {
            /* It cannot be gone: before that it closes its end, for which it needs our lock. */
            remote = p->remote;
            domain_ref(remote);
        }
        spin_unlock(&d->evtchn->lock);
        if (remote == NULL) {
            return p != NULL ? 0 : -XEN_EINVAL;
        }
        spin_lock_pair(&d->evtchn->lock, &remote->evtchn->lock);
        is_closed = close_pair(d, port, remote); /* false: the peer closed its end between the locks; look again */
        spin_unlock_pair(&d->evtchn->lock, &remote->evtchn->lock);
        domain_put(remote);
    }
    return 0;
}

/* Closes up to CLOSE_BATCH ports; 0 when the end was reached. */
static int close_some(struct domain *d)
{
    struct evtchn_ports *ports = d->evtchn;
    uint32_t n = READ_ONCE(ports->close_next);
    uint32_t end = MIN(n + CLOSE_BATCH, READ_ONCE(ports->count));

    for (; n < end; n++) {
        evtchn_close(d, n);
    }
    if (n < READ_ONCE(ports->count)) {
        WRITE_ONCE(ports->close_next, n);
        return -XEN_ERESTART;
    }
    WRITE_ONCE(ports->close_next, 1);
    return 0;
}

/* Nothing is left to close. A dying domain, whose destruction restarts often, opens no more. */
static bool is_closed(struct evtchn_ports *ports)
{
    spin_guard(&ports->lock);
    return ports->open_count == 0 && ports->fifo == NULL;
}

/* Ports opened meanwhile are the guest's own race; the layout changes only when none is left. */
int evtchn_reset(struct domain *d)
{
    int rc = close_some(d);

    if (rc != 0) {
        return rc;
    }
    spin_guard(&d->evtchn->lock);
    if (d->evtchn->open_count == 0) {
        evtchn_fifo_destroy(d);
    }
    return 0;
}

int evtchn_close_all(struct domain *d)
{
    int rc;

    if (d->evtchn == NULL || is_closed(d->evtchn)) {
        return 0;
    }
    rc = evtchn_reset(d);
    /* If an unfinished reset had begun in the middle: once more from the start. */
    return rc == 0 && !is_closed(d->evtchn) ? -XEN_ERESTART : rc;
}

/* --- Using --------------------------------------------------------------------------------------- */

int evtchn_bind_vcpu(struct domain *d, uint32_t port, uint32_t vcpu)
{
    struct evtchn_port *p;

    if (domain_vcpu(d, vcpu) == NULL) {
        return -XEN_ENOENT;
    }
    spin_guard(&d->evtchn->lock);
    p = port_get_open(d, port);
    if (p == NULL || p->state == PORT_IPI || (p->state == PORT_VIRQ && !evtchn_virq_is_global(p->virq))) {
        return -XEN_EINVAL;
    }
    WRITE_ONCE(p->vcpu, (uint8_t)vcpu);
    return 0;
}

int evtchn_status(struct domain *d, uint32_t port, struct evtchn_status *status)
{
    static const uint8_t status_of[] = {
        [PORT_FREE] = EVTCHNSTAT_closed,
        [PORT_UNBOUND] = EVTCHNSTAT_unbound,
        [PORT_INTERDOMAIN] = EVTCHNSTAT_interdomain,
        [PORT_VIRQ] = EVTCHNSTAT_virq,
        [PORT_IPI] = EVTCHNSTAT_ipi,
    };
    struct evtchn_port *p = evtchn_port_at(d->evtchn, port);

    if (p == NULL) {
        return -XEN_EINVAL;
    }
    memset(&status->u, 0, sizeof(status->u));
    spin_guard(&p->lock);
    status->status = status_of[p->state];
    status->vcpu = p->vcpu;
    if (p->state == PORT_UNBOUND) {
        status->u.unbound.dom = p->remote_domid;
    } else if (p->state == PORT_INTERDOMAIN) {
        status->u.interdomain.dom = p->remote->domid;
        status->u.interdomain.port = p->remote_port;
    } else if (p->state == PORT_VIRQ) {
        status->u.virq = p->virq;
    }
    return 0;
}

/* --- Life ---------------------------------------------------------------------------------------- */

int evtchn_init_domain(struct domain *d, uint32_t max_port)
{
    struct evtchn_ports *ports = page_alloc();
    int rc;

    if (ports == NULL) {
        return -XEN_ENOMEM;
    }
    spin_init(&ports->lock, LOCK_RANK_EVTCHN);
    ports->max_port = MIN(max_port, EVTCHN_FIFO_NR_CHANNELS - 1U);
    ports->first_free = 1; /* port 0 stays free for ever: it is never valid */
    ports->close_next = 1;
    d->evtchn = ports;
    rc = grow(ports);
    if (rc != 0) {
        evtchn_free_domain(d);
    }
    return rc;
}

void evtchn_free_domain(struct domain *d)
{
    struct evtchn_ports *ports = d->evtchn;

    if (ports == NULL) {
        return;
    }
    BUG_ON(ports->open_count != 0 || ports->fifo != NULL);
    for (uint32_t n = 0; n < ports->count; n += PORTS_PER_BUCKET) {
        page_free(evtchn_port_at(ports, n));
    }
    for (unsigned i = 0; i < PORT_DIRECTORY_SIZE; i++) {
        page_free(ports->directory[i]);
    }
    d->evtchn = NULL;
    page_free(ports);
}
