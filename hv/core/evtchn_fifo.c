/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The FIFO layout (xen/event_channel.h): an event word a port in an array of guest pages, and for each
 * vCPU a control block with the heads of 16 queues, one a priority. A raised, unmasked port is
 * appended to its vCPU's queue by writing its number into the LINK field of the queue's tail, or, when
 * the guest has already consumed the tail, into the head.
 *
 * The guest shares and may destroy all of this at any time. So the tails are kept here, LINK fields
 * and heads are only written, never followed, and loops against a word that keeps changing end.
 */
#include "evtchn_ports.h"

#include <hv/arch/cpu.h>
#include <hv/frame.h>
#include <hv/print.h>

#define WORD_PENDING (1u << EVTCHN_FIFO_PENDING)
#define WORD_MASKED  (1u << EVTCHN_FIFO_MASKED)
#define WORD_LINKED  (1u << EVTCHN_FIFO_LINKED)
#define WORD_BUSY    (1u << EVTCHN_FIFO_BUSY)

#define WORDS_PER_PAGE  (PAGE_SIZE / sizeof(event_word_t))
#define ARRAY_PAGES     (EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE)
#define VCPUS_PER_GROUP 32U

/* Tries before BUSY asks the guest to leave the word alone, and all tries. */
#define LINK_TRIES_POLITE 4U
#define LINK_TRIES        16U

/* A vCPU's queues; v->fifo points to it once the guest gave the control block. */
struct fifo_vcpu {
    struct evtchn_fifo_control_block *control; /* guest page, a reference is held */
    uint32_t tails[EVTCHN_FIFO_MAX_QUEUES];    /* port last appended, 0: none */
};

_Static_assert(VCPUS_PER_GROUP * sizeof(struct fifo_vcpu) <= PAGE_SIZE, "a group is a page");

struct evtchn_fifo {
    struct spinlock lock;             /* protects tails and every port's queue_vcpu and queue_priority */
    uint32_t array_count;             /* EVTCHN lock */
    event_word_t *array[ARRAY_PAGES]; /* guest pages, a reference each is held */
    struct fifo_vcpu *groups[MAX_VCPUS / VCPUS_PER_GROUP];
};

_Static_assert(sizeof(struct evtchn_fifo) <= PAGE_SIZE, "allocated as one page");

static event_word_t *word_of(const struct evtchn_fifo *fifo, uint32_t n)
{
    event_word_t *page = __atomic_load_n(&fifo->array[n / WORDS_PER_PAGE], __ATOMIC_ACQUIRE);

    return page != NULL ? &page[n % WORDS_PER_PAGE] : NULL;
}

/* Makes a queue's tail point to port n. False when the guest has already consumed the tail (or plays
 * with the word: then n is put at the head, and only its own queue is in disorder). */
