/* SPDX-License-Identifier: Apache-2.0 */
/* What hypercall/memory_op.c (dispatch, reservations) and hypercall/physmap.c (placing pages) share. */
#pragma once

#include <hv/types.h>
#include <xen/xen.h>

struct domain;
struct vcpu;

/* How far an operation had got that comes again, by its command; and to let it, with `done` elements behind it. */
uint64_t memory_op_done(unsigned cmd);
long memory_op_restart(struct vcpu *v, unsigned cmd, uint64_t done);

long memory_op_add_to_physmap(struct vcpu *v, struct domain *d, unsigned cmd, void *arg);
long memory_op_add_to_physmap_batch(struct vcpu *v, struct domain *d, unsigned cmd, void *arg);
long memory_op_remove_from_physmap(struct vcpu *v, struct domain *d, unsigned cmd, void *arg);
long memory_op_acquire_resource(struct vcpu *v, struct domain *d, unsigned cmd, void *arg);
