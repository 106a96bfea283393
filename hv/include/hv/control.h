/* SPDX-License-Identifier: Apache-2.0 */
/* What HYPERVISOR_domctl and HYPERVISOR_sysctl have in common: one control operation at a time. */
#pragma once

#include <hv/lock.h>
#include <xen/xen.h>

struct vcpu;

/* Rank CONTROL. Taken by spin_trylock() only: a holder may wait for another CPU to leave its guest, so
 * none may wait for the holder inside a hypercall. */
extern struct spinlock control_lock;

/* How a control operation begins: copies the structure of `size` bytes in, checks its version and the caller, and
 * takes the lock. 0, -XEN_EFAULT, -XEN_EACCES, -XEN_EPERM, or HYPERCALL_RESTART while another CPU has the lock. */
long control_begin(struct vcpu *v, void *op, size_t size, uint32_t version, uint64_t arg);

/* A bitmap between us and a caller (struct xenctl_bitmap: bytes, lowest bit first). In: bits that the
 * caller does not give are 0, its bits beyond bit_count are dropped; bit_count is a multiple of 64. Out: bits
 * of the caller beyond bit_count become 0 (those of the next 4096 bytes). 0 or -XEN_EFAULT. */
int control_bitmap_in(struct vcpu *v, unsigned long *bits, unsigned bit_count,
                      const struct xenctl_bitmap *from);
int control_bitmap_out(struct vcpu *v, const struct xenctl_bitmap *to, const unsigned long *bits,
                       unsigned bit_count);
