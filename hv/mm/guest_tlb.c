/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercall arguments lie in few pages, and walking to one takes five lookups in the p2m. So the last
 * walks of each vCPU are remembered: where they led to, and the entries they read on the way.
 *
 * A processor's TLB may be stale until the guest flushes it. We are not told of flushes, so this one
 * never is: before each use it is checked, under the p2m lock, that a new walk would read the same
 * entries from the same places and find the same values in them. That holds if
 *   - the control registers are the same: it would begin at the same table and obey the same rules;
 *   - the p2m has not changed: what the guest's addresses name is the same memory, still the guest's;
 *   - each entry has the value it had (accessed and dirty bits included): each leads to the next.
 * The order matters: an entry's address is only good when the p2m has not changed.
 */
#include <hv/guest_tlb.h>

#include <hv/arch/x86.h>
#include <hv/guest_copy.h>
#include <hv/vcpu.h>

#define TLB_VALID (1U << 31)

/* What a walk of fewer than four levels has in place of an entry. */
static const uint64_t no_entry;

static bool is_same_paging(const struct vcpu *v, const struct guest_paging *then)
{
    struct guest_paging now;

    arch_vcpu_paging(v, &now);
    return now.cr0 == then->cr0 && now.cr3 == then->cr3 && now.cr4 == then->cr4 &&
           now.efer == then->efer;
}

static bool leaves_trail(const struct guest_paging *paging)
{
    return (paging->cr0 & CR0_PG) && (paging->efer & EFER_LMA) && !(paging->cr4 & CR4_LA57);
}

static bool is_same_trail(const struct guest_trail *trail)
{
    uint64_t difference = 0;

    for (unsigned i = 0; i < GUEST_WALK_LEVELS; i++) {
        difference |= READ_ONCE(*trail->steps[i].entry) ^ trail->steps[i].value;
    }
    return difference == 0;
}

/* A walk that was allowed more will do for less. */
static bool is_hit(const struct vcpu *v, const struct guest_tlb_entry *e, uint64_t linear,
                   unsigned access)
{
    access |= TLB_VALID;
    return e->linear == linear && (e->access & access) == access &&
           e->p2m_changes == v->domain->p2m.change_count && is_same_paging(v, &e->paging) &&
           is_same_trail(&e->trail);
}

/* Code and data in pages of the same low bits do not displace each other. */
static struct guest_tlb_entry *entry_of(struct vcpu *v, uint64_t linear, unsigned access)
{
    uint64_t half = access & WALK_EXEC ? GUEST_TLB_ENTRIES / 2 : 0;

    return &v->guest_tlb[((linear >> PAGE_SHIFT) ^ half) % GUEST_TLB_ENTRIES];
}

/* Walks anew. Only long mode's walks of four levels leave a trail and are remembered. Not inlined: a hit saves no
 * registers then. */
__attribute__((noinline)) static char *fill(struct vcpu *v, struct guest_tlb_entry *e,
                                             uint64_t linear, unsigned access)
{
    uint64_t gpa;
    uint32_t error_code;

    e->access = 0;
    arch_vcpu_paging(v, &e->paging);
    for (unsigned i = 0; i < GUEST_WALK_LEVELS; i++) {
        e->trail.steps[i] = (struct guest_step){.entry = &no_entry};
    }
    if (guest_walk_locked(v, &e->paging, linear, access, &gpa, &error_code, &e->trail) != 0) {
        return NULL;
    }
    e->page = guest_frame_locked(v->domain, gfn(gpa >> PAGE_SHIFT), access & WALK_WRITE);
    if (e->page == NULL) {
        return NULL;
    }
    e->linear = linear;
    e->access = access | (leaves_trail(&e->paging) ? TLB_VALID : 0);
    e->p2m_changes = v->domain->p2m.change_count;
    return e->page;
}

char *guest_page_locked(struct vcpu *v, uint64_t linear, unsigned access)
{
    struct guest_tlb_entry *e;

    linear &= ~(PAGE_SIZE - 1);
    e = entry_of(v, linear, access);
    return likely(is_hit(v, e, linear, access)) ? e->page : fill(v, e, linear, access);
}