static bool link_behind(const struct domain *d, event_word_t *word, uint32_t n)
{
    event_word_t old = __atomic_load_n(word, __ATOMIC_RELAXED);

    for (unsigned try = 0; try < LINK_TRIES; try++) {
        if (!(old & WORD_LINKED)) {
            if (old & WORD_BUSY) {
                __atomic_fetch_and(word, ~WORD_BUSY, __ATOMIC_SEQ_CST);
            }
            return false;
        }
        if (__atomic_compare_exchange_n(word, &old, (old & ~(WORD_BUSY | EVTCHN_FIFO_LINK_MASK)) | n,
                                        false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            return true;
        }
        if (try == LINK_TRIES_POLITE) {
            old = __atomic_or_fetch(word, WORD_BUSY, __ATOMIC_SEQ_CST);
        }
    }
    __atomic_fetch_and(word, ~WORD_BUSY, __ATOMIC_SEQ_CST);
    printk_guest("d%u: event word before port %u does not hold still", d->domid, n);
    return false;
}

/* n leaves the queue it was on before, if it goes to another: as that queue's tail it was its last entry, and
 * the guest has consumed it. */
static void change_queue(struct evtchn_fifo *fifo, uint32_t n, struct evtchn_port *p, const struct vcpu *v,
                         uint8_t priority)
{
    struct fifo_vcpu *group = fifo->groups[p->queue_vcpu / VCPUS_PER_GROUP];

    if (p->queue_vcpu == v->id && p->queue_priority == priority) {
        return;
    }
    if (group != NULL) {
        uint32_t *tail = &group[p->queue_vcpu % VCPUS_PER_GROUP].tails[p->queue_priority];

        if (*tail == n) {
            *tail = 0;
        }
    }
    p->queue_vcpu = (uint8_t)v->id;
    p->queue_priority = priority;
}

/* Appends port n, pending and unmasked, to the queue of its vCPU and priority. Nothing happens when it is
 * linked already, or when the vCPU has no control block yet (evtchn_init_control will come here). */
static void link_port(struct domain *d, uint32_t n, struct evtchn_port *p, event_word_t *word)
{
    struct evtchn_fifo *fifo = d->evtchn->fifo;
    struct vcpu *v = d->vcpus[READ_ONCE(p->vcpu)];
    struct fifo_vcpu *queues = v != NULL ? __atomic_load_n((struct fifo_vcpu **)&v->fifo,
                                                           __ATOMIC_ACQUIRE) : NULL;
    uint8_t priority = READ_ONCE(p->priority);
    uint32_t tail;
    bool is_behind;

    if (queues == NULL) {
        return;
    }
    spin_lock(&fifo->lock);
    if (__atomic_fetch_or(word, WORD_LINKED, __ATOMIC_SEQ_CST) & WORD_LINKED) {
        spin_unlock(&fifo->lock);
        return;
    }
    change_queue(fifo, n, p, v, priority);
    tail = queues->tails[priority];
    is_behind = tail != 0 && tail != n && link_behind(d, word_of(fifo, tail), n);
    if (!is_behind) {
        WRITE_ONCE(queues->control->head[priority], n);
    }
    queues->tails[priority] = n;
    spin_unlock(&fifo->lock);

    if (!is_behind &&
        !(__atomic_fetch_or(&queues->control->ready, 1u << priority, __ATOMIC_SEQ_CST) & (1u << priority))) {
        evtchn_upcall(v);
    }
}

bool evtchn_fifo_set_pending(struct domain *d, uint32_t n, struct evtchn_port *p)
{
    event_word_t *word = word_of(d->evtchn->fifo, n);
    event_word_t old;

    if (unlikely(word == NULL)) {
        bool was_pending = __atomic_exchange_n(&p->is_early_pending, true, __ATOMIC_SEQ_CST);

        /* evtchn_expand_array sets the word, then looks at the flag. */
        word = word_of(d->evtchn->fifo, n);
        if (word == NULL) {
            return !was_pending;
        }
        __atomic_store_n(&p->is_early_pending, false, __ATOMIC_SEQ_CST);
    }
    old = __atomic_fetch_or(word, WORD_PENDING, __ATOMIC_SEQ_CST);
    if (!(old & (WORD_MASKED | WORD_LINKED))) {
        link_port(d, n, p, word);
    }
    return !(old & WORD_PENDING);
}

void evtchn_fifo_clear_pending(struct domain *d, uint32_t n, struct evtchn_port *p)
{
    event_word_t *word = word_of(d->evtchn->fifo, n);

    p->is_early_pending = false;
    if (word != NULL) {
        __atomic_fetch_and(word, ~WORD_PENDING, __ATOMIC_SEQ_CST);
    }
}

bool evtchn_fifo_is_pending(const struct domain *d, uint32_t n, const struct evtchn_port *p)
{
    event_word_t *word = word_of(d->evtchn->fifo, n);

    return word != NULL ? READ_ONCE(*word) & WORD_PENDING : READ_ONCE(p->is_early_pending);
}

bool evtchn_fifo_is_linked(const struct domain *d, uint32_t n)
{
    event_word_t *word = word_of(d->evtchn->fifo, n);

    return word != NULL && (READ_ONCE(*word) & WORD_LINKED);
}

void evtchn_fifo_unmask(struct domain *d, uint32_t n, struct evtchn_port *p)
{
    event_word_t *word = word_of(d->evtchn->fifo, n);

    if (word == NULL) {
        return;
    }
    if ((__atomic_fetch_and(word, ~WORD_MASKED, __ATOMIC_SEQ_CST) & (WORD_PENDING | WORD_LINKED)) ==
        WORD_PENDING) {
        link_port(d, n, p, word);
    }
}

/* Our mapping of d's own RAM page at frame g, a reference taken; NULL if it is not that. */
static void *pin_page(struct domain *d, uint64_t g)
{
    mfn_t m = p2m_get_own_frame(d, gfn(g), true);

    return mfn_is_none(m) ? NULL : mfn_to_virt(m);
}

static void unpin_page(void *page)
{
    frame_put(virt_to_mfn((void *)((uintptr_t)page & PAGE_MASK)));
}

/* Switches d to FIFO. What is pending in the 2-level bitmap is carried over, after the switch: see
 * evtchn_set_pending(). EVTCHN lock held. */
static int switch_to_fifo(struct domain *d)
{
    struct evtchn_ports *ports = d->evtchn;
    struct evtchn_fifo *fifo = page_alloc();

    lock_assert_held(&ports->lock);
    if (fifo == NULL) {
        return -XEN_ENOMEM;
    }
    spin_init(&fifo->lock, LOCK_RANK_EVTCHN_FIFO);
    __atomic_store_n(&ports->fifo, fifo, __ATOMIC_SEQ_CST);
    for (uint32_t n = 1; n < ports->count; n++) {
        struct evtchn_port *p = evtchn_port_at(ports, n);

        if (p->state != PORT_FREE && evtchn_2l_is_pending(d, n)) {
            evtchn_fifo_set_pending(d, n, p); /* early: there are no words yet */
        }
    }
    return 0;
}

/* The queues of vCPU v, empty, with their control block. EVTCHN lock held. */
static int attach_control(struct evtchn_fifo *fifo, struct vcpu *v, void *page, uint32_t offset)
{
    struct fifo_vcpu **group = &fifo->groups[v->id / VCPUS_PER_GROUP];
    struct fifo_vcpu *queues;

    if (*group == NULL) {
        *group = page_alloc();
        if (*group == NULL) {
            return -XEN_ENOMEM;
        }
    }
    queues = &(*group)[v->id % VCPUS_PER_GROUP];
    queues->control = (struct evtchn_fifo_control_block *)((char *)page + offset);
    __atomic_store_n((struct fifo_vcpu **)&v->fifo, queues, __ATOMIC_SEQ_CST);
    return 0;
}

/* Links what was raised for v before it had queues. EVTCHN lock held: no port can go. */
static void link_waiting(struct domain *d, const struct vcpu *v)
{
    struct evtchn_ports *ports = d->evtchn;

    for (uint32_t n = 1; n < ports->count; n++) {
        struct evtchn_port *p = evtchn_port_at(ports, n);
        event_word_t *word;

        if (p->state == PORT_FREE || READ_ONCE(p->vcpu) != v->id) {
            continue;
        }
        word = word_of(ports->fifo, n);
        if (word != NULL &&
            (READ_ONCE(*word) & (WORD_PENDING | WORD_MASKED | WORD_LINKED)) == WORD_PENDING) {
            link_port(d, n, p, word);
        }
    }
}

static int give_queues(struct domain *d, struct vcpu *v, void *page, uint32_t offset)
{
    int rc;

    spin_guard(&d->evtchn->lock);
    if (v->fifo != NULL || d->state != DOMAIN_ALIVE) {
        return -XEN_EINVAL;
    }
    rc = d->evtchn->fifo == NULL ? switch_to_fifo(d) : 0;
    rc = rc != 0 ? rc : attach_control(d->evtchn->fifo, v, page, offset);
    if (rc == 0) {
        link_waiting(d, v);
    }
    return rc;
}

int evtchn_init_control(struct domain *d, uint32_t vcpu, uint64_t control_gfn, uint32_t offset)
{
    struct vcpu *v = domain_vcpu(d, vcpu);
    void *page;
    int rc;

    if (v == NULL) {
        return -XEN_ENOENT;
    }
    if (offset % sizeof(uint64_t) != 0 || offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block)) {
        return -XEN_EINVAL;
    }
    page = pin_page(d, control_gfn);
    if (page == NULL) {
        return -XEN_EINVAL;
    }
    rc = give_queues(d, v, page, offset);
    if (rc != 0) {
        unpin_page(page);
    }
    return rc;
}

