/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_grant_table_op (xen/grant_table.h). The frequent operations come as arrays: they are
 * copied in, done and copied out a chunk at a time, and the call restarts behind the chunks done.
 * What an operation finds wrong goes into its status; the call itself fails only where its arguments
 * cannot be read or written.
 */
#include <hv/domain.h>
#include <hv/grant.h>
#include <hv/guest_struct.h>
#include <hv/hypercall.h>
#include <hv/string.h>
#include <hv/vcpu.h>

/* Operations done before the call restarts, so that interrupts are not held up. */
#define RESTART_AFTER 64U

/* See hv/guest_struct.h; the others are the same for 32-bit callers. */
#define LAYOUT_SETUP_TABLE   "hwhp"
#define LAYOUT_STATUS_FRAMES "whhp"
#define LAYOUT_COPY          "phh|phh|hhh"
#define LAYOUT_TRANSFER      "phwh"

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

/* n elements that lie in our memory as a 64-bit caller has them. */
static int chunk_in(struct vcpu *v, union chunk *c, uint64_t address, unsigned n, size_t size, const char *layout)
{
    size_t guest_size;
    int rc = 0;

    if (layout == NULL || !guest_is_narrow(v)) {
        return guest_copy_in(v, c, address, n * size);
    }
    guest_size = guest_struct_size(v, size, layout);
    for (unsigned i = 0; i < n && rc == 0; i++) {
        rc = guest_struct_in(v, (char *)c + i * size, size, address + i * guest_size, layout);
    }
    return rc;
}

static int chunk_out(struct vcpu *v, uint64_t address, const union chunk *c, unsigned n, size_t size,
                     const char *layout)
{
    size_t guest_size;
    int rc = 0;

    if (layout == NULL || !guest_is_narrow(v)) {
        return guest_copy_out(v, address, c, n * size);
    }
    guest_size = guest_struct_size(v, size, layout);
    for (unsigned i = 0; i < n && rc == 0; i++) {
        rc = guest_struct_out(v, address + i * guest_size, (const char *)c + i * size, size, layout);
    }
    return rc;
}

/* layout: NULL where it is the same for every caller. */
static long for_chunks(struct vcpu *v, uint64_t arg, unsigned count, size_t size, const char *layout,
                       void (*perform)(struct domain *d, union chunk *c, unsigned count))
{
    size_t guest_size = layout == NULL ? size : guest_struct_size(v, size, layout);
    union chunk c;
    unsigned done = 0;

    while (done < count) {
        unsigned n = MIN(count - done, GRANT_BATCH);
        uint64_t address = arg + (uint64_t)done * guest_size;

        if (done != 0 && (done >= RESTART_AFTER || hypercall_should_restart())) {
            hypercall_set_arg(v, 1, address);
            hypercall_set_arg(v, 2, count - done);
            return HYPERCALL_RESTART;
        }
        if (chunk_in(v, &c, address, n, size, layout) != 0) {
            return -XEN_EFAULT;
        }
        perform(v->domain, &c, n);
        if (chunk_out(v, address, &c, n, size, layout) != 0) {
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

/* Writes `count` frame addresses of such a size. An auto-translated guest chooses itself where its frames
 * are (XENMEM_add_to_physmap), so there is none to be told. */
static int write_no_frames(struct vcpu *v, uint64_t list, uint32_t count, size_t size)
{
    const uint64_t none = ~0UL;
    int rc = 0;

    for (uint32_t i = 0; i < count && rc == 0; i++) {
        rc = guest_copy_out(v, list + i * size, &none, size);
    }
    return rc;
}

static long op_setup_table(struct vcpu *v, uint64_t arg)
{
    struct gnttab_setup_table op;
    struct domain *d;

    if (guest_struct_in(v, &op, sizeof(op), arg, LAYOUT_SETUP_TABLE) != 0) {
        return -XEN_EFAULT;
    }
    d = target_get(v, op.dom, &op.status);
    if (d != NULL) {
        op.status = grant_grow(d, op.nr_frames) == 0 ? GNTST_okay : GNTST_general_error;
        domain_put(d);
    }
    if (op.status == GNTST_okay &&
        write_no_frames(v, guest_address(op.frame_list), op.nr_frames, guest_is_narrow(v) ? 4 : 8) != 0) {
        return -XEN_EFAULT;
    }
    return guest_struct_out(v, arg, &op, sizeof(op), LAYOUT_SETUP_TABLE);
}

static long op_get_status_frames(struct vcpu *v, uint64_t arg)
{
    struct gnttab_get_status_frames op;
    uint32_t frames, max_frames, status_frames = 0;
    struct domain *d;

    if (guest_struct_in(v, &op, sizeof(op), arg, LAYOUT_STATUS_FRAMES) != 0) {
        return -XEN_EFAULT;
    }
    d = target_get(v, op.dom, &op.status);
    if (d != NULL) {
        grant_frame_counts(d, &frames, &max_frames, &status_frames);
        op.status = op.nr_frames <= status_frames ? GNTST_okay : GNTST_general_error;
        domain_put(d);
    }
    if (op.status == GNTST_okay && write_no_frames(v, guest_address(op.frame_list), op.nr_frames, sizeof(uint64_t)) != 0) {
        return -XEN_EFAULT;
    }
    return guest_struct_out(v, arg, &op, sizeof(op), LAYOUT_STATUS_FRAMES);
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
        return for_chunks(v, arg, count, sizeof(struct gnttab_map_grant_ref), NULL, do_map);
    case GNTTABOP_unmap_grant_ref:
        return for_chunks(v, arg, count, sizeof(struct gnttab_unmap_grant_ref), NULL, do_unmap);
    case GNTTABOP_copy:
        return for_chunks(v, arg, count, sizeof(struct gnttab_copy), LAYOUT_COPY, do_copy);
    case GNTTABOP_swap_grant_ref:
        return for_chunks(v, arg, count, sizeof(struct gnttab_swap_grant_ref), NULL, do_swap);
    case GNTTABOP_transfer:
        return for_chunks(v, arg, count, sizeof(struct gnttab_transfer), LAYOUT_TRANSFER, refuse_transfer);
    case GNTTABOP_unmap_and_replace:
        return for_chunks(v, arg, count, sizeof(struct gnttab_unmap_and_replace), NULL, refuse_replace);
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
