/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_grant_table_op (xen/grant_table.h). The frequent operations come as arrays: they are
 * copied in, done and copied out a chunk at a time, and the call restarts behind the chunks done.
 * What an operation finds wrong goes into its status; the call itself fails only where its arguments
 * cannot be read or written.
 */
#include <hv/domain.h>
#include <hv/grant.h>
#include <hv/hypercall.h>
#include <hv/string.h>
#include <hv/vcpu.h>

/* Operations done before the call restarts, so that interrupts are not held up. */
#define RESTART_AFTER 64U

union chunk {
    struct gnttab_map_grant_ref map[GRANT_BATCH];
    struct gnttab_unmap_grant_ref unmap[GRANT_BATCH];
    struct gnttab_copy copy[GRANT_BATCH];
    struct gnttab_transfer transfer[GRANT_BATCH];
    struct gnttab_unmap_and_replace replace[GRANT_BATCH];
    struct gnttab_swap_grant_ref swap[GRANT_BATCH];
};

static void do_map(struct domain *d, union chunk *c, unsigned count)
{
    struct domain *granter = NULL;
    domid_t granter_domid = DOMID_INVALID;

    for (unsigned i = 0; i < count; i++) {
        if (c->map[i].dom != granter_domid || granter == NULL) {
            if (granter != NULL) {
                domain_put(granter);
            }
            granter_domid = c->map[i].dom;
            granter = domain_get(granter_domid == DOMID_SELF ? d->domid : granter_domid);
        }
        if (granter == NULL) {
            c->map[i].status = GNTST_bad_domain;
        } else {
            grant_map(d, granter, &c->map[i]);
        }
    }
    if (granter != NULL) {
        domain_put(granter);
    }
}

static void do_unmap(struct domain *d, union chunk *c, unsigned count)
{
    grant_unmap(d, c->unmap, count);
}

static void do_copy(struct domain *d, union chunk *c, unsigned count)
{
    grant_copy(d, c->copy, count);
}

static void do_swap(struct domain *d, union chunk *c, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        c->swap[i].status = grant_swap(d, c->swap[i].ref_a, c->swap[i].ref_b);
    }
}

/* Only for PV guests. With bad_page the page still is the caller's. */
static void refuse_transfer(struct domain *d, union chunk *c, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        c->transfer[i].status = GNTST_bad_page;
    }
}

/* Replaces entries of page tables that the guest hands us: only for PV guests. */
static void refuse_replace(struct domain *d, union chunk *c, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        c->replace[i].status = GNTST_general_error;
    }
}

static long for_chunks(struct vcpu *v, uint64_t arg, unsigned count, size_t size,
                       void (*perform)(struct domain *d, union chunk *c, unsigned count))
{
    union chunk c;
    unsigned done = 0;

    while (done < count) {
        unsigned n = MIN(count - done, GRANT_BATCH);
        uint64_t address = arg + (uint64_t)done * size;

        if (done != 0 && (done >= RESTART_AFTER || hypercall_should_restart())) {
            hypercall_set_arg(v, 1, address);
            hypercall_set_arg(v, 2, count - done);
            return HYPERCALL_RESTART;
        }
        if (guest_copy_in(v, &c, address, n * size) != 0) {
            return -XEN_EFAULT;
        }
        perform(v->domain, &c, n);
        if (guest_copy_out(v, address, &c, n * size) != 0) {
            return -XEN_EFAULT;
        }
        done += n;
    }
    return 0;
}

/* Whom a query is about; NULL and *status when that is not to be had. */
static struct domain *target_get(struct vcpu *v, domid_t domid, int16_t *status)
{
    long rc;
    struct domain *d = domain_get_for(v, domid, &rc);

    *status = rc == 0 ? GNTST_okay : rc == -XEN_ESRCH ? GNTST_bad_domain : GNTST_permission_denied;
    return d;
}

static long op_query_size(struct vcpu *v, uint64_t arg)
{
    struct gnttab_query_size op;
    struct domain *d;
    uint32_t status_frames;

    if (guest_copy_in(v, &op, arg, sizeof(op)) != 0) {
        return -XEN_EFAULT;
    }
    d = target_get(v, op.dom, &op.status);
    if (d != NULL) {
        grant_frame_counts(d, &op.nr_frames, &op.max_nr_frames, &status_frames);
        domain_put(d);
    }
    return guest_copy_out(v, arg, &op, sizeof(op));
}

/* Writes `count` frame addresses. An auto-translated guest chooses itself where its frames are
 * (XENMEM_add_to_physmap), so there is none to be told. */