/* Delivers what was raised for the ports of the array's new page before it was there. */
static void raise_early(struct domain *d, uint32_t first)
{
    struct evtchn_ports *ports = d->evtchn;

    for (uint32_t n = first; n < MIN(first + WORDS_PER_PAGE, ports->count); n++) {
        struct evtchn_port *p = evtchn_port_at(ports, n);

        if (p->state != PORT_FREE && __atomic_exchange_n(&p->is_early_pending, false, __ATOMIC_SEQ_CST)) {
            evtchn_fifo_set_pending(d, n, p);
        }
    }
}

int evtchn_expand_array(struct domain *d, uint64_t array_gfn)
{
    struct evtchn_ports *ports = d->evtchn;
    void *page = pin_page(d, array_gfn);
    struct evtchn_fifo *fifo;
    int rc = 0;

    spin_lock(&ports->lock);
    fifo = ports->fifo;
    if (fifo == NULL) {
        rc = -XEN_ENOSYS;
    } else if (fifo->array_count == ARRAY_PAGES) {
        rc = -XEN_ENOSPC;
    } else if (page == NULL || d->state != DOMAIN_ALIVE) {
        rc = -XEN_EINVAL;
    } else {
        uint32_t index = fifo->array_count++;

        __atomic_store_n(&fifo->array[index], page, __ATOMIC_SEQ_CST);
        raise_early(d, index * WORDS_PER_PAGE);
    }
    spin_unlock(&ports->lock);
    if (rc != 0 && page != NULL) {
        unpin_page(page);
    }
    return rc;
}

