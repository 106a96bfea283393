/* SPDX-License-Identifier: Apache-2.0 */
/* XEN_DOMCTL_{get,set}_cpu_policy: what CPUID tells a domain; XEN_SYSCTL_*: what policies and feature sets this
 * host has. */
#include <hv/cpuid_policy.h>
#include <hv/domctl.h>
#include <hv/hypercall.h>
#include <hv/sysctl.h>

/* A policy into v's buffers; an address 0 asks for the most entries there can be. On return the counts say what there
 * is: 0, -XEN_ENOBUFS when that is more than given, -XEN_EFAULT. */
static long copy_out(struct vcpu *v, const struct cpuid_policy *policy, uint64_t leaves_address, uint32_t *nr_leaves,
                     uint64_t msrs_address, uint32_t *nr_msrs)
{
    xen_cpuid_leaf_t leaves[CPUID_MAX_LEAVES];
    xen_msr_entry_t msrs[CPUID_MAX_MSRS];
    uint32_t leaf_count = CPUID_MAX_LEAVES, msr_count = CPUID_MAX_MSRS;
    bool fits;

    if (leaves_address == 0 && msrs_address == 0) {
        *nr_leaves = CPUID_MAX_LEAVES;
        *nr_msrs = CPUID_MAX_MSRS;
        return 0;
    }
    if (cpuid_policy_serialise(policy, leaves, &leaf_count, msrs, &msr_count) != 0) {
        return -XEN_ENOBUFS;
    }
    fits = (leaves_address == 0 || leaf_count <= *nr_leaves) && (msrs_address == 0 || msr_count <= *nr_msrs);
    *nr_leaves = leaves_address == 0 ? CPUID_MAX_LEAVES : leaf_count;
    *nr_msrs = msrs_address == 0 ? CPUID_MAX_MSRS : msr_count;
    if (!fits) {
        return -XEN_ENOBUFS;
    }
    if ((leaves_address != 0 && guest_copy_out(v, leaves_address, leaves, leaf_count * sizeof(*leaves)) != 0) ||
        (msrs_address != 0 && guest_copy_out(v, msrs_address, msrs, msr_count * sizeof(*msrs)) != 0)) {
        return -XEN_EFAULT;
    }
    return 0;
}

/* --- A domain's ---------------------------------------------------------------------------- */

long domctl_get_cpu_policy(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_cpu_policy *policy = &op->u.cpu_policy;

    return copy_out(v, d->cpuid, guest_address(policy->leaves), &policy->nr_leaves, guest_address(policy->msrs),
                    &policy->nr_msrs);
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

/* --- The host's ---------------------------------------------------------------------------- */

/* Masking CPUID in hardware is for PV guests. */
long sysctl_get_cpu_levelling_caps(struct vcpu *v, struct xen_sysctl *op)
{
    op->u.cpu_levelling_caps.caps = 0;
    return 0;
}

long sysctl_get_cpu_featureset(struct vcpu *v, struct xen_sysctl *op)
{
    static const uint8_t policy_of[] = {
        [XEN_SYSCTL_cpu_featureset_raw] = XEN_SYSCTL_cpu_policy_raw,
        [XEN_SYSCTL_cpu_featureset_host] = XEN_SYSCTL_cpu_policy_host,
        [XEN_SYSCTL_cpu_featureset_pv] = XEN_SYSCTL_cpu_policy_pv_default,
        [XEN_SYSCTL_cpu_featureset_hvm] = XEN_SYSCTL_cpu_policy_hvm_default,
        [XEN_SYSCTL_cpu_featureset_pv_max] = XEN_SYSCTL_cpu_policy_pv_max,
        [XEN_SYSCTL_cpu_featureset_hvm_max] = XEN_SYSCTL_cpu_policy_hvm_max,
    };
    struct xen_sysctl_cpu_featureset *request = &op->u.cpu_featureset;
    uint64_t buffer = guest_address(request->features);
    uint32_t given = request->nr_features, words[CPUID_FEATURE_WORDS];
    const struct cpuid_policy *policy;

    if (buffer == 0) {
        request->nr_features = CPUID_FEATURE_WORDS;
        return 0;
    }
    if (request->index >= ARRAY_SIZE(policy_of)) {
        return -XEN_EINVAL;
    }
    policy = cpuid_policy_system(policy_of[request->index]);
    if (policy == NULL) {
        return -XEN_EOPNOTSUPP; /* no PV guests */
    }
    cpuid_policy_featureset(policy, words);
    request->nr_features = MIN(given, CPUID_FEATURE_WORDS);
    if (guest_copy_out(v, buffer, words, request->nr_features * sizeof(words[0])) != 0) {
        return -XEN_EFAULT;
    }
    return given < CPUID_FEATURE_WORDS ? -XEN_ENOBUFS : 0;
}

long sysctl_get_cpu_policy(struct vcpu *v, struct xen_sysctl *op)
{
    struct xen_sysctl_cpu_policy *request = &op->u.cpu_policy;
    const struct cpuid_policy *policy;

    if (request->_rsvd != 0 || request->index > XEN_SYSCTL_cpu_policy_hvm_default) {
        return -XEN_EINVAL;
    }
    policy = cpuid_policy_system(request->index);
    if (policy == NULL) {
        return -XEN_EOPNOTSUPP;
    }
    return copy_out(v, policy, guest_address(request->leaves), &request->nr_leaves, guest_address(request->msrs),
                    &request->nr_msrs);
}
