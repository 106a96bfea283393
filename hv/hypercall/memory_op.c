/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_memory_op (xen/memory.h): the size and the map of a domain's memory. Operations over
 * arrays stop at the door and come again: how far they got travels in the upper bits of the command.
 */
#include <hv/boot.h>
#include <hv/domain.h>
#include <hv/frame.h>
#include <hv/guest_struct.h>
#include <hv/hypercall.h>
#include <hv/memory_op.h>
#include <hv/vcpu.h>
#include <xen/memory.h>

#define CMD_BITS 6U
#define CMD_MASK ((1U << CMD_BITS) - 1)

#define MAX_EXTENTS (1UL << (32 - CMD_BITS))

/* See hv/guest_struct.h. */
#define LAYOUT_RESERVATION "ppwwh"
#define LAYOUT_MAP         "wp"
#define LAYOUT_FOREIGN_MAP "h|wp"

long memory_op_restart(struct vcpu *v, unsigned cmd, uint64_t done)
{
    hypercall_set_arg(v, 0, cmd | done << CMD_BITS);
    return HYPERCALL_RESTART;
}

/* --- Reservations ------------------------------------------------------------------------------
 */

/* One extent of new RAM. Orders below 2 MiB are made of single pages. */
static bool populate_extent(struct domain *d, gfn_t g, unsigned order, uint32_t mem_flags)
{
    unsigned node = mem_flags & 0xff00 ? XENMEMF_get_node(mem_flags) : NODE_ANY;
    unsigned step = order >= ORDER_2M ? order : ORDER_4K;

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
    if (cmd == XENMEM_populate_physmap) {
        return populate_extent(d, g, r->extent_order, r->mem_flags);
    }
    return release_extent(d, g, r->extent_order);
}

/* Returns how many extents were done in all; what is left undone failed. */
static long reservation(struct vcpu *v, unsigned cmd, uint64_t start, uint64_t arg)
{
    struct xen_memory_reservation r;
    struct domain *d;
    uint64_t i;
    long rc;

    if (guest_struct_in(v, &r, sizeof(r), arg, LAYOUT_RESERVATION) != 0) {
        return -XEN_EFAULT;
    }
    if (r.nr_extents > MAX_EXTENTS || start > r.nr_extents) {
        return -XEN_EINVAL;
    }
    if (r.mem_flags & (XENMEMF_populate_on_demand | XENMEMF_vnode)) {
        return -XEN_EINVAL;
    }
    d = domain_get_for(v, r.domid, &rc);
    if (d == NULL) {
        return rc;
    }
    for (i = start; i < r.nr_extents && may_have_order(v->domain, cmd, r.extent_order); i++) {
        uint64_t gfn_number;

        if (i != start && hypercall_should_restart()) {
            rc = memory_op_restart(v, cmd, i);
            break;
        }
        if (guest_ulong_in(v, &gfn_number, guest_address(r.extent_start), i) != 0 ||
            !do_extent(d, cmd, gfn(gfn_number), &r)) {
            break;
        }
    }
    domain_put(d);
    return rc != 0 ? rc : (long)i;
}

/* --- Numbers ----------------------------------------------------------------------------------- */

static long domain_number(struct vcpu *v, unsigned cmd, uint64_t arg)
{
    struct domain *d;
    domid_t domid;
    long rc;

    if (guest_copy_in(v, &domid, arg, sizeof(domid)) != 0) {
        return -XEN_EFAULT;
    }
    d = domain_get_for(v, domid, &rc);
    if (d == NULL) {
        return rc;
    }
    if (cmd == XENMEM_current_reservation) {
        rc = (long)d->frames_owned;
    } else if (cmd == XENMEM_maximum_reservation) {
        rc = (long)d->frames_max;
    } else {
        rc = (long)p2m_highest_gfn(d);
    }
    domain_put(d);
    return rc;
}

/* --- Memory maps ------------------------------------------------------------------------------- */

#define MAP_ENTRY_SIZE 20U /* e820: address, size, type, packed */

static long set_memory_map(struct vcpu *v, uint64_t arg)
{
    struct xen_foreign_memory_map request;
    struct e820_map *map;
    struct domain *d;
    long rc;

    if (guest_struct_in(v, &request, sizeof(request), arg, LAYOUT_FOREIGN_MAP) != 0) {
        return -XEN_EFAULT;
    }
    if (request.map.nr_entries > ARRAY_SIZE(map->entries)) {
        return -XEN_EINVAL;
    }
    map = page_alloc();
    if (map == NULL) {
        return -XEN_ENOMEM;
    }
    map->count = request.map.nr_entries;
    if (guest_copy_in(v, map->entries, guest_address(request.map.buffer), map->count * MAP_ENTRY_SIZE) != 0) {
        page_free(map);
        return -XEN_EFAULT;
    }
    d = domain_get_for(v, request.domid, &rc);
    if (d != NULL) {
        struct e820_map *old;

        spin_lock(&d->lock);
        old = d->memory_map;
        d->memory_map = map;
        spin_unlock(&d->lock);
        map = old;
        domain_put(d);
    }
    page_free(map);
    return rc;
}

