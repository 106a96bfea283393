/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XEN_SYSCTL_getdomaininfolist: all domains from a domid on, in the order of their domids. A long list
 * is made in pieces: the operation comes again under a number of our own, which says that num_domains
 * entries are done and first_domain is where to go on.
 */
#include <hv/domctl.h>
#include <hv/hypercall.h>
#include <hv/sysctl.h>

/* Domains described before the call may be interrupted. */
#define DOMAINS_AT_ONCE 16U

long sysctl_getdomaininfolist(struct vcpu *v, struct xen_sysctl *op)
{
    struct xen_sysctl_getdomaininfolist *list = &op->u.getdomaininfolist;

    list->num_domains = 0;
    return sysctl_getdomaininfolist_continue(v, op);
}

long sysctl_getdomaininfolist_continue(struct vcpu *v, struct xen_sysctl *op)
{
    struct xen_sysctl_getdomaininfolist *list = &op->u.getdomaininfolist;
    uint64_t buffer = guest_address(list->buffer);

    op->cmd = XEN_SYSCTL_getdomaininfolist;
    for (unsigned now = 0; list->num_domains < list->max_domains; now++) {
        struct xen_domctl_getdomaininfo info;
        struct domain *d;

        if (now >= DOMAINS_AT_ONCE && hypercall_should_restart()) {
            op->cmd = SYSCTL_getdomaininfolist_continue;
            return HYPERCALL_RESTART;
        }
        d = domain_get_next(list->first_domain);
        if (d == NULL) {
            break;
        }
        domctl_fill_info(d, &info);
        list->first_domain = d->domid + 1;
        domain_put(d);
        if (guest_copy_out(v, buffer + (uint64_t)list->num_domains * sizeof(info), &info, sizeof(info)) != 0) {
            return -XEN_EFAULT;
        }
        list->num_domains++;
    }
    return 0;
}
