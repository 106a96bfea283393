/* SPDX-License-Identifier: Apache-2.0 */
/* The software walk of a guest's page tables, for mm/guest_copy.c (others use guest_copy.h). */
#pragma once

#include <hv/types.h>

struct domain;
struct vcpu;

/* The control registers that decide how a guest translates. */
struct guest_paging {
    uint64_t cr0, cr3, cr4, efer;
};

#define GUEST_WALK_LEVELS 4U

/* The entries that a long-mode walk read, by level, with the value each had when the walk had ended.
 * Those of levels below a large page are left as they were, and so are all by other modes. */
struct guest_trail {
    struct guest_step {
        const uint64_t *entry;
        uint64_t value;
    } steps[GUEST_WALK_LEVELS];
};

/* v's present paging registers (svm/). */
void arch_vcpu_paging(const struct vcpu *v, struct guest_paging *paging);

/* guest_walk() with v's domain's p2m lock held. trail may be NULL. */
int guest_walk_locked(struct vcpu *v, const struct guest_paging *paging, uint64_t linear,
                      unsigned access, uint64_t *gpa, uint32_t *error_code,
                      struct guest_trail *trail);

/* Where a guest-physical page is; NULL when it is no RAM, or not writable and is to be. The p2m lock
 * is held, and the page stays as long as it is. */
char *guest_frame_locked(struct domain *d, gfn_t g, bool write);
