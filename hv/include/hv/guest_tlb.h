/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks of a vCPU's own page tables that are remembered, for mm/guest_copy.c. Nothing has to be flushed:
 * each use looks whether a new walk would go the same way, see mm/guest_tlb.c.
 */
#pragma once

#include <hv/guest_walk.h>

#define GUEST_TLB_ENTRIES 8U

struct guest_tlb_entry {
    uint64_t linear;    /* page */
    unsigned access;    /* what was asked for (enum guest_walk_access), and TLB_VALID */
    char *page;         /* where it is; only with the p2m lock held */
    struct guest_paging paging;
    uint64_t p2m_changes;
    struct guest_trail trail;
};

struct vcpu;

/* Where the page of `linear` is, for an access; NULL if v may not or it is no RAM. The p2m lock is
 * held, and the page stays as long as it is. */
char *guest_page_locked(struct vcpu *v, uint64_t linear, unsigned access);
