/* SPDX-License-Identifier: Apache-2.0 */
/* XEN_SYSCTL_*: what CPUID policies and feature sets this host has. */
#include <hv/cpuid_policy.h>
#include <hv/hypercall.h>
#include <hv/sysctl.h>

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
    return cpuid_policy_copy_out(v, policy, guest_address(request->leaves), &request->nr_leaves,
                                 guest_address(request->msrs), &request->nr_msrs);
}
