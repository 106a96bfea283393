/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_memory_op (xen/memory.h): the size and the map of a domain's memory. Operations over
 * arrays stop at the door and come again: how far they got travels in the upper bits of the command.
 */
#include <hv/boot.h>
#include <hv/guest_struct.h>
#include <hv/hypercall.h>
#include <hv/memory_op.h>
#include <hv/operation.h>
#include <xen/memory.h>

#define CMD_BITS 6U
#define CMD_MASK ((1U << CMD_BITS) - 1)

#define MAX_EXTENTS (1UL << (32 - CMD_BITS))

uint64_t memory_op_done(unsigned cmd)
{
    return cmd >> CMD_BITS;
}

long memory_op_restart(struct vcpu *v, unsigned cmd, uint64_t done)
{
    hypercall_set_arg(v, 0, (cmd & CMD_MASK) | done << CMD_BITS);
    return HYPERCALL_RESTART;
}

/* --- Reservations ------------------------------------------------------------------------------ */

/* One extent of new RAM. Orders below 2 MiB are made of single pages. */
static bool populate_extent(struct domain *d, gfn_t g, unsigned order, uint32_t mem_flags)
{
    unsigned node = mem_flags & 0xff00 ? XENMEMF_get_node(mem_flags) : NODE_ANY;
    unsigned step = order >= ORDER_2M ? order : ORDER_4K;

    /* What is there goes first: page by page each would cost a flush of all CPUs. */
    if (step != order && p2m_unmap(d, g, order) != 0) {
        return false;
    }
    for (uint64_t i = 0; i < 1UL << order; i += 1UL << step) {
        mfn_t m = frame_alloc_guest(d, step, node);

        if (mfn_is_none(m)) {
            return false;
        }
        if (p2m_map(d, gfn_add(g, i), m, step, P2M_RAM) != 0) {
            frame_free_guest(m, step);
            return false;
        }
    }
    return true;
}

/* All of it or nothing. */
static bool release_extent(struct domain *d, gfn_t g, unsigned order)
{
    for (uint64_t i = 0; i < 1UL << order; i++) {
        struct p2m_entry entry = p2m_lookup(d, gfn_add(g, i));

        if (mfn_is_none(entry.mfn) || (entry.flags & (P2M_MMIO | P2M_GRANT))) {
            return false;
        }
    }
    return p2m_unmap(d, g, order) == 0;
}

/* Up to 2 MiB an extent, so that one is done without a look at the door; 1 GiB only as one page, by
 * the toolstack. */
static bool may_have_order(const struct domain *caller, unsigned cmd, unsigned order)
{
    return order <= ORDER_2M ||
           (order == ORDER_1G && cmd == XENMEM_populate_physmap && caller->is_privileged);
}

static bool do_extent(struct domain *d, unsigned cmd, gfn_t g,
                      const struct xen_memory_reservation *r)
{
    if ((g.n & ((1UL << r->extent_order) - 1)) != 0) {
        return false;
    }
    return cmd == XENMEM_populate_physmap ? populate_extent(d, g, r->extent_order, r->mem_flags)
                                          : release_extent(d, g, r->extent_order);
}

/* Returns how many extents were done in all; what is left undone failed. */
static long reservation(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    const struct xen_memory_reservation *r = arg;
    uint64_t start = memory_op_done(cmd), i;

    if (r->nr_extents > MAX_EXTENTS || start > r->nr_extents ||
        (r->mem_flags & (XENMEMF_populate_on_demand | XENMEMF_vnode))) {
        return -XEN_EINVAL;
    }
    for (i = start; i < r->nr_extents && may_have_order(v->domain, cmd & CMD_MASK, r->extent_order); i++) {
        uint64_t g;

        if (i != start && hypercall_should_restart()) {
            return memory_op_restart(v, cmd, i);
        }
        if (guest_ulong_in(v, &g, guest_address(r->extent_start), i) != 0 ||
            !do_extent(d, cmd & CMD_MASK, gfn(g), r)) {
            break;
        }
    }
    return (long)i;
}

/* --- Numbers ----------------------------------------------------------------------------------- */

/* The argument of those that ask for a number of a domain's. */
struct number_of {
    domid_t domid;
};

static long domain_number(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    cmd &= CMD_MASK;
    return (long)(cmd == XENMEM_current_reservation   ? d->frames_owned
                  : cmd == XENMEM_maximum_reservation ? d->frames_max
                                                      : d->p2m.highest_gfn);
}

static long maximum_ram_page(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    return (long)frame_limit - 1;
}

/* --- Memory maps ------------------------------------------------------------------------------- */

#define MAP_ENTRY_SIZE 20U /* e820: address, size, type, packed */

static long set_memory_map(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    const struct xen_memory_map *given = &((const struct xen_foreign_memory_map *)arg)->map;
    struct e820_map *map, *old;

    if (given->nr_entries > ARRAY_SIZE(map->entries)) {
        return -XEN_EINVAL;
    }
    map = page_alloc();
    if (map == NULL) {
        return -XEN_ENOMEM;
    }
    map->count = given->nr_entries;
    if (guest_copy_in(v, map->entries, guest_address(given->buffer), map->count * MAP_ENTRY_SIZE) != 0) {
        page_free(map);
        return -XEN_EFAULT;
    }
    spin_lock(&d->lock);
    old = d->memory_map;
    d->memory_map = map;
    spin_unlock(&d->lock);
    page_free(old);
    return 0;
}

