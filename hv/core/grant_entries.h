/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What core/grant*.c share: a domain's grant table in both layouts, and the hold on a granted frame.
 *
 * Locking. table->lock (rank GRANT) protects what a granter has (frames, holds, version);
 * table->track_lock (same rank) protects what a mapper has (its handles). No two of them are ever
 * held together: a mapping takes them one after the other, as docs/locking.md tells.
 */
#pragma once

#include <hv/domain.h>
#include <hv/grant.h>

#define GRANT_MAX_FRAMES     256U
#define GRANT_MAX_MAPTRACK   1024U
#define GRANT_V1_PER_FRAME   (PAGE_SIZE / sizeof(struct grant_entry_v1))
#define GRANT_V2_PER_FRAME   (PAGE_SIZE / sizeof(union grant_entry_v2))
#define GRANT_STATUS_PER_FRAME (PAGE_SIZE / sizeof(grant_status_t))
#define GRANT_MAX_STATUS     (GRANT_MAX_FRAMES * GRANT_V2_PER_FRAME / GRANT_STATUS_PER_FRAME)

/* Who uses an entry now: mappings and running copies. Hypervisor's own, the guest cannot reach it. */
struct grant_use {
    uint32_t mfn;              /* the frame, while anyone uses it */
    uint32_t readers, writers;
    domid_t domid;             /* the grantee */
    uint16_t unused;
};

_Static_assert(sizeof(struct grant_use) == 16, "two pages cover a v1 frame");

#define GRANT_USES_PER_PAGE  (PAGE_SIZE / sizeof(struct grant_use))
#define GRANT_USE_PAGES_PER_FRAME (GRANT_V1_PER_FRAME / GRANT_USES_PER_PAGE)

/* A handle of a mapper. */
struct grant_track {
    struct domain *granter; /* referenced while mapped */
    uint64_t gfn;           /* where it is mapped */
    uint32_t ref;
    uint32_t mfn;
    uint32_t flags;         /* GNTMAP_* still in force; 0: free, reserved, or being unmapped */
    uint32_t next_free;     /* free list, as handle + 1 */
};

_Static_assert(sizeof(struct grant_track) == 32, "a page holds 128 handles");

#define GRANT_TRACKS_PER_PAGE (PAGE_SIZE / sizeof(struct grant_track))

struct grant_table {
    struct spinlock lock;
    uint32_t version; /* 1 or 2 */
    uint32_t max_frames, frame_count, status_count;
    void *frames[GRANT_MAX_FRAMES];               /* shared with the guest */
    grant_status_t *status[GRANT_MAX_STATUS];     /* version 2: shared with the guest */
    struct grant_use **uses;                      /* a page of page addresses */

    struct spinlock track_lock;
    uint32_t max_track_pages, track_pages;
    uint32_t first_free_track;                    /* handle + 1, 0: none */
    uint32_t mapped_count;                        /* handles in use */
    uint32_t release_next;                        /* where grant_release_mappings goes on */
    struct grant_track **tracks[GRANT_MAX_MAPTRACK * sizeof(void *) / PAGE_SIZE];
};

_Static_assert(GRANT_MAX_FRAMES * GRANT_USE_PAGES_PER_FRAME * sizeof(void *) <= PAGE_SIZE, "uses");

/* A granted frame in use: bytes [start, end) of it are granted. */
struct grant_hold {
    mfn_t mfn;
    uint16_t start, end;
};

/* Checks that the granter lets `grantee` use ref so, marks the entry as in use and takes a reference on the
 * frame. is_part_fine: a sub-page grant will do (copies). GNTST_okay or a GNTST_* error. */
int16_t grant_hold(struct domain *granter, uint32_t ref, domid_t grantee, bool is_write, bool is_part_fine,
                   struct grant_hold *hold);
/* Ends a use. The reference on the frame stays for the caller to drop. */
void grant_unhold(struct domain *granter, uint32_t ref, bool is_write);

/* Gives back the frames that are shared with the guest: nothing is granted any more, what is in use
 * stays in use. They count as the domain's, so a dead domain could not go before. */
void grant_release_table(struct domain *d);

void grant_track_init(struct grant_table *t, uint32_t max_frames);
void grant_track_free(struct grant_table *t);
