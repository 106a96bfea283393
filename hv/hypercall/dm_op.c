/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_dm_op (xen/hvm/dm_op.h): what a device model does for its domain. No domain here has a device
 * model, so a caller learns who it may act on, and that there is nothing to do.
 */
#include <hv/hypercall.h>

long dm_op(struct vcpu *v, domid_t domid, unsigned nr_bufs, uint64_t bufs)
{
    struct domain *d;

    if (!v->domain->is_privileged) {
        return -XEN_EPERM;
    }
    if (nr_bufs == 0) {
        return -XEN_EINVAL;
    }
    d = domain_get(domid);
    if (d == NULL) {
        return -XEN_ESRCH;
    }
    domain_put(d);
    return -XEN_EOPNOTSUPP;
}
