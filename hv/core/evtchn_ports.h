/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What core/evtchn*.c share: a domain's port space and the two layouts of its pending bits.
 *
 * Locking. ports->lock (rank EVTCHN) is held to open, close or rebind a port; two domains' locks are
 * taken together through spin_lock_pair. A port's own lock (rank EVTCHN_PORT) is held over every
 * use of its binding, so that sending takes no domain lock: whoever closes a port, or the peer of an
 * interdomain pair, takes the port locks of both ends too. fifo->lock (rank EVTCHN_FIFO) protects
 * the queues' tails.
 */
#pragma once

#include <hv/evtchn.h>
#include <hv/vcpu.h>

enum port_state {
    PORT_FREE = 0,
    PORT_UNBOUND,
    PORT_INTERDOMAIN,
    PORT_VIRQ,
    PORT_IPI,
};

struct evtchn_port {
    struct spinlock lock;
    uint8_t state; /* enum port_state */
    uint8_t vcpu;  /* vCPU that is notified */
    uint8_t priority;
    uint8_t queue_vcpu, queue_priority; /* FIFO queue it was last linked on (fifo->lock) */
    bool is_early_pending;              /* FIFO: raised before its event word existed; atomic */
    domid_t remote_domid;               /* PORT_UNBOUND: who may bind */
    struct domain *remote;              /* PORT_INTERDOMAIN: alive as long as the binding */
    uint32_t remote_port;               /* PORT_INTERDOMAIN */
    uint32_t virq;                      /* PORT_VIRQ */
};

_Static_assert(sizeof(struct evtchn_port) == 32, "a page holds 128 ports");

#define PORTS_PER_BUCKET    (PAGE_SIZE / sizeof(struct evtchn_port))
#define BUCKETS_PER_PAGE    (PAGE_SIZE / sizeof(struct evtchn_port *))
#define PORT_DIRECTORY_SIZE (EVTCHN_FIFO_NR_CHANNELS / (PORTS_PER_BUCKET * BUCKETS_PER_PAGE))

_Static_assert(MAX_VCPUS <= 256, "vCPU ids of ports are bytes");

struct evtchn_fifo;

struct evtchn_ports {
    struct spinlock lock; /* protects the fields below and every port's state, see above */
    uint32_t max_port;    /* highest port the domain's configuration allows */
    uint32_t count;       /* ports that have a bucket; only grows */
    uint32_t open_count;  /* ports that are not free */
    uint32_t first_free;  /* no port below is free */
    uint32_t close_next;  /* where evtchn_close_all goes on */
    struct evtchn_port **directory[PORT_DIRECTORY_SIZE]; /* pages of bucket addresses */
    struct evtchn_fifo *fifo;                            /* NULL: the 2-level layout */
    unsigned long pollers[BITMAP_LONGS(MAX_VCPUS)];      /* vCPUs in SCHEDOP_poll; atomic */
};

/* Port n, or NULL beyond those that have a bucket. Needs no lock: buckets stay until the end. */
static inline struct evtchn_port *evtchn_port_at(const struct evtchn_ports *ports, uint32_t n)
{
    uint32_t count = __atomic_load_n(&ports->count, __ATOMIC_ACQUIRE), bucket;

    if (unlikely(n >= count)) {
        return NULL;
    }
    n = (uint32_t)index_nospec(n, count);
    bucket = n / PORTS_PER_BUCKET;
    return &ports->directory[bucket / BUCKETS_PER_PAGE][bucket % BUCKETS_PER_PAGE]
                            [n % PORTS_PER_BUCKET];
}

/* A VIRQ of the host or of other domains; the others are each vCPU's own. */
static inline bool evtchn_virq_is_global(uint32_t virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

/* Raises port n of d, whose binding is held still. */
void evtchn_set_pending(struct domain *d, uint32_t n, struct evtchn_port *p);

/* Sets v's evtchn_upcall_pending; delivers the upcall when it was clear. */
void evtchn_upcall(struct vcpu *v);

/* The two layouts. set_pending and unmask: port lock or the domain's EVTCHN lock held; set_pending
 * returns whether the port was not pending before. */
uint32_t evtchn_2l_port_limit(const struct domain *d);
bool evtchn_2l_set_pending(struct domain *d, uint32_t n, const struct evtchn_port *p);
void evtchn_2l_clear_pending(struct domain *d, uint32_t n);
bool evtchn_2l_is_pending(const struct domain *d, uint32_t n);
void evtchn_2l_unmask(struct domain *d, uint32_t n, const struct evtchn_port *p);
/* Every selector bit of v is set and the upcall raised: the guest looks at all its ports. */
void evtchn_2l_renotify(struct vcpu *v);

bool evtchn_fifo_set_pending(struct domain *d, uint32_t n, struct evtchn_port *p);
void evtchn_fifo_clear_pending(struct domain *d, uint32_t n, struct evtchn_port *p);
bool evtchn_fifo_is_pending(const struct domain *d, uint32_t n, const struct evtchn_port *p);
void evtchn_fifo_unmask(struct domain *d, uint32_t n, struct evtchn_port *p);
/* Whether the guest has not consumed port n's queue entry yet. */
bool evtchn_fifo_is_linked(const struct domain *d, uint32_t n);
/* Back to 2-level: all ports closed. EVTCHN lock held. */
void evtchn_fifo_destroy(struct domain *d);