/* As many entries as fit; the count that there is. */
static long copy_map_out(struct vcpu *v, struct xen_memory_map *to, const struct e820_map *map)
{
    to->nr_entries = MIN(to->nr_entries, map->count);
    return guest_copy_out(v, guest_address(to->buffer), map->entries, to->nr_entries * MAP_ENTRY_SIZE);
}

static long memory_map(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    struct e820_map *copy = page_alloc();
    long rc = -XEN_ENOSYS;

    if (copy == NULL) {
        return -XEN_ENOMEM;
    }
    spin_lock(&d->lock);
    if (d->memory_map != NULL) {
        *copy = *d->memory_map;
        rc = 0;
    }
    spin_unlock(&d->lock);
    rc = rc != 0 ? rc : copy_map_out(v, arg, copy);
    page_free(copy);
    return rc;
}

static long machine_memory_map(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    struct e820_map *map = page_alloc();
    long rc;

    if (map == NULL) {
        return -XEN_ENOMEM;
    }
    for (; map->count < MIN(boot_info.map.count, ARRAY_SIZE(map->entries)); map->count++) {
        const struct boot_range *range = &boot_info.map.ranges[map->count];

        map->entries[map->count].addr = range->start;
        map->entries[map->count].size = range->end - range->start;
        map->entries[map->count].type = range->type;
    }
    rc = copy_map_out(v, arg, map);
    page_free(map);
    return rc;
}

/* What the toolstack wants the domain to shrink or grow to. The guest's balloon does that, as the store tells it;
 * here nothing is populated on demand, so there is no cache to fit to the target. */
static long pod_target(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    struct xen_pod_target *target = arg;

    if ((cmd & CMD_MASK) == XENMEM_set_pod_target && target->target_pages > d->frames_max) {
        return -XEN_EINVAL;
    }
    target->tot_pages = d->frames_owned;
    target->pod_cache_pages = target->pod_entries = 0;
    return 0;
}

/* --- The table ----------------------------------------------------------------------------------- */

/* A claim is a promise that memory will be there; we answer whether it is there now. */
static long claim_pages(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    const struct xen_memory_reservation *r = arg;

    return r->nr_extents <= frame_stats(NODE_ANY).free ? 0 : -XEN_ENOMEM;
}

/* No domain has virtual nodes. */
static long get_vnumainfo(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    return -XEN_EOPNOTSUPP;
}

#define LAYOUT_RESERVATION "ppwwh"

static const struct operation operations[] = {
    [XENMEM_populate_physmap] = {OP_ON(reservation, xen_memory_reservation, domid, 0), .layout = LAYOUT_RESERVATION},
    [XENMEM_decrease_reservation] = {OP_ON(reservation, xen_memory_reservation, domid, 0),
                                     .layout = LAYOUT_RESERVATION},
    [XENMEM_claim_pages] = {OP(claim_pages, xen_memory_reservation, OP_PRIVILEGED), .layout = LAYOUT_RESERVATION},
    [XENMEM_add_to_physmap] = {OP_ON(memory_op_add_to_physmap, xen_add_to_physmap, domid, 0), .layout = "hhwpp"},
    [XENMEM_add_to_physmap_batch] = {OP_ON(memory_op_add_to_physmap_batch, xen_add_to_physmap_batch, domid, 0),
                                     .layout = "hhhhppp"},
    [XENMEM_remove_from_physmap] = {OP_ON(memory_op_remove_from_physmap, xen_remove_from_physmap, domid, 0),
                                    .layout = "hp"},
    [XENMEM_acquire_resource] = {OP_ON(memory_op_acquire_resource, xen_mem_acquire_resource, domid,
                                       OP_PRIVILEGED | OP_GIVES), .layout = "hhwwwqp"},
    [XENMEM_current_reservation] = {OP_ON(domain_number, number_of, domid, 0)},
    [XENMEM_maximum_reservation] = {OP_ON(domain_number, number_of, domid, 0)},
    [XENMEM_maximum_gpfn] = {OP_ON(domain_number, number_of, domid, 0)},
    [XENMEM_maximum_ram_page] = {.run = maximum_ram_page},
    [XENMEM_memory_map] = {OP(memory_map, xen_memory_map, OP_GIVES), .layout = "wp"},
    [XENMEM_set_memory_map] = {OP_ON(set_memory_map, xen_foreign_memory_map, domid, 0), .layout = "h|wp"},
    [XENMEM_machine_memory_map] = {OP(machine_memory_map, xen_memory_map, OP_PRIVILEGED | OP_GIVES), .layout = "wp"},
    [XENMEM_set_pod_target] = {OP_ON(pod_target, xen_pod_target, domid, OP_PRIVILEGED | OP_GIVES)},
    [XENMEM_get_pod_target] = {OP_ON(pod_target, xen_pod_target, domid, OP_PRIVILEGED | OP_GIVES)},
    [XENMEM_get_vnumainfo] = {.run = get_vnumainfo},
};

long memory_op(struct vcpu *v, unsigned cmd, uint64_t arg)
{
    return operation_run(v, OPERATION(operations, cmd & CMD_MASK), cmd, arg);
}
