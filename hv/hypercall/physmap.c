/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XENMEM operations that place existing frames in a domain's p2m: its shared pages, its own frames
 * elsewhere, another domain's (foreign mapping), and resources.
 */
#include <hv/grant.h>
#include <hv/guest_struct.h>
#include <hv/hypercall.h>
#include <hv/memory_op.h>
#include <xen/memory.h>

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
    int rc = grant_get_frame(d, idx & ~(uint64_t)XENMAPIDX_grant_table_status, idx & XENMAPIDX_grant_table_status, &m);

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

/* Does element i of `count` for each from where a call that was interrupted had got to; ends with the first error. */
static long for_elements(struct vcpu *v, struct domain *d, unsigned cmd, void *arg, uint64_t count,
                         long (*one)(struct vcpu *v, struct domain *d, const void *arg, uint64_t i))
{
    uint64_t i = memory_op_done(cmd);
    long rc = i > count ? -XEN_EINVAL : 0;

    while (i < count && rc == 0) {
        rc = one(v, d, arg, i++);
        if (rc == 0 && i < count && hypercall_should_restart()) {
            return memory_op_restart(v, cmd, i);
        }
    }
    return rc;
}

/* A range is of the domain's own frames. */
static long range_one(struct vcpu *v, struct domain *d, const void *arg, uint64_t i)
{
    const struct xen_add_to_physmap *add = arg;

    return move_own_frame(d, add->idx + i, add->gpfn + i);
}

/* Another domain's only by batch, which names it. */
long memory_op_add_to_physmap(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    const struct xen_add_to_physmap *add = arg;

    if (add->space == XENMAPSPACE_gmfn_range) {
        return for_elements(v, d, cmd, arg, add->size, range_one);
    }
    return add->space == XENMAPSPACE_gmfn_foreign ? -XEN_ENOSYS : add_one(v, d, add->space, 0, add->idx, add->gpfn);
}

static long batch_one(struct vcpu *v, struct domain *d, const void *arg, uint64_t i)
{
    const struct xen_add_to_physmap_batch *batch = arg;
    uint64_t idx, g;
    int error;

    if (guest_ulong_in(v, &idx, guest_address(batch->idxs), i) != 0 ||
        guest_ulong_in(v, &g, guest_address(batch->gpfns), i) != 0) {
        return -XEN_EFAULT;
    }
    error = (int)add_one(v, d, batch->space, batch->u.foreign_domid, idx, g);
    return guest_copy_out(v, guest_address(batch->errs) + i * sizeof(error), &error, sizeof(error));
}

long memory_op_add_to_physmap_batch(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    const struct xen_add_to_physmap_batch *batch = arg;

    if (batch->space == XENMAPSPACE_gmfn_range || (batch->space != XENMAPSPACE_gmfn_foreign && batch->u.res0 != 0)) {
        return -XEN_EINVAL;
    }
    return for_elements(v, d, cmd, arg, batch->size, batch_one);
}

long memory_op_remove_from_physmap(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    gfn_t g = gfn(((const struct xen_remove_from_physmap *)arg)->gpfn);
    struct p2m_entry entry = p2m_lookup(d, g);

    return mfn_is_none(entry.mfn) || (entry.flags & P2M_MMIO) ? -XEN_ENOENT : p2m_unmap(d, g, ORDER_4K);
}

/* --- Resources ----------------------------------------------------------------------------------- */

static long acquire_one(struct vcpu *v, struct domain *d, const void *arg, uint64_t i)
{
    const struct xen_mem_acquire_resource *r = arg;
    uint64_t g;
    mfn_t m;
    int rc;

    if (guest_ulong_in(v, &g, guest_address(r->frame_list), i) != 0) {
        return -XEN_EFAULT;
    }
    rc = grant_get_frame(d, r->frame + i, r->id == XENMEM_resource_grant_table_id_status, &m);
    return rc != 0 ? rc : place(v->domain, g, m, P2M_W);
}

/* Without a list of frames: how many there can be. */
static long resource_size(struct domain *d, struct xen_mem_acquire_resource *r)
{
    uint32_t frames, max_frames, status_frames;

    if (r->nr_frames != 0) {
        return -XEN_EINVAL;
    }
    grant_frame_counts(d, &frames, &max_frames, &status_frames);
    r->nr_frames = r->id == XENMEM_resource_grant_table_id_status ? grant_status_frames(max_frames) : max_frames;
    return 0;
}

long memory_op_acquire_resource(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    struct xen_mem_acquire_resource *r = arg;

    if (r->type != XENMEM_resource_grant_table) {
        return -XEN_EOPNOTSUPP;
    }
    if (r->pad != 0 || r->id > XENMEM_resource_grant_table_id_status) {
        return -XEN_EINVAL;
    }
    return guest_address(r->frame_list) == 0 ? resource_size(d, r)
                                             : for_elements(v, d, cmd, arg, r->nr_frames, acquire_one);
}
