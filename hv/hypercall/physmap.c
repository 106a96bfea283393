/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XENMEM operations that place existing frames in a domain's p2m: its shared pages, its own frames
 * elsewhere, another domain's (foreign mapping), and resources.
 */
#include <hv/domain.h>
#include <hv/frame.h>
#include <hv/grant.h>
#include <hv/guest_struct.h>
#include <hv/hypercall.h>
#include <hv/memory_op.h>
#include <hv/vcpu.h>
#include <xen/memory.h>

/* See hv/guest_struct.h. */
#define LAYOUT_ADD      "hhwpp"
#define LAYOUT_BATCH    "hhhhppp"
#define LAYOUT_REMOVE   "hp"
#define LAYOUT_RESOURCE "hhwwwqp"

/* Puts the frame at g; the reference goes to the entry, or is dropped when that fails. */
static long place(struct domain *d, uint64_t g, mfn_t m, unsigned flags)
{
    int rc = p2m_map(d, gfn(g), m, ORDER_4K, flags);

    if (rc != 0) {
        frame_put(m);
    }
    return rc;
}

static long place_shared_info(struct domain *d, uint64_t idx, uint64_t g)
{
    if (idx != 0) {
        return -XEN_EINVAL;
    }
    frame_ref(d->shared_info_mfn);
    return place(d, g, d->shared_info_mfn, P2M_W);
}

static long place_grant_frame(struct domain *d, uint64_t idx, uint64_t g)
{
    mfn_t m;
    int rc;

    if (idx & XENMAPIDX_grant_table_status) {
        rc = grant_get_status_frame(d, idx & ~(uint64_t)XENMAPIDX_grant_table_status, &m);
    } else {
        rc = grant_get_shared_frame(d, idx, &m);
    }
    return rc != 0 ? rc : place(d, g, m, P2M_W);
}

/* Moves the frame at `from` of the same domain. */
static long move_own_frame(struct domain *d, uint64_t from, uint64_t to)
{
    mfn_t m = p2m_get_own_frame(d, gfn(from), true);
    long rc;

    if (mfn_is_none(m)) {
        return -XEN_EINVAL;
    }
    rc = p2m_unmap(d, gfn(from), ORDER_4K);
    if (rc != 0) {
        frame_put(m);
        return rc;
    }
    return place(d, to, m, P2M_RAM);
}

/* A frame of the hypervisor's that it shows to privileged domains, by machine frame: the trace rings. */
static long place_xen(struct domain *d, uint64_t idx, uint64_t g)
{
    mfn_t m = mfn(idx);

    if (!mfn_valid(m) || frame_of(m)->state != FRAME_SHARED || frame_of(m)->owner != DOMID_XEN) {
        return -XEN_EINVAL;
    }
    frame_ref(m);
    return place(d, g, m, P2M_W);
}

static long place_foreign(struct vcpu *v, struct domain *d, domid_t foreign, uint64_t idx, uint64_t g)
{
    struct domain *owner;
    long rc = -XEN_EINVAL;
    mfn_t m;

    if (!v->domain->is_privileged) {
        return -XEN_EPERM;
    }
    if (foreign == DOMID_XEN) {
        return place_xen(d, idx, g);
    }
    owner = domain_get(foreign);
    if (owner == NULL) {
        return -XEN_ESRCH;
    }
    m = p2m_get_frame(owner, gfn(idx), true);
    if (!mfn_is_none(m)) {
        /* Only the owner's own frames: what it maps of others is not its to show. */
        if (frame_of(m)->owner == owner->domid && owner->state == DOMAIN_ALIVE) {
            rc = place(d, g, m, P2M_W);
        } else {
            frame_put(m);
        }
    }
    domain_put(owner);
    return rc;
}

static long add_one(struct vcpu *v, struct domain *d, unsigned space, domid_t foreign, uint64_t idx, uint64_t g)
{
    if (d->state != DOMAIN_ALIVE) {
        return -XEN_EINVAL;
    }
    switch (space) {
    case XENMAPSPACE_shared_info:
        return place_shared_info(d, idx, g);
    case XENMAPSPACE_grant_table:
        return place_grant_frame(d, idx, g);
    case XENMAPSPACE_gmfn:
        return move_own_frame(d, idx, g);
    case XENMAPSPACE_gmfn_foreign:
        return place_foreign(v, d, foreign, idx, g);
    default:
        return -XEN_ENOSYS;
    }
}

/* A range is the one operation of many pages without arrays: progress goes back into the argument. */
static long add_range(struct vcpu *v, struct domain *d, struct xen_add_to_physmap *add, uint64_t arg)
{
    while (add->size != 0) {
        long rc = move_own_frame(d, add->idx, add->gpfn);

        if (rc != 0) {
            return rc;
        }
        add->idx++;
        add->gpfn++;
        add->size--;
        if (add->size != 0 && hypercall_should_restart()) {
            return guest_struct_out(v, arg, add, sizeof(*add), LAYOUT_ADD) != 0 ? -XEN_EFAULT : HYPERCALL_RESTART;
        }
    }
    return 0;
}

long memory_op_add_to_physmap(struct vcpu *v, uint64_t arg)
{
    struct xen_add_to_physmap add;
    struct domain *d;
    long rc;

    if (guest_struct_in(v, &add, sizeof(add), arg, LAYOUT_ADD) != 0) {
        return -XEN_EFAULT;
    }
    if (add.space == XENMAPSPACE_gmfn_foreign) { /* only by batch, which names the other domain */
        return -XEN_ENOSYS;
    }
    d = domain_get_for(v, add.domid, &rc);
    if (d == NULL) {
        return rc;
    }
    rc = add.space == XENMAPSPACE_gmfn_range ? add_range(v, d, &add, arg)
                                             : add_one(v, d, add.space, 0, add.idx, add.gpfn);
    domain_put(d);
    return rc;
}

