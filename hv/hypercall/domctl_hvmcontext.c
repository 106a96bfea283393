/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XEN_DOMCTL_{get,set}hvmcontext and gethvmcontext_partial: a domain's processor state between
 * core/hvm_context.c and the caller's buffer. The domain is paused meanwhile; it is never the
 * caller's own.
 */
#include <hv/domctl.h>

#include <hv/hvm_context.h>
#include <hv/hypercall.h>

long domctl_gethvmcontext(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_hvmcontext *context = &op->u.hvmcontext;
    long rc;

    if (guest_address(context->buffer) == 0) {
        context->size = (uint32_t)hvm_context_size(d);
        return 0;
    }
    domain_pause(d);
    rc = hvm_context_save(d, v, guest_address(context->buffer), &context->size);
    domain_unpause(d);
    return rc;
}

long domctl_sethvmcontext(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_hvmcontext *context = &op->u.hvmcontext;
    long rc;

    domain_pause(d);
    rc = hvm_context_load(d, v, guest_address(context->buffer), context->size);
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