int evtchn_set_priority(struct domain *d, uint32_t port, uint32_t priority)
{
    struct evtchn_ports *ports = d->evtchn;
    struct evtchn_port *p = evtchn_port_at(ports, port);

    if (p == NULL || port == 0) {
        return -XEN_EINVAL;
    }
    spin_guard(&ports->lock);
    if (ports->fifo == NULL) {
        return -XEN_ENOSYS;
    }
    if (priority > EVTCHN_FIFO_PRIORITY_MIN || p->state == PORT_FREE) {
        return -XEN_EINVAL;
    }
    WRITE_ONCE(p->priority, (uint8_t)priority);
    return 0;
}

void evtchn_fifo_destroy(struct domain *d)
{
    struct evtchn_fifo *fifo = d->evtchn->fifo;

    if (fifo == NULL) {
        return;
    }
    d->evtchn->fifo = NULL;
    for (unsigned id = 0; id < MAX_VCPUS; id++) {
        struct fifo_vcpu *queues = d->vcpus[id] != NULL ? d->vcpus[id]->fifo : NULL;

        if (queues != NULL) {
            d->vcpus[id]->fifo = NULL;
            unpin_page(queues->control);
        }
    }
    for (unsigned i = 0; i < fifo->array_count; i++) {
        unpin_page(fifo->array[i]);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(fifo->groups); i++) {
        if (fifo->groups[i] != NULL) {
            page_free(fifo->groups[i]);
        }
    }
    page_free(fifo);
}