static int write_no_frames(struct vcpu *v, uint64_t list, uint32_t count)
{
    const uint64_t none = ~0UL;
    int rc = 0;

    for (uint32_t i = 0; i < count && rc == 0; i++) {
        rc = guest_copy_out(v, list + i * sizeof(none), &none, sizeof(none));
    }
    return rc;
}

static long op_setup_table(struct vcpu *v, uint64_t arg)
{
    struct gnttab_setup_table op;
    struct domain *d;

    if (guest_copy_in(v, &op, arg, sizeof(op)) != 0) {
        return -XEN_EFAULT;
    }
    d = target_get(v, op.dom, &op.status);
    if (d != NULL) {
        op.status = grant_grow(d, op.nr_frames) == 0 ? GNTST_okay : GNTST_general_error;
        domain_put(d);
    }
    if (op.status == GNTST_okay && write_no_frames(v, guest_address(op.frame_list), op.nr_frames) != 0) {
        return -XEN_EFAULT;
    }
    return guest_copy_out(v, arg, &op, sizeof(op));
}

static long op_get_status_frames(struct vcpu *v, uint64_t arg)
{
    struct gnttab_get_status_frames op;
    uint32_t frames, max_frames, status_frames = 0;
    struct domain *d;

    if (guest_copy_in(v, &op, arg, sizeof(op)) != 0) {
        return -XEN_EFAULT;
    }
    d = target_get(v, op.dom, &op.status);
    if (d != NULL) {
        grant_frame_counts(d, &frames, &max_frames, &status_frames);
        op.status = op.nr_frames <= status_frames ? GNTST_okay : GNTST_general_error;
        domain_put(d);
    }
    if (op.status == GNTST_okay && write_no_frames(v, guest_address(op.frame_list), op.nr_frames) != 0) {
        return -XEN_EFAULT;
    }
    return guest_copy_out(v, arg, &op, sizeof(op));
}

static long op_set_version(struct vcpu *v, uint64_t arg)
{
    struct gnttab_set_version op;
    long rc;

    if (guest_copy_in(v, &op, arg, sizeof(op)) != 0) {
        return -XEN_EFAULT;
    }
    rc = grant_set_version(v->domain, op.version);
    op.version = grant_get_version(v->domain);
    if (guest_copy_out(v, arg, &op, sizeof(op)) != 0) {
        return -XEN_EFAULT;
    }
    return rc;
}

static long op_get_version(struct vcpu *v, uint64_t arg)
{
    struct gnttab_get_version op;
    struct domain *d;
    long rc;

    if (guest_copy_in(v, &op, arg, sizeof(op)) != 0) {
        return -XEN_EFAULT;
    }
    d = domain_get_for(v, op.dom, &rc);
    if (d == NULL) {
        return rc;
    }
    op.version = grant_get_version(d);
    domain_put(d);
    return guest_copy_out(v, arg, &op, sizeof(op));
}

/* The operations that take one argument, not an array: count must be 1. */
static long single(struct vcpu *v, uint64_t arg, unsigned count, long (*op)(struct vcpu *v, uint64_t arg))
{
    return count == 1 ? op(v, arg) : -XEN_EINVAL;
}

long grant_table_op(struct vcpu *v, unsigned cmd, uint64_t arg, unsigned count)
{
    if ((int)count < 0) {
        return -XEN_EINVAL;
    }
    switch (cmd) {
    case GNTTABOP_map_grant_ref:
        return for_chunks(v, arg, count, sizeof(struct gnttab_map_grant_ref), do_map);
    case GNTTABOP_unmap_grant_ref:
        return for_chunks(v, arg, count, sizeof(struct gnttab_unmap_grant_ref), do_unmap);
    case GNTTABOP_copy:
        return for_chunks(v, arg, count, sizeof(struct gnttab_copy), do_copy);
    case GNTTABOP_swap_grant_ref:
        return for_chunks(v, arg, count, sizeof(struct gnttab_swap_grant_ref), do_swap);
    case GNTTABOP_transfer:
        return for_chunks(v, arg, count, sizeof(struct gnttab_transfer), refuse_transfer);
    case GNTTABOP_unmap_and_replace:
        return for_chunks(v, arg, count, sizeof(struct gnttab_unmap_and_replace), refuse_replace);
    case GNTTABOP_query_size:
        return single(v, arg, count, op_query_size);
    case GNTTABOP_setup_table:
        return single(v, arg, count, op_setup_table);
    case GNTTABOP_get_status_frames:
        return single(v, arg, count, op_get_status_frames);
    case GNTTABOP_set_version:
        return single(v, arg, count, op_set_version);
    case GNTTABOP_get_version:
        return single(v, arg, count, op_get_version);
    case GNTTABOP_cache_flush: /* x86 caches are coherent */
    default:
        return -XEN_ENOSYS;
    }
}
