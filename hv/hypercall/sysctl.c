/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_sysctl (xen/sysctl.h): what concerns the host and not one domain. Copy in, check, run one
 * operation under the control lock, copy out.
 */
#include <hv/sysctl.h>

#include <hv/control.h>
#include <hv/hypercall.h>

/* Known, and not done here. */
static long unsupported(struct vcpu *v, struct xen_sysctl *op)
{
    return -XEN_EOPNOTSUPP;
}

/* No driver for the hardware in question (power states, cache monitoring). */
static long no_device(struct vcpu *v, struct xen_sysctl *op)
{
    return -XEN_ENODEV;
}

/* clang-format off */
static sysctl_fn *const table[] = {
    [XEN_SYSCTL_readconsole]            = sysctl_readconsole,
    [XEN_SYSCTL_debug_keys]             = sysctl_debug_keys,
    [XEN_SYSCTL_tbuf_op]                = sysctl_tbuf_op,
    [XEN_SYSCTL_perfc_op]               = sysctl_perfc_op,
    [XEN_SYSCTL_physinfo]               = sysctl_physinfo,
    [XEN_SYSCTL_getcpuinfo]             = sysctl_getcpuinfo,
    [XEN_SYSCTL_cputopoinfo]            = sysctl_cputopoinfo,
    [XEN_SYSCTL_numainfo]               = sysctl_numainfo,
    [XEN_SYSCTL_pcitopoinfo]            = sysctl_pcitopoinfo,
    [XEN_SYSCTL_availheap]              = sysctl_availheap,
    [XEN_SYSCTL_getdomaininfolist]      = sysctl_getdomaininfolist,
    [SYSCTL_getdomaininfolist_continue] = sysctl_getdomaininfolist_continue,
    [XEN_SYSCTL_sched_id]               = sysctl_sched_id,
    [XEN_SYSCTL_scheduler_op]           = sysctl_scheduler_op,
    [XEN_SYSCTL_cpupool_op]             = sysctl_cpupool_op,
    [XEN_SYSCTL_get_cpu_levelling_caps] = sysctl_get_cpu_levelling_caps,
    [XEN_SYSCTL_get_cpu_featureset]     = sysctl_get_cpu_featureset,
    [XEN_SYSCTL_get_cpu_policy]         = sysctl_get_cpu_policy,

    [XEN_SYSCTL_get_pmstat]             = no_device,
    [XEN_SYSCTL_pm_op]                  = no_device,
    [XEN_SYSCTL_psr_cmt_op]             = no_device,
    [XEN_SYSCTL_psr_alloc]              = no_device,
    [XEN_SYSCTL_cpu_hotplug]            = unsupported,
    [XEN_SYSCTL_page_offline_op]        = unsupported,
    [XEN_SYSCTL_coverage_op]            = unsupported,
    [XEN_SYSCTL_livepatch_op]           = unsupported,
};
/* clang-format on */

long sysctl_op(struct vcpu *v, uint64_t arg)
{
    struct xen_sysctl op;
    long rc = control_begin(v, &op, sizeof(op), XEN_SYSCTL_INTERFACE_VERSION, arg);

    if (rc != 0) {
        return rc;
    }
    rc = op.cmd < ARRAY_SIZE(table) && table[op.cmd] != NULL ? table[op.cmd](v, &op) : -XEN_ENOSYS;
    spin_unlock(&control_lock);
    /* ENOBUFS tells how much would have been needed. */
    if ((rc == 0 || rc == HYPERCALL_RESTART || rc == -XEN_ENOBUFS) &&
        guest_copy_out(v, arg, &op, sizeof(op)) != 0) {
        rc = -XEN_EFAULT;
    }
    return rc;
}
