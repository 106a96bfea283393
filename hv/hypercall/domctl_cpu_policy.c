/* SPDX-License-Identifier: Apache-2.0 */
/* XEN_DOMCTL_{get,set}_cpu_policy: what CPUID tells a domain. */
#include <hv/cpuid_policy.h>
#include <hv/domctl.h>
#include <hv/hypercall.h>

long domctl_get_cpu_policy(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_cpu_policy *policy = &op->u.cpu_policy;

    return cpuid_policy_copy_out(v, d->cpuid, guest_address(policy->leaves), &policy->nr_leaves,
                                 guest_address(policy->msrs), &policy->nr_msrs);
}

/* A page of each: far more than any policy has. */
#define MAX_LEAVES_IN (PAGE_SIZE / sizeof(xen_cpuid_leaf_t))
#define MAX_MSRS_IN   16U

static long set_policy(struct vcpu *v, struct domain *d, struct xen_domctl_cpu_policy *policy,
                       xen_cpuid_leaf_t *leaves)
{
    xen_msr_entry_t msrs[MAX_MSRS_IN];
    struct cpuid_policy_error error;
    long rc;

    if (guest_copy_in(v, leaves, guest_address(policy->leaves), policy->nr_leaves * sizeof(*leaves)) != 0 ||
        guest_copy_in(v, msrs, guest_address(policy->msrs), policy->nr_msrs * sizeof(*msrs)) != 0) {
        return -XEN_EFAULT;
    }
    rc = cpuid_policy_set(d, leaves, policy->nr_leaves, msrs, policy->nr_msrs, &error);
    policy->err_leaf = error.leaf;
    policy->err_subleaf = error.subleaf;
    policy->err_msr = error.msr;
    return rc;
}

/* Until the domain has started. err_* name what is objected to. */
long domctl_set_cpu_policy(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_cpu_policy *policy = &op->u.cpu_policy;
    xen_cpuid_leaf_t *leaves;
    long rc;

    policy->err_leaf = policy->err_subleaf = policy->err_msr = ~0U;
    if (d->was_started) {
        return -XEN_EEXIST;
    }
    if (policy->nr_leaves > MAX_LEAVES_IN || policy->nr_msrs > MAX_MSRS_IN) {
        return -XEN_E2BIG;
    }
    leaves = page_alloc();
    if (leaves == NULL) {
        return -XEN_ENOMEM;
    }
    rc = set_policy(v, d, policy, leaves);
    page_free(leaves);
    return rc;
}
