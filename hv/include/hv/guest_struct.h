/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structures of the guest ABI that differ by the caller's width. The hypervisor works with the 64-bit layout
 * of the xen/ headers; a caller in 32-bit mode (or 16-bit) has the layout of x86_32, where xen_ulong_t,
 * xen_pfn_t and guest handles have 32 bits and nothing is aligned to more than 4 bytes. Most structures are
 * the same in both and need nothing of this.
 *
 * A layout is a string with a letter for each field, in order:
 *
 *   h  16 bits      w  32 bits      q  64 bits
 *   p  xen_ulong_t, xen_pfn_t or a handle: 64 bits, or 32 in a narrow caller
 *   |  the end, or the start, of a structure inside: aligned as p is
 *
 * NULL stands for a structure that is the same for every caller.
 */
#pragma once

#include <hv/types.h>

struct vcpu;

/* Whether v's code is not 64-bit code, so that its structures are narrow. */
bool guest_is_narrow(const struct vcpu *v);

/* How large the structure is for v; size is that of the 64-bit one. */
size_t guest_struct_size(const struct vcpu *v, size_t size, const char *layout);

/* Copies a structure at v's linear address in or out: 0 or -XEN_EFAULT. */
int guest_struct_in(struct vcpu *v, void *s, size_t size, uint64_t linear, const char *layout);
int guest_struct_out(struct vcpu *v, uint64_t linear, const void *s, size_t size, const char *layout);

/* The same for number i of an array of xen_ulong_t or xen_pfn_t. */
int guest_ulong_in(struct vcpu *v, uint64_t *value, uint64_t array, uint64_t i);

/* The narrow form of a structure, at most GUEST_NARROW_MAX bytes; returns its size. */
#define GUEST_NARROW_MAX 64U
size_t guest_struct_narrow(void *narrow, const void *s, const char *layout);

#define LAYOUT_RUNSTATE "wqqqqq" /* struct vcpu_runstate_info */
