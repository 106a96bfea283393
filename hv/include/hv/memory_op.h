/* SPDX-License-Identifier: Apache-2.0 */
/* What hypercall/memory_op.c (dispatch, reservations) and hypercall/physmap.c (placing pages) share. */
#pragma once

#include <hv/types.h>
#include <xen/xen.h>

struct vcpu;

/* The operation `cmd` is to come again with `done` elements behind it. */
long memory_op_restart(struct vcpu *v, unsigned cmd, uint64_t done);

long memory_op_add_to_physmap(struct vcpu *v, uint64_t arg);
long memory_op_add_to_physmap_batch(struct vcpu *v, uint64_t start, uint64_t arg);
long memory_op_remove_from_physmap(struct vcpu *v, uint64_t arg);
long memory_op_acquire_resource(struct vcpu *v, uint64_t start, uint64_t arg);