static long batch_one(struct vcpu *v, struct domain *d, const struct xen_add_to_physmap_batch *batch, uint64_t i)
{
    uint64_t idx, g;
    int error;

    if (guest_ulong_in(v, &idx, guest_address(batch->idxs), i) != 0 ||
        guest_ulong_in(v, &g, guest_address(batch->gpfns), i) != 0) {
        return -XEN_EFAULT;
    }
    error = (int)add_one(v, d, batch->space, batch->u.foreign_domid, idx, g);
    return guest_copy_out(v, guest_address(batch->errs) + i * sizeof(error), &error, sizeof(error));
}

long memory_op_add_to_physmap_batch(struct vcpu *v, uint64_t start, uint64_t arg)
{
    struct xen_add_to_physmap_batch batch;
    struct domain *d;
    long rc;

    if (guest_struct_in(v, &batch, sizeof(batch), arg, LAYOUT_BATCH) != 0) {
        return -XEN_EFAULT;
    }
    if (start > batch.size || batch.space == XENMAPSPACE_gmfn_range ||
        (batch.space != XENMAPSPACE_gmfn_foreign && batch.u.res0 != 0)) {
        return -XEN_EINVAL;
    }
    d = domain_get_for(v, batch.domid, &rc);
    if (d == NULL) {
        return rc;
    }
    for (uint64_t i = start; i < batch.size && rc == 0; i++) {
        rc = batch_one(v, d, &batch, i);
        if (rc == 0 && i + 1 < batch.size && hypercall_should_restart()) {
            rc = memory_op_restart(v, XENMEM_add_to_physmap_batch, i + 1);
        }
    }
    domain_put(d);
    return rc;
}

long memory_op_remove_from_physmap(struct vcpu *v, uint64_t arg)
{
    struct xen_remove_from_physmap remove;
    struct p2m_entry entry;
    struct domain *d;
    long rc;

    if (guest_struct_in(v, &remove, sizeof(remove), arg, LAYOUT_REMOVE) != 0) {
        return -XEN_EFAULT;
    }
    d = domain_get_for(v, remove.domid, &rc);
    if (d == NULL) {
        return rc;
    }
    entry = p2m_lookup(d, gfn(remove.gpfn));
    if (mfn_is_none(entry.mfn) || (entry.flags & P2M_MMIO)) {
        rc = -XEN_ENOENT;
    } else {
        rc = p2m_unmap(d, gfn(remove.gpfn), ORDER_4K);
    }
    domain_put(d);
    return rc;
}

/* --- Resources ----------------------------------------------------------------------------------- */

static int resource_frame(struct domain *d, const struct xen_mem_acquire_resource *r, uint64_t i, mfn_t *m)
{
    if (r->id == XENMEM_resource_grant_table_id_status) {
        return grant_get_status_frame(d, r->frame + i, m);
    }
    return grant_get_shared_frame(d, r->frame + i, m);
}

static long resource_size(struct vcpu *v, struct domain *d, struct xen_mem_acquire_resource *r, uint64_t arg)
{
    uint32_t frames, max_frames, status_frames;

    grant_frame_counts(d, &frames, &max_frames, &status_frames);
    r->nr_frames = r->id == XENMEM_resource_grant_table_id_status ? max_frames / 8 + 1 : max_frames;
    return guest_struct_out(v, arg, r, sizeof(*r), LAYOUT_RESOURCE);
}

static long acquire_one(struct vcpu *v, struct domain *d, const struct xen_mem_acquire_resource *r, uint64_t i)
{
    uint64_t g;
    mfn_t m;
    int rc;

    if (guest_ulong_in(v, &g, guest_address(r->frame_list), i) != 0) {
        return -XEN_EFAULT;
    }
    rc = resource_frame(d, r, i, &m);
    return rc != 0 ? rc : place(v->domain, g, m, P2M_W);
}

long memory_op_acquire_resource(struct vcpu *v, uint64_t start, uint64_t arg)
{
    struct xen_mem_acquire_resource r;
    struct domain *d;
    long rc = 0;

    if (guest_struct_in(v, &r, sizeof(r), arg, LAYOUT_RESOURCE) != 0) {
        return -XEN_EFAULT;
    }
    if (!v->domain->is_privileged) {
        return -XEN_EPERM;
    }
    if (r.pad != 0 || start > r.nr_frames) {
        return -XEN_EINVAL;
    }
    if (r.type != XENMEM_resource_grant_table) {
        return -XEN_EOPNOTSUPP;
    }
    if (r.id > XENMEM_resource_grant_table_id_status) {
        return -XEN_EINVAL;
    }
    d = domain_get(r.domid);
    if (d == NULL) {
        return -XEN_ESRCH;
    }
    if (guest_address(r.frame_list) == 0) {
        rc = r.nr_frames == 0 ? resource_size(v, d, &r, arg) : -XEN_EINVAL;
    } else {
        for (uint64_t i = start; i < r.nr_frames && rc == 0; i++) {
            rc = acquire_one(v, d, &r, i);
            if (rc == 0 && i + 1 < r.nr_frames && hypercall_should_restart()) {
                rc = memory_op_restart(v, XENMEM_acquire_resource, i + 1);
            }
        }
    }
    domain_put(d);
    return rc;
}
