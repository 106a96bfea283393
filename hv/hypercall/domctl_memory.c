/* SPDX-License-Identifier: Apache-2.0 */
/* XEN_DOMCTL_*: how much memory a domain may have, and what its frames are. */
#include <hv/domctl.h>
#include <hv/hypercall.h>

#define KIB_PER_FRAME 4U
#define MIB           0x100000UL

/* Frames looked up before the call may be interrupted, and the most that one call may ask for. */
#define FRAMES_AT_ONCE 64U
#define MAX_FRAME_INFO 1024U

/* Less than it has is allowed: then it gets no more until it has given some back. */
long domctl_max_mem(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    WRITE_ONCE(d->frames_max, op->u.max_mem.max_memkb / KIB_PER_FRAME);
    return 0;
}

/* No guest here has page tables that need pinning: a frame is there or it is not. */
static uint64_t frame_type(struct domain *d, uint64_t g)
{
    struct p2m_entry entry = p2m_lookup(d, gfn(g));

    return mfn_is_none(entry.mfn) || (entry.flags & P2M_MMIO) ? XEN_DOMCTL_PFINFO_XTAB : XEN_DOMCTL_PFINFO_NOTAB;
}

/* Replaces each frame number of an array by its type. Progress is in the arguments (xen/domctl.h). */
long domctl_getpageframeinfo3(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_getpageframeinfo3 *list = &op->u.getpageframeinfo3;
    uint64_t address = guest_address(list->array);

    if (list->num > MAX_FRAME_INFO) {
        return -XEN_E2BIG;
    }
    for (unsigned now = 0; list->num != 0; now++) {
        xen_pfn_t frame;

        if (now >= FRAMES_AT_ONCE && hypercall_should_restart()) {
            list->array.p = (void *)address;
            return HYPERCALL_RESTART;
        }
        if (guest_copy_in(v, &frame, address, sizeof(frame)) != 0) {
            return -XEN_EFAULT;
        }
        frame = frame_type(d, frame);
        if (guest_copy_out(v, address, &frame, sizeof(frame)) != 0) {
            return -XEN_EFAULT;
        }
        address += sizeof(frame);
        list->num--;
    }
    return 0;
}

/* --- Memory for the nested page tables ------------------------------------------------------ */

/* Tables come out of the heap as they are needed; the pool is what the toolstack planned for them,
 * and is refused when it cannot be had now. */
static long set_pool(struct domain *d, uint64_t size_bytes)
{
    uint64_t used = d->p2m.table_frames;
    uint64_t wanted = size_bytes >> PAGE_SHIFT;

    if (size_bytes & ~PAGE_MASK) {
        return -XEN_EINVAL;
    }
    if (wanted > used && wanted - used > frame_stats(NODE_ANY).free) {
        return -XEN_ENOMEM;
    }
    d->paging_pool_bytes = size_bytes;
    return 0;
}

static uint64_t pool_size(const struct domain *d)
{
    return MAX(d->paging_pool_bytes, d->p2m.table_frames << PAGE_SHIFT);
}

long domctl_set_paging_mempool_size(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    return set_pool(d, op->u.paging_mempool.size);
}

long domctl_get_paging_mempool_size(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    op->u.paging_mempool.size = pool_size(d);
    return 0;
}

/* The pool by its older name. Logging of dirty pages is not among what it can do yet. */
long domctl_shadow_op(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    switch (op->u.shadow_op.op) {
    case XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION:
        return set_pool(d, op->u.shadow_op.mb * MIB);
    case XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION:
        op->u.shadow_op.mb = (uint32_t)(ROUND_UP(pool_size(d), MIB) / MIB);
        return 0;
    default:
        return -XEN_EOPNOTSUPP;
    }
}
