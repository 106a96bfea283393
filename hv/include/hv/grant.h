/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables: how one domain hands another a key to one of its pages (xen/grant_table.h). Mapped
 * frames are reference counted; a granter's death never frees what a peer still maps.
 */
#pragma once

#include <hv/lock.h>
#include <xen/grant_table.h>
#include <xen/xen.h>

struct domain;
struct vcpu;
struct grant_table; /* core/grant.c's own state of a domain */

/* Limits come from createdomain (max_grant_frames, max_maptrack_frames; 0 frames: none at all). 0,
 * -XEN_EINVAL for limits beyond what a host allows (256 and 1024), or -XEN_ENOMEM. */
int grant_init_domain(struct domain *d, uint32_t max_frames, uint32_t max_maptrack_frames);
/* Unmaps everything that dying domain d has mapped of others, then gives back its own table's frames: bounded: 0 or
 * -XEN_ERESTART. Peers keep what they have mapped. */
int grant_release_mappings(struct domain *d);
/* Frees the table (the domain is unreachable by then, and all its frames unmapped by others). */
void grant_free_domain(struct domain *d);

/* Shared frame number idx, or status frame, with a reference; the table grows to that index if limits allow. For
 * XENMEM_add_to_physmap and acquire_resource. 0, -XEN_EINVAL or -XEN_ENOMEM. */
int grant_get_frame(struct domain *d, uint64_t idx, bool is_status, mfn_t *frame);

/* How many status frames so many shared frames need: 2 bytes for each entry of 16. */
static inline uint32_t grant_status_frames(uint32_t frames)
{
    return (uint32_t)(ROUND_UP(frames * sizeof(grant_status_t), sizeof(union grant_entry_v2)) / sizeof(union grant_entry_v2));
}

/* Number of frames now, and the limit. */
void grant_frame_counts(struct domain *d, uint32_t *frames, uint32_t *max_frames, uint32_t *status_frames);

/* Grows the shared frames to at least frame_count. 0, -XEN_EINVAL beyond the limit, -XEN_ENOMEM. */
int grant_grow(struct domain *d, uint32_t frame_count);

/* The layout of d's table, 1 or 2; setting: 0, -XEN_EINVAL, -XEN_EBUSY while an entry is in use, -XEN_ENODEV without a
 * table, -XEN_ERANGE when a reserved entry cannot be expressed, -XEN_ENOMEM. */
uint32_t grant_get_version(const struct domain *d);
int grant_set_version(struct domain *d, uint32_t version);
/* Swaps two unused entries: GNTST_*. */
int16_t grant_swap(struct domain *d, uint32_t a, uint32_t b);

/* Most requests of one grant_unmap() call. */
#define GRANT_BATCH 16U

/* GNTTABOP_map_grant_ref: fills in op's OUT fields. */
void grant_map(struct domain *mapper, struct domain *granter, struct gnttab_map_grant_ref *op);
/* GNTTABOP_unmap_grant_ref of a batch: when it returns no TLB has the mappings any more. */
void grant_unmap(struct domain *mapper, struct gnttab_unmap_grant_ref *ops, unsigned count);
/* How many mappings of others' grants it holds. */
uint32_t grant_mapped_count(const struct domain *d);
/* GNTTABOP_copy of a batch in the name of d: sets every status. */
void grant_copy(struct domain *d, struct gnttab_copy *ops, unsigned count);

/* hypercall/grant_table_op.c */
long grant_table_op(struct vcpu *v, unsigned cmd, uint64_t arg, unsigned count);
