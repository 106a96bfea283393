/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables: how one domain hands another a key to one of its pages (xen/grant_table.h). Mapped
 * frames are reference counted; a granter's death never frees what a peer still maps.
 */
#pragma once

#include <hv/lock.h>
#include <hv/types.h>
#include <xen/grant_table.h>
#include <xen/xen.h>

struct domain;
struct vcpu;
struct grant_table; /* core/grant.c's own state of a domain */

/* Limits come from createdomain (max_grant_frames, max_maptrack_frames; 0 frames: none at all). 0 or
 * -XEN_ENOMEM. */
int grant_init_domain(struct domain *d, uint32_t max_frames, uint32_t max_maptrack_frames);
/* Unmaps everything that dying domain d has mapped of others: bounded: 0 or -XEN_ERESTART. */
int grant_release_mappings(struct domain *d);
/* Frees the table (the domain is unreachable by then, and all its frames unmapped by others). */
void grant_free_domain(struct domain *d);
/* Sets new limits (XEN_DOMCTL_set_gnttab_limits). */
int grant_set_limits(struct domain *d, uint32_t max_frames, uint32_t max_maptrack_frames);

/* Frame number idx of the shared (or with XENMAPIDX_grant_table_status, the status) frames, grown to
 * that index if limits allow, for XENMEM_add_to_physmap and acquire_resource. Takes a reference. 0
 * or -XEN_EINVAL / -XEN_ENOMEM. */
int grant_get_shared_frame(struct domain *d, uint64_t idx, mfn_t *frame);
int grant_get_status_frame(struct domain *d, uint64_t idx, mfn_t *frame);
/* Number of frames now, and the limit. */
void grant_frame_counts(struct domain *d, uint32_t *frames, uint32_t *max_frames, uint32_t *status_frames);

/* hypercall/grant_table_op.c */
long grant_table_op(struct vcpu *v, unsigned cmd, uint64_t arg, unsigned count);
