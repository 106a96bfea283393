/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GNTTABOP_copy: bytes from one page to another, each either the caller's own guest frame or another
 * domain's granted one. Backends send batches that hit the same page again and again, so both ends
 * stay open until an operation needs another page.
 */
#include "grant_entries.h"

#include <hv/arch/cpu.h>

/* One side of a copy, with what it holds. */
struct copy_end {
    bool is_open, is_gref, is_write;
    domid_t domid;
    uint64_t frame;         /* ref or gfn, as is_gref says */
    struct domain *granter; /* referenced; NULL unless is_gref */
    struct grant_hold hold;
};

static void end_close(struct copy_end *end)
{
    if (!end->is_open) {
        return;
    }
    if (end->is_gref) {
        grant_unhold(end->granter, (uint32_t)end->frame, end->is_write);
        domain_put(end->granter);
    }
    frame_put(end->hold.mfn);
    end->is_open = false;
}

/* A frame of the caller's own: what it maps of others could be unmapped by another of its vCPUs meanwhile, and
 * would then be written when the granter believes to have it back. */
static int16_t open_local(struct domain *d, struct copy_end *end)
{
    if (end->domid != DOMID_SELF) {
        return GNTST_permission_denied;
    }
    end->hold = (struct grant_hold){
        .mfn = p2m_get_own_frame(d, gfn(end->frame), end->is_write),
        .start = 0,
        .end = PAGE_SIZE,
    };
    return mfn_is_none(end->hold.mfn) ? GNTST_bad_page : GNTST_okay;
}

static int16_t open_granted(struct domain *d, struct copy_end *end)
{
    int16_t status;

    end->granter = domain_get(end->domid == DOMID_SELF ? d->domid : end->domid);
    if (end->granter == NULL) {
        return GNTST_bad_domain;
    }
    status = grant_hold(end->granter, (uint32_t)end->frame, d->domid, end->is_write, true, &end->hold);
    if (status != GNTST_okay) {
        domain_put(end->granter);
    }
    return status;
}

/* Opens the page that one side of an operation names, unless it is open already. */
static int16_t end_open(struct domain *d, struct copy_end *end, const struct gnttab_copy_ptr *ptr, bool is_gref)
{
    uint64_t frame = is_gref ? ptr->u.ref : ptr->u.gmfn;
    int16_t status;

    if (end->is_open && end->is_gref == is_gref && end->domid == ptr->domid && end->frame == frame) {
        return GNTST_okay;
    }
    end_close(end);
    end->is_gref = is_gref;
    end->domid = ptr->domid;
    end->frame = frame;
    end->granter = NULL;
    status = is_gref ? open_granted(d, end) : open_local(d, end);
    end->is_open = status == GNTST_okay;
    return status;
}

/* Where offset lies in the open page, if size bytes from there are granted; else NULL. */
static char *end_bytes(const struct copy_end *end, uint16_t offset, uint16_t size)
{
    if (offset < end->hold.start || (uint32_t)offset + size > end->hold.end) {
        return NULL;
    }
    return (char *)mfn_to_virt(end->hold.mfn) + offset;
}

static int16_t copy_one(struct domain *d, const struct gnttab_copy *op, struct copy_end *source,
                        struct copy_end *dest)
{
    int16_t status;
    char *from, *to;

    if ((uint32_t)op->source.offset + op->len > PAGE_SIZE || (uint32_t)op->dest.offset + op->len > PAGE_SIZE) {
        return GNTST_bad_copy_arg;
    }
    status = end_open(d, source, &op->source, op->flags & GNTCOPY_source_gref);
    if (status == GNTST_okay) {
        status = end_open(d, dest, &op->dest, op->flags & GNTCOPY_dest_gref);
    }
    if (status != GNTST_okay) {
        return status;
    }
    from = end_bytes(source, op->source.offset, op->len);
    to = end_bytes(dest, op->dest.offset, op->len);
    if (from == NULL || to == NULL) {
        return GNTST_general_error;
    }
    memmove(to, from, op->len);
    return GNTST_okay;
}

void grant_copy(struct domain *d, struct gnttab_copy *ops, unsigned count)
{
    struct copy_end source = {.is_write = false}, dest = {.is_write = true};

    for (unsigned i = 0; i < count; i++) {
        ops[i].status = copy_one(d, &ops[i], &source, &dest);
    }
    end_close(&source);
    end_close(&dest);
}
