/* SPDX-License-Identifier: Apache-2.0 */
/* A CPUID policy into a caller's buffers: one form for XEN_DOMCTL_ and XEN_SYSCTL_get_cpu_policy. */
#include <hv/cpuid_policy.h>
#include <hv/hypercall.h>

long cpuid_policy_copy_out(struct vcpu *v, const struct cpuid_policy *policy, uint64_t leaves_address,
                           uint32_t *nr_leaves, uint64_t msrs_address, uint32_t *nr_msrs)
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
