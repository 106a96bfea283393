/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HVM context of a domain: the records of <xen/hvm/save.h> in which a toolstack gives a new domain
 * its start state and carries a running one elsewhere. Every function wants the domain paused,
 * all its vCPUs off their CPUs.
 */
#pragma once

#include <hv/types.h>

struct domain;
struct vcpu;

/* Bytes that a save can take at most, the end record included. */
size_t hvm_context_size(const struct domain *d);

/* Writes all records in order to the caller's linear address, at most *size bytes; *size: how many were written.
 * 0, -XEN_ENOSPC when they are more, -XEN_EFAULT, -XEN_ENOMEM. */
int hvm_context_save(struct domain *d, struct vcpu *caller, uint64_t address, uint32_t *size);

/* One record's body into buffer (a page): its length, or -XEN_ENOENT when there is no such record. */
int hvm_context_save_one(struct domain *d, unsigned type, unsigned instance, void *buffer);

/* Reads records from the caller's linear address up to the end record within size bytes: all are checked before the
 * first is applied. 0; -XEN_EINVAL for a malformed, unknown or misplaced record, or one whose values the processor
 * would refuse; -XEN_EFAULT, -XEN_ENOMEM. */
int hvm_context_load(struct domain *d, struct vcpu *caller, uint64_t address, size_t size);
