/* SPDX-License-Identifier: Apache-2.0 */
/* The software walk of a guest's page tables, for mm/guest_copy.c (others use guest_copy.h). */
#pragma once

#include <hv/types.h>

struct vcpu;

/* The control registers that decide how a guest translates. */
struct guest_paging {
    uint64_t cr0, cr3, cr4, efer;
};

/* v's present paging registers (svm/). */
void arch_vcpu_paging(const struct vcpu *v, struct guest_paging *paging);

/* guest_walk() with v's domain's p2m lock held. */
int guest_walk_locked(struct vcpu *v, const struct guest_paging *paging, uint64_t linear, unsigned access,
                      uint64_t *gpa, uint32_t *error_code);
