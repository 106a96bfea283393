/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine frames: one struct frame for each 4 KiB of host RAM says who owns it and how many
 * references keep it. The allocator is a buddy heap a NUMA node. A frame goes back to the heap
 * when its last reference is dropped, and is scrubbed before anyone else can get it.
 */
#pragma once

#include <hv/types.h>
#include <xen/xen.h>

struct domain;

#define MAX_ORDER   ORDER_1G
#define MAX_NODES   16U
#define NODE_ANY    (~0U)

enum frame_state {
    FRAME_RESERVED = 0, /* not RAM, firmware's, or the boot image: nobody's to give */
    FRAME_FREE,         /* in the heap */
    FRAME_HV,           /* the hypervisor's own: in nobody's p2m */
    FRAME_SHARED,       /* the hypervisor's, shown to a domain: shared_info, grant frames */
    FRAME_GUEST,        /* a domain's RAM */
};

/* What is in a free frame. */
enum frame_contents {
    FRAME_CLEAN, /* zeros */
    FRAME_DIRTY, /* what its last owner left: idle CPUs scrub it */
    FRAME_STALE, /* what was there at power-on, and nobody has touched since */
    FRAME_CONTENTS,
};

struct frame {
    uint32_t refs;  /* 0: free. Changed atomically. The p2m entry or the hypervisor holds one */
    uint16_t owner; /* domid of a FRAME_GUEST or FRAME_SHARED frame; order of a free block's head */
    uint8_t state : 4; /* enum frame_state */
    uint8_t contents : 2; /* enum frame_contents, of a free block's head */
    uint8_t head : 1;  /* head of a free block */
    uint8_t node;
    uint32_t next, prev; /* free list links, as frame indexes */
};

_Static_assert(sizeof(struct frame) == 16, "the frame table costs 0.4% of RAM");

/* The frame table, indexed by mfn below frame_limit. */
extern struct frame *frame_table;
extern uint64_t frame_limit;

/* Whether the mfn is host RAM that has a struct frame. */
static inline bool mfn_valid(mfn_t m)
{
    return m.n < frame_limit;
}

static inline struct frame *frame_of(mfn_t m)
{
    return &frame_table[m.n];
}

/* The smallest order whose block holds so many bytes. */
static inline unsigned order_of(size_t bytes)
{
    unsigned order = 0;

    while (PAGE_SIZE << order < bytes) {
        order++;
    }
    return order;
}

/* Sets up the frame table for [0, limit) frames, all RESERVED; `table` is zeroed memory. */
void frame_init(struct frame *table, uint64_t limit);

/* Gives the heap the RAM frames [start, end) of a node. */
void frame_add_range(mfn_t start, mfn_t end, unsigned node, enum frame_contents contents);

/* 2^order zeroed frames for the hypervisor itself, on `node` or any; MFN_NONE if there are none.
 * What is larger than 2 MiB comes of clean blocks alone: scrubbing it here would take too long. */
mfn_t frame_alloc_hv(unsigned order, unsigned node);
void frame_free_hv(mfn_t m, unsigned order);

/* One zeroed page for the hypervisor, by its address; NULL if there is none. */
void *page_alloc(void);
void page_free(void *page);

/* The same for the domain, each frame with one reference (for the p2m entry), counted in d->frames_owned. With
 * NODE_ANY the nodes of d->memory_nodes come before others. MFN_NONE if there are none, or the domain would have
 * more than its frames_max. */
mfn_t frame_alloc_guest(struct domain *d, unsigned order, unsigned node);
/* Takes back what was allocated just now and shown to nobody. */
void frame_free_guest(mfn_t m, unsigned order);

/* Gives an existing page of the hypervisor's to be mapped by a domain (shared_info and such), or by whoever
 * is privileged (DOMID_XEN): state becomes FRAME_SHARED with the hypervisor's reference kept. */
void frame_share(mfn_t m, domid_t owner);

/* One more reference on a frame on which the caller knows one to be held. */
void frame_ref(mfn_t m);

/* Whether the frame is RAM that references keep (and not device memory or the heap's). */
static inline bool frame_is_counted(mfn_t m)
{
    return mfn_valid(m) && (frame_of(m)->state == FRAME_GUEST || frame_of(m)->state == FRAME_SHARED);
}

/* Whether the frame is d's own RAM: nothing that it maps of others, nothing shared. */
static inline bool frame_is_domains(mfn_t m, domid_t domid)
{
    return mfn_valid(m) && frame_of(m)->state == FRAME_GUEST && frame_of(m)->owner == domid;
}

/* dom0's identity-mapped RAM, boot only. carve: takes what is free of [start, end) out of the heap and makes it
 * d's, one reference a frame, contents as they are; returns how many. adopt: the same for one RESERVED
 * frame that never was the heap's (below 1 MiB); false if it is not. */
uint64_t frame_carve_range(struct domain *d, mfn_t start, mfn_t end);
bool frame_adopt(struct domain *d, mfn_t m);

/* Drops a reference. With the last one the frame is accounted back to its domain and freed. */
void frame_put(mfn_t m);

static inline void frame_put_any(mfn_t m) /* unless it is MFN_NONE */
{
    if (!mfn_is_none(m)) {
        frame_put(m);
    }
}

/* The heap's frames, of one node or of all. */
struct frame_stats {
    uint64_t total, free;
    uint64_t dirty; /* of these, that wait for an idle CPU */
};
struct frame_stats frame_stats(unsigned node);
/* The nodes that have any, a bit for each. */
uint32_t frame_nodes(void);

/* Idle CPUs scrub from now on. Not before dom0 has its memory: what is being scrubbed is not free for a moment, and
 * would be missing in the ranges that dom0's kernel wants. */
extern bool frame_scrubs_when_idle;

/* Scrubs up to `limit` free frames, first on first_node: dirty ones, and stale ones where little is
 * clean; returns how many it did. Called by idle CPUs. */
uint64_t frame_scrub_some(unsigned first_node, uint64_t limit);
