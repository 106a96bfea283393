/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only way to touch guest memory. Arguments of hypercalls are guest-linear addresses, walked
 * through the vCPU's own page tables (or plain guest-physical ones while paging is off); every copy
 * may cross into physically unrelated pages. What is copied in is ours and never read again.
 */
#pragma once

#include <hv/types.h>

struct domain;
struct vcpu;

/* Copies size bytes. 0, or -XEN_EFAULT (some bytes may have been copied). Permissions are those of
 * supervisor code of the guest, user pages included (privcmd hands through user pointers). */
int guest_copy_in(struct vcpu *v, void *dst, uint64_t linear, size_t size);
int guest_copy_out(struct vcpu *v, uint64_t linear, const void *src, size_t size);

/* The same by guest-physical address, of any domain. */
int guest_copy_in_gpa(struct domain *d, void *dst, uint64_t gpa, size_t size);
int guest_copy_out_gpa(struct domain *d, uint64_t gpa, const void *src, size_t size);

/* Fetches up to size instruction bytes at linear; returns how many could be read. */
size_t guest_fetch(struct vcpu *v, void *dst, uint64_t linear, size_t size);

enum guest_walk_access {
    WALK_READ = 0,
    WALK_WRITE = 1u << 1,
    WALK_USER = 1u << 2,
    WALK_EXEC = 1u << 4,
};

/* Translates a linear address. 0 and *gpa, or -XEN_EFAULT with *error_code, the architectural
 * page-fault error code (AMD64 APM vol. 2, 8.4.2), for injection. */
int guest_walk(struct vcpu *v, uint64_t linear, unsigned access, uint64_t *gpa, uint32_t *error_code);

/* Typed access to the arrays and structs hypercalls point to. The handle is a XEN_GUEST_HANDLE. */
#define guest_address(handle) ((uint64_t)(uintptr_t)(handle).p)
