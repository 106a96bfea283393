/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 2-level layout (xen/xen.h, struct shared_info): a bit a port in evtchn_pending and evtchn_mask,
 * and a selector word a vCPU with a bit for each word of evtchn_pending. 4096 ports, or 1024 in
 * a 32-bit guest's layout. The guest writes all of it; we only ever test and change single bits.
 */
#include "evtchn_ports.h"

/* The 32-bit layout has 32 words of 32 bits a bitmap and its selector right behind the upcall bytes. */
#define COMPAT_PORTS           1024U
#define COMPAT_WORD_BITS       32U
#define COMPAT_SELECTOR_OFFSET 4U

_Static_assert(EVTCHN_2L_NR_CHANNELS == 4096, "64 words of 64 bits");

uint32_t evtchn_2l_port_limit(const struct domain *d)
{
    return d->is_32bit ? COMPAT_PORTS : EVTCHN_2L_NR_CHANNELS;
}

static unsigned long *pending_map(const struct domain *d)
{
    return d->shared_info->evtchn_pending;
}

static unsigned long *mask_map(const struct domain *d)
{
    return d->is_32bit ? pending_map(d) + COMPAT_PORTS / BITS_PER_LONG : d->shared_info->evtchn_mask;
}

static uint32_t *compat_selector(const struct vcpu *v)
{
    return (uint32_t *)((char *)v->vcpu_info + COMPAT_SELECTOR_OFFSET);
}

/* Sets the selector bit of port n; returns whether it was set before. */
static bool select_port(struct vcpu *v, uint32_t n)
{
    uint32_t bit = 1u << (n / COMPAT_WORD_BITS % COMPAT_WORD_BITS);

    return v->domain->is_32bit ? __atomic_fetch_or(compat_selector(v), bit, __ATOMIC_SEQ_CST) & bit
                               : bit_test_and_set_atomic(&v->vcpu_info->evtchn_pending_sel, n / BITS_PER_LONG);
}

static void notify(struct domain *d, uint32_t n, const struct evtchn_port *p)
{
    struct vcpu *v = d->vcpus[READ_ONCE(p->vcpu)];

    if (v != NULL && !select_port(v, n)) {
        evtchn_upcall(v);
    }
}

bool evtchn_2l_set_pending(struct domain *d, uint32_t n, const struct evtchn_port *p)
{
    if (n >= evtchn_2l_port_limit(d) || bit_test_and_set_atomic(pending_map(d), n)) {
        return false;
    }
    if (!bit_test(mask_map(d), n)) {
        notify(d, n, p);
    }
    return true;
}

void evtchn_2l_clear_pending(struct domain *d, uint32_t n)
{
    if (n < evtchn_2l_port_limit(d)) {
        bit_test_and_clear_atomic(pending_map(d), n);
    }
}

bool evtchn_2l_is_pending(const struct domain *d, uint32_t n)
{
    return n < evtchn_2l_port_limit(d) && bit_test(pending_map(d), n);
}

void evtchn_2l_unmask(struct domain *d, uint32_t n, const struct evtchn_port *p)
{
    if (n < evtchn_2l_port_limit(d) && bit_test_and_clear_atomic(mask_map(d), n) && bit_test(pending_map(d), n)) {
        notify(d, n, p);
    }
}

void evtchn_2l_renotify(struct vcpu *v)
{
    if (v->domain->is_32bit) {
        __atomic_store_n(compat_selector(v), ~0u, __ATOMIC_SEQ_CST);
    } else {
        __atomic_store_n(&v->vcpu_info->evtchn_pending_sel, ~0UL, __ATOMIC_SEQ_CST);
    }
}