/* As many entries as fit; the count that there is. */
static long copy_map_out(struct vcpu *v, uint64_t arg, const void *entries, uint32_t count)
{
    struct xen_memory_map map;

    if (guest_struct_in(v, &map, sizeof(map), arg, LAYOUT_MAP) != 0) {
        return -XEN_EFAULT;
    }
    map.nr_entries = MIN(map.nr_entries, count);
    if (guest_copy_out(v, guest_address(map.buffer), entries, map.nr_entries * MAP_ENTRY_SIZE) != 0 ||
        guest_struct_out(v, arg, &map, sizeof(map), LAYOUT_MAP) != 0) {
        return -XEN_EFAULT;
    }
    return 0;
}

static long memory_map(struct vcpu *v, uint64_t arg)
{
    struct domain *d = v->domain;
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
    if (rc == 0) {
        rc = copy_map_out(v, arg, copy->entries, copy->count);
    }
    page_free(copy);
    return rc;
}

static long machine_memory_map(struct vcpu *v, uint64_t arg)
{
    struct e820_map *map;
    long rc;

    if (!v->domain->is_privileged) {
        return -XEN_EPERM;
    }
    map = page_alloc();
    if (map == NULL) {
        return -XEN_ENOMEM;
    }
    for (unsigned i = 0; i < boot_info.range_count && i < ARRAY_SIZE(map->entries); i++) {
        map->entries[i].addr = boot_info.ranges[i].start;
        map->entries[i].size = boot_info.ranges[i].end - boot_info.ranges[i].start;
        map->entries[i].type = boot_info.ranges[i].type;
        map->count++;
    }
    rc = copy_map_out(v, arg, map->entries, map->count);
    page_free(map);
    return rc;
}

/* What the toolstack wants the domain to shrink or grow to. The guest's balloon does that, as the store tells it;
 * here nothing is populated on demand, so there is no cache to fit to the target. */
static long pod_target(struct vcpu *v, bool is_set, uint64_t arg)
{
    struct xen_pod_target target;
    struct domain *d;
    long rc;

    if (!v->domain->is_privileged) {
        return -XEN_EPERM;
    }
    if (guest_copy_in(v, &target, arg, sizeof(target)) != 0) {
        return -XEN_EFAULT;
    }
    d = domain_get_for(v, target.domid, &rc);
    if (d == NULL) {
        return rc;
    }
    if (is_set && target.target_pages > d->frames_max) {
        rc = -XEN_EINVAL;
    } else {
        target.tot_pages = d->frames_owned;
        target.pod_cache_pages = target.pod_entries = 0;
        rc = guest_copy_out(v, arg, &target, sizeof(target));
    }
    domain_put(d);
    return rc;
}

/* --- Dispatch ------------------------------------------------------------------------------------ */

/* A claim is a promise that memory will be there; we answer whether it is there now. */
static long claim_pages(struct vcpu *v, uint64_t arg)
{
    struct xen_memory_reservation r;

    if (!v->domain->is_privileged) {
        return -XEN_EPERM;
    }
    if (guest_struct_in(v, &r, sizeof(r), arg, LAYOUT_RESERVATION) != 0) {
        return -XEN_EFAULT;
    }
    return r.nr_extents <= frame_free_count(NODE_ANY) ? 0 : -XEN_ENOMEM;
}

long memory_op(struct vcpu *v, unsigned cmd, uint64_t arg)
{
    uint64_t start = cmd >> CMD_BITS;

    switch (cmd & CMD_MASK) {
    case XENMEM_populate_physmap:
    case XENMEM_decrease_reservation:
        return reservation(v, cmd & CMD_MASK, start, arg);
    case XENMEM_add_to_physmap:
        return memory_op_add_to_physmap(v, arg);
    case XENMEM_add_to_physmap_batch:
        return memory_op_add_to_physmap_batch(v, start, arg);
    case XENMEM_remove_from_physmap:
        return memory_op_remove_from_physmap(v, arg);
    case XENMEM_acquire_resource:
        return memory_op_acquire_resource(v, start, arg);
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
        return domain_number(v, cmd & CMD_MASK, arg);
    case XENMEM_maximum_ram_page:
        return (long)frame_limit - 1;
    case XENMEM_memory_map:
        return memory_map(v, arg);
    case XENMEM_set_memory_map:
        return set_memory_map(v, arg);
    case XENMEM_machine_memory_map:
        return machine_memory_map(v, arg);
    case XENMEM_claim_pages:
        return claim_pages(v, arg);
    case XENMEM_set_pod_target:
    case XENMEM_get_pod_target:
        return pod_target(v, (cmd & CMD_MASK) == XENMEM_set_pod_target, arg);
    case XENMEM_get_vnumainfo: /* no domain has virtual nodes */
        return -XEN_EOPNOTSUPP;
    default:
        return -XEN_ENOSYS;
    }
}
