/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that ask the hypervisor: what an address, a frame and a domain may be here, and where requests lie. */
#include "fuzz.h"

#include <string.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/xen.h>

static unsigned own_domid;

static uint64_t make_domid(struct random *r)
{
    static const uint16_t special[] = {DOMID_IO, DOMID_XEN, DOMID_COW, DOMID_INVALID, DOMID_IDLE, DOMID_SELF};

    switch (random_below(r, 8)) {
    case 0:
        return own_domid;
    case 1:
        return 0;
    case 2:
        return random_below(r, 12);
    case 3:
        return special[random_below(r, sizeof(special) / sizeof(special[0]))];
    case 4:
        return random_next(r) & 0xffff;
    default:
        return DOMID_SELF;
    }
}

uint64_t make_frame(struct random *r)
{
    uint32_t kind = random_below(r, 256);

    if (kind < 150) {
        return ARENA / PAGE + random_below(r, ARENA_PAGES);
    }
    if (kind < 220) {
        return HOLE / PAGE + random_below(r, HOLE_PAGES + 1 + GRANT_PAGES);
    }
    if (kind < 230) {
        return LAPIC / PAGE;
    }
    if (kind == 255 && random_once_in(r, 64)) { /* the guest's own code and tables: the last thing it does */
        return IMAGE / PAGE + random_below(r, 64);
    }
    return call_number(r);
}

uint64_t make_pointer(struct random *r)
{
    uint32_t kind = random_below(r, 256);
    uint64_t offset = random_below(r, PAGE) & ~7UL;

    if (kind < 130) {
        return ARENA + random_below(r, ARENA_PAGES) * PAGE + offset;
    }
    if (kind < 160) { /* over the end of a page */
        return ARENA + random_below(r, ARENA_PAGES + 1) * PAGE - random_below(r, 64);
    }
    if (kind < 190) {
        return WILD + random_below(r, 512) * PAGE + (random_once_in(r, 2) ? PAGE - random_below(r, 64) : offset);
    }
    if (kind < 220) {
        return HOLE + random_below(r, HOLE_PAGES + 1 + GRANT_PAGES) * PAGE + offset;
    }
    if (kind < 226) {
        return LAPIC + (offset & 0xff0);
    }
    if (kind < 232) { /* at the end of the lower half, and the beginning of the upper one */
        return (random_once_in(r, 2) ? 0x800000000000 : 0xffff800000000000) - random_below(r, 64);
    }
    if (kind == 255 && random_once_in(r, 64)) {
        return IMAGE + random_below(r, 64) * PAGE + offset;
    }
    return call_number(r);
}

static bool is_excluded(const struct call *call, const uint64_t *args)
{
    /* vCPU 0 counts the steps; the others are brought up again. */
    return call->number == __HYPERVISOR_vcpu_op && call->op == VCPUOP_down && (uint32_t)args[1] == 0;
}

void step_hypercall(struct cpu *cpu)
{
    struct call_request *q = &cpu->request;
    const struct call_source source = {&cpu->random, make_domid, make_frame, make_pointer};
    const struct call *call = call_make_up(&source, q);
    uint64_t at = make_pointer(&cpu->random);

    if (call != NULL && is_excluded(call, q->args)) {
        return;
    }
    if (q->size != 0) {
        q->args[q->structure_arg] = at;
        /* Mostly where it can be read. Elsewhere what is there is what is asked for. */
        if (random_once_in(&cpu->random, 4) || at < ARENA || at >= ARENA + (ARENA_PAGES - 1) * PAGE) {
            at = ARENA + random_below(&cpu->random, (ARENA_PAGES - 1) * PAGE) / 8 * 8;
            if (!random_once_in(&cpu->random, 8)) {
                q->args[q->structure_arg] = at;
            }
        }
        memcpy((void *)at, q->structure, q->size);
    }
    if (q->number == __HYPERVISOR_sched_op) { /* it may wait: the timer must be there to end that */
        lapic_restore(is_x2apic);
    }
    hypercall(q->number, q->args);
}

static void populate(uint64_t frame)
{
    struct xen_memory_reservation reservation = {.nr_extents = 1, .domid = DOMID_SELF};
    uint64_t args[CALL_ARGS] = {XENMEM_populate_physmap, (uint64_t)&reservation};

    set_xen_guest_handle(reservation.extent_start, &frame);
    hypercall(__HYPERVISOR_memory_op, args);
}

static void place(unsigned space, uint64_t index, uint64_t address)
{
    struct xen_add_to_physmap add = {.domid = DOMID_SELF, .space = space, .idx = index, .gpfn = address / PAGE};
    uint64_t args[CALL_ARGS] = {XENMEM_add_to_physmap, (uint64_t)&add};

    hypercall(__HYPERVISOR_memory_op, args);
}

void bring_back(uint64_t page)
{
    volatile uint64_t *words = (uint64_t *)page;

    words[511] = 0x5eed;
    if (words[511] != 0x5eed) {
        populate(page / PAGE);
    }
}

/* Numbers, addresses and frames everywhere in a page of the arena: what arrays are read from. A page that was
 * given away comes back; the shared pages go to where they were. */
void step_refill(struct cpu *cpu)
{
    struct random *r = &cpu->random;
    uint64_t page = ARENA + random_below(r, ARENA_PAGES) * PAGE;
    volatile uint64_t *words = (uint64_t *)page;

    bring_back(page);
    for (unsigned i = 0; i < 512; i++) {
        switch (random_below(r, 8)) {
        case 0:
            words[i] = make_pointer(r);
            break;
        case 1:
            words[i] = call_number(r);
            break;
        case 2:
            words[i] = random_below(r, 64) | (uint64_t)random_below(r, 64) << 32;
            break;
        default:
            words[i] = make_frame(r);
        }
    }
    if (random_once_in(r, 16)) {
        place(XENMAPSPACE_shared_info, 0, SHARED_INFO);
        for (unsigned i = 0; i < GRANT_PAGES; i++) {
            place(XENMAPSPACE_grant_table, i, GRANTS + i * PAGE);
        }
    }
}

/* Entries of the grant table, event words and what else is in the pages that are shared with the hypervisor. */
void step_shared(struct cpu *cpu)
{
    struct random *r = &cpu->random;

    for (unsigned i = 0; i < 16; i++) {
        uint64_t entry = (random_next(r) & 0x1ff) | make_domid(r) << 16 | make_frame(r) << 32;

        if (random_once_in(r, 4)) {
            *(volatile uint64_t *)(SHARED_INFO + random_below(r, PAGE / 8) * 8) =
                random_once_in(r, 2) ? random_next(r) : random_below(r, 2);
        } else if (!random_once_in(r, 4)) {
            entry = (entry & ~7UL) | 1; /* GTF_permit_access */
        }
        *(volatile uint64_t *)(GRANTS + random_below(r, 32) * 8 + (random_once_in(r, 8) ? PAGE : 0)) = entry;
    }
}

void hypercalls_init(unsigned domid)
{
    own_domid = domid;
    place(XENMAPSPACE_shared_info, 0, SHARED_INFO);
    for (unsigned i = 0; i < GRANT_PAGES; i++) {
        place(XENMAPSPACE_grant_table, i, GRANTS + i * PAGE);
    }
}
