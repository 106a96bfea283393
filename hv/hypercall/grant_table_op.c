/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_grant_table_op (xen/grant_table.h). The frequent operations come as arrays: they are
 * copied in, done and copied out a chunk at a time, and the call restarts behind the chunks done.
 * What an operation finds wrong goes into its status; the call itself fails only where its arguments
 * cannot be read or written.
 */
#include <hv/grant.h>
#include <hv/guest_struct.h>
#include <hv/hypercall.h>
#include <hv/operation.h>

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
            domain_put(granter);
            granter_domid = c->map[i].dom;
            granter = domain_get(granter_domid == DOMID_SELF ? d->domid : granter_domid);
        }
        if (granter == NULL) {
            c->map[i].status = GNTST_bad_domain;
        } else {
            grant_map(d, granter, &c->map[i]);
        }
    }
    domain_put(granter);
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

/* n elements that lie in our memory as a 64-bit caller has them, in or out. */
static int copy_chunk(struct vcpu *v, uint64_t address, union chunk *c, unsigned n, size_t size, const char *layout,
                      bool is_out)
{
    size_t guest_size = guest_struct_size(v, size, layout);
    int rc = 0;

    if (guest_size == size) { /* then it is the same structure: in one piece */
        return is_out ? guest_copy_out(v, address, c, n * size) : guest_copy_in(v, c, address, n * size);
    }
    for (unsigned i = 0; i < n && rc == 0; i++) {
        char *element = (char *)c + i * size;

        rc = is_out ? guest_struct_out(v, address + i * guest_size, element, size, layout)
                    : guest_struct_in(v, element, size, address + i * guest_size, layout);
    }
    return rc;
}

static long for_chunks(struct vcpu *v, uint64_t arg, unsigned count, size_t size, const char *layout,
                       void (*perform)(struct domain *d, union chunk *c, unsigned count))
{
    size_t guest_size = guest_struct_size(v, size, layout);
    union chunk c;

    for (unsigned done = 0, n; done < count; done += n) {
        uint64_t address = arg + (uint64_t)done * guest_size;

        if (done != 0 && (done >= RESTART_AFTER || hypercall_should_restart())) {
            hypercall_set_arg(v, 1, address);
            hypercall_set_arg(v, 2, count - done);
            return HYPERCALL_RESTART;
        }
        n = MIN(count - done, GRANT_BATCH);
        if (copy_chunk(v, address, &c, n, size, layout, false) != 0) {
            return -XEN_EFAULT;
        }
        perform(v->domain, &c, n);
        if (copy_chunk(v, address, &c, n, size, layout, true) != 0) {
            return -XEN_EFAULT;
        }
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

static long query_size(struct vcpu *v, struct domain *unused, unsigned cmd, void *arg)
{
    struct gnttab_query_size *op = arg;
    struct domain *d = target_get(v, op->dom, &op->status);
    uint32_t status_frames;

    if (d != NULL) {
        grant_frame_counts(d, &op->nr_frames, &op->max_nr_frames, &status_frames);
        domain_put(d);
    }
    return 0;
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

static long setup_table(struct vcpu *v, struct domain *unused, unsigned cmd, void *arg)
{
    struct gnttab_setup_table *op = arg;
    struct domain *d = target_get(v, op->dom, &op->status);

    if (d != NULL) {
        op->status = grant_grow(d, op->nr_frames) == 0 ? GNTST_okay : GNTST_general_error;
        domain_put(d);
    }
    return op->status != GNTST_okay
               ? 0
               : write_no_frames(v, guest_address(op->frame_list), op->nr_frames, guest_is_narrow(v) ? 4 : 8);
}

static long get_status_frames(struct vcpu *v, struct domain *unused, unsigned cmd, void *arg)
{
    struct gnttab_get_status_frames *op = arg;
    struct domain *d = target_get(v, op->dom, &op->status);
    uint32_t frames, max_frames, status_frames;

    if (d != NULL) {
        grant_frame_counts(d, &frames, &max_frames, &status_frames);
        op->status = op->nr_frames <= status_frames ? GNTST_okay : GNTST_general_error;
        domain_put(d);
    }
    return op->status != GNTST_okay
               ? 0
               : write_no_frames(v, guest_address(op->frame_list), op->nr_frames, sizeof(uint64_t));
}

/* The version that is, also where another was refused. */
static long set_version(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    struct gnttab_set_version *op = arg;
    long rc = grant_set_version(d, op->version);

    op->version = grant_get_version(d);
    return rc;
}

static long get_version(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    ((struct gnttab_get_version *)arg)->version = grant_get_version(d);
    return 0;
}

/* The operations that take one argument, not an array: count must be 1. */
static const struct operation operations[] = {
    [GNTTABOP_query_size] = {OP(query_size, gnttab_query_size, OP_GIVES)},
    [GNTTABOP_setup_table] = {OP(setup_table, gnttab_setup_table, OP_GIVES), .layout = "hwhp"},
    [GNTTABOP_get_status_frames] = {OP(get_status_frames, gnttab_get_status_frames, OP_GIVES), .layout = "whhp"},
    [GNTTABOP_set_version] = {OP(set_version, gnttab_set_version, OP_GIVES | OP_TELLS)},
    [GNTTABOP_get_version] = {OP_ON(get_version, gnttab_get_version, dom, OP_GIVES)},
};

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
        return for_chunks(v, arg, count, sizeof(struct gnttab_copy), "phh|phh|hhh", do_copy);
    case GNTTABOP_swap_grant_ref:
        return for_chunks(v, arg, count, sizeof(struct gnttab_swap_grant_ref), NULL, do_swap);
    case GNTTABOP_transfer:
        return for_chunks(v, arg, count, sizeof(struct gnttab_transfer), "phwh", refuse_transfer);
    case GNTTABOP_unmap_and_replace:
        return for_chunks(v, arg, count, sizeof(struct gnttab_unmap_and_replace), NULL, refuse_replace);
    case GNTTABOP_cache_flush: /* x86 caches are coherent */
        return -XEN_ENOSYS;
    default:
        return count == 1 || OPERATION(operations, cmd) == NULL
                   ? operation_run(v, OPERATION(operations, cmd), cmd, arg)
                   : -XEN_EINVAL;
    }
}
