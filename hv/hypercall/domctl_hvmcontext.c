/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XEN_DOMCTL_{get,set}hvmcontext and gethvmcontext_partial: a domain's processor state between
 * core/hvm_context.c and the caller's buffer. The domain is paused meanwhile; it is never the
 * caller's own.
 */
#include <hv/domctl.h>

#include <hv/hvm_context.h>
#include <hv/hypercall.h>

/* The caller's buffer, filled from its start on. */
struct buffer {
    struct vcpu *v;
    uint64_t address;
    size_t size, used;
};

static int buffer_put(void *data, const void *bytes, size_t size)
{
    struct buffer *b = data;
    int rc;

    if (size > b->size - b->used) {
        return -XEN_ENOSPC;
    }
    rc = guest_copy_out(b->v, b->address + b->used, bytes, size);
    b->used += size;
    return rc;
}

static int buffer_get(void *data, size_t offset, void *bytes, size_t size)
{
    struct buffer *b = data;

    return guest_copy_in(b->v, bytes, b->address + offset, size);
}

long domctl_gethvmcontext(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_hvmcontext *context = &op->u.hvmcontext;
    struct buffer b = {.v = v, .address = guest_address(context->buffer), .size = context->size};
    long rc;

    if (b.address == 0) {
        context->size = (uint32_t)hvm_context_size(d);
        return 0;
    }
    domain_pause(d);
    rc = hvm_context_save(d, buffer_put, &b);
    domain_unpause(d);
    context->size = (uint32_t)b.used;
    return rc;
}

long domctl_sethvmcontext(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_hvmcontext *context = &op->u.hvmcontext;
    struct buffer b = {.v = v, .address = guest_address(context->buffer), .size = context->size};
    long rc;

    domain_pause(d);
    rc = hvm_context_load(d, b.size, buffer_get, &b);
    domain_unpause(d);
    return rc;
}

long domctl_gethvmcontext_partial(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_hvmcontext_partial *context = &op->u.hvmcontext_partial;
    void *record = page_alloc();
    long rc;

    if (record == NULL) {
        return -XEN_ENOMEM;
    }
    domain_pause(d);
    rc = hvm_context_save_one(d, context->type, context->instance, record);
    domain_unpause(d);

    if (rc > 0 && guest_address(context->buffer) != 0 && context->bufsz < (uint64_t)rc) {
        rc = -XEN_ENOSPC;
    } else if (rc > 0) { /* without a buffer only the length was asked for */
        size_t size = context->bufsz = (uint64_t)rc;

        rc = guest_address(context->buffer) != 0 ? guest_copy_out(v, guest_address(context->buffer), record, size) : 0;
    }
    page_free(record);
    return rc;
}
