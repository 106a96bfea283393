/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HYPERVISOR_domctl (xen/domctl.h): copy in, check, find the domain, run one operation, copy out. One
 * operation of any CPU runs at a time; who finds the lock taken comes again through its door, for
 * the holder may be waiting for that very CPU to let go of a vCPU.
 */
#include <hv/domctl.h>

#include <hv/control.h>
#include <hv/hypercall.h>

enum domctl_flags {
    NO_DOMAIN = 1u << 0,      /* op->domain may name none: the operation gets NULL then */
    ALWAYS_ANSWERS = 1u << 1, /* op is copied out even when it failed */
    OTHER = 1u << 2,          /* not on the caller's own domain */
};

struct domctl_entry {
    domctl_fn *run;
    unsigned flags;
};

/* Things this hypervisor knows of and does not do: another answer than for an unknown number. */
static long unsupported(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    return -XEN_EOPNOTSUPP;
}

/* clang-format off */
static const struct domctl_entry table[] = {
    [XEN_DOMCTL_createdomain]             = {domctl_createdomain, NO_DOMAIN},
    [XEN_DOMCTL_destroydomain]            = {domctl_destroydomain, OTHER},
    [XEN_DOMCTL_pausedomain]              = {domctl_pausedomain, OTHER},
    [XEN_DOMCTL_unpausedomain]            = {domctl_unpausedomain, 0},
    [XEN_DOMCTL_resumedomain]             = {domctl_resumedomain, OTHER},
    [XEN_DOMCTL_getdomaininfo]            = {domctl_getdomaininfo, NO_DOMAIN},
    [XEN_DOMCTL_max_vcpus]                = {domctl_max_vcpus, OTHER},
    [XEN_DOMCTL_setdomainhandle]          = {domctl_setdomainhandle, 0},
    [XEN_DOMCTL_setnodeaffinity]          = {domctl_setnodeaffinity, 0},
    [XEN_DOMCTL_getnodeaffinity]          = {domctl_getnodeaffinity, 0},

    [XEN_DOMCTL_max_mem]                  = {domctl_max_mem, 0},
    [XEN_DOMCTL_getpageframeinfo3]        = {domctl_getpageframeinfo3, OTHER},
    [XEN_DOMCTL_shadow_op]                = {domctl_shadow_op, OTHER},
    [XEN_DOMCTL_get_paging_mempool_size]  = {domctl_get_paging_mempool_size, 0},
    [XEN_DOMCTL_set_paging_mempool_size]  = {domctl_set_paging_mempool_size, 0},

    [XEN_DOMCTL_getvcpuinfo]              = {domctl_getvcpuinfo, 0},
    [XEN_DOMCTL_setvcpuaffinity]          = {domctl_setvcpuaffinity, 0},
    [XEN_DOMCTL_getvcpuaffinity]          = {domctl_getvcpuaffinity, 0},
    [XEN_DOMCTL_scheduler_op]             = {domctl_scheduler_op, 0},
    [XEN_DOMCTL_sendtrigger]              = {domctl_sendtrigger, 0},
    [XEN_DOMCTL_set_address_size]         = {domctl_set_address_size, 0},
    [XEN_DOMCTL_get_address_size]         = {domctl_get_address_size, 0},
    [XEN_DOMCTL_getvcpucontext]           = {unsupported, 0}, /* gethvmcontext has it all */
    [XEN_DOMCTL_setvcpucontext]           = {unsupported, 0},

    [XEN_DOMCTL_settimeoffset]            = {domctl_settimeoffset, 0},
    [XEN_DOMCTL_settscinfo]               = {domctl_settscinfo, OTHER},
    [XEN_DOMCTL_gettscinfo]               = {domctl_gettscinfo, OTHER},

    [XEN_DOMCTL_gethvmcontext]            = {domctl_gethvmcontext, OTHER},
    [XEN_DOMCTL_sethvmcontext]            = {domctl_sethvmcontext, OTHER},
    [XEN_DOMCTL_gethvmcontext_partial]    = {domctl_gethvmcontext_partial, OTHER},
    [XEN_DOMCTL_get_cpu_policy]           = {domctl_get_cpu_policy, 0},
    [XEN_DOMCTL_set_cpu_policy]           = {domctl_set_cpu_policy, OTHER | ALWAYS_ANSWERS},

    [XEN_DOMCTL_setdebugging]             = {unsupported, 0},
    [XEN_DOMCTL_debug_op]                 = {unsupported, 0},
    [XEN_DOMCTL_vm_event_op]              = {unsupported, 0},
    [XEN_DOMCTL_monitor_op]               = {unsupported, 0},
    [XEN_DOMCTL_vmtrace_op]               = {unsupported, 0},
    [XEN_DOMCTL_setvnumainfo]             = {unsupported, 0},
    [XEN_DOMCTL_assign_device]            = {unsupported, 0},
    [XEN_DOMCTL_deassign_device]          = {unsupported, 0},
    [XEN_DOMCTL_test_assign_device]       = {unsupported, NO_DOMAIN},
    [XEN_DOMCTL_set_target]               = {unsupported, 0},
};
/* clang-format on */

static long run_locked(struct vcpu *v, const struct domctl_entry *entry, struct xen_domctl *op, uint64_t arg)
{
    struct domain *d = op->cmd == XEN_DOMCTL_createdomain ? NULL : domain_get(op->domain);
    long rc = -XEN_ESRCH;

    if (d == v->domain && (entry->flags & OTHER)) {
        rc = -XEN_EINVAL;
    } else if (d != NULL || (entry->flags & NO_DOMAIN)) {
        rc = entry->run(v, d, op);
        if ((rc == 0 || rc == HYPERCALL_RESTART || (entry->flags & ALWAYS_ANSWERS)) &&
            guest_copy_out(v, arg, op, sizeof(*op)) != 0) {
            rc = -XEN_EFAULT;
        }
    }
    domain_put(d);
    return rc;
}

long domctl_op(struct vcpu *v, uint64_t arg)
{
    struct xen_domctl op;
    long rc = control_begin(v, &op, sizeof(op), XEN_DOMCTL_INTERFACE_VERSION, arg);

    if (rc != 0) {
        return rc;
    }
    rc = op.cmd < ARRAY_SIZE(table) && table[op.cmd].run != NULL ? run_locked(v, &table[op.cmd], &op, arg)
                                                                 : -XEN_ENOSYS;
    spin_unlock(&control_lock);
    return rc;
}
