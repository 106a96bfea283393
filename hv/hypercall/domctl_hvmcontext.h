/* SPDX-License-Identifier: Apache-2.0 */
/* The domctls on a domain's HVM context, called by hypercall/domctl.c with the operation copied in. */
#pragma once

#include <hv/types.h>
#include <xen/domctl.h>

struct domain;
struct vcpu;

/* All return 0 or a -XEN_E*; the first and the last change op, which is to be copied out on success.
 * v's own domain is refused with -XEN_EINVAL. */

/* XEN_DOMCTL_gethvmcontext: size becomes what was written or, without a buffer, what a save may take. */
long domctl_get_hvm_context(struct vcpu *v, struct domain *d, struct xen_domctl_hvmcontext *op);
/* XEN_DOMCTL_sethvmcontext: all or nothing. A vCPU that a CPU record is loaded into is up. */
long domctl_set_hvm_context(struct vcpu *v, struct domain *d, const struct xen_domctl_hvmcontext *op);
/* XEN_DOMCTL_gethvmcontext_partial: one record's body, without descriptor; bufsz becomes its length. */
long domctl_get_hvm_context_partial(struct vcpu *v, struct domain *d, struct xen_domctl_hvmcontext_partial *op);
