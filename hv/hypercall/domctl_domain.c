/* SPDX-License-Identifier: Apache-2.0 */
/* XEN_DOMCTL_*: a domain's life, its vCPUs' making, and what it is. */
#include <hv/control.h>
#include <hv/cpuid_policy.h>
#include <hv/domctl.h>
#include <hv/hypercall.h>

/* Flags that change nothing here and are taken: integrity over ACPI sleep is tboot's, and there are no shadow
 * page tables whose synchronisation could be chosen. */
#define CDF_WITHOUT_EFFECT (XEN_DOMCTL_CDF_s3_integrity | XEN_DOMCTL_CDF_oos_off)

/* Only PVH: a hardware-virtualized container with nested paging and at most a local APIC emulated. */
static long check_kind(const struct xen_domctl_createdomain *config)
{
    const uint32_t needed = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    uint32_t emulated = config->arch.emulation_flags;

    if ((config->flags & ~CDF_WITHOUT_EFFECT) != needed || (emulated & ~XEN_X86_EMU_ALL) ||
        (config->arch.misc_flags & ~XEN_X86_MISC_FLAGS_MAX)) {
        return -XEN_EINVAL;
    }
    return emulated == XEN_X86_EMU_LAPIC ? 0 : -XEN_EOPNOTSUPP;
}

static long check_limits(const struct xen_domctl_createdomain *config)
{
    uint32_t version = XEN_DOMCTL_GRANT_version(config->grant_opts);
    bool has_none = config->iommu_opts == 0 && config->vmtrace_size == 0 && config->cpupool_id == 0;

    return has_none && config->max_vcpus >= 1 && config->max_vcpus <= MAX_VCPUS &&
                   !(config->grant_opts & ~XEN_DOMCTL_GRANT_version_mask) && version >= 1 && version <= 2
               ? 0
               : -XEN_EINVAL;
}

/* The next free domid after the last one given, so that a number is long gone before it comes again. */
static long create_anywhere(const struct xen_domctl_createdomain *config, struct domain **d)
{
    static domid_t last; /* under the control lock */
    domid_t domid = last;

    for (unsigned tried = 1; tried < DOMID_FIRST_RESERVED; tried++) {
        long rc;

        domid = domid + 1 == DOMID_FIRST_RESERVED ? 1 : domid + 1;
        rc = domain_create(domid, config, false, d);
        if (rc != -XEN_EEXIST) {
            last = rc == 0 ? domid : last;
            return rc;
        }
    }
    return -XEN_ENOMEM;
}

long domctl_createdomain(struct vcpu *v, struct domain *unused, struct xen_domctl *op)
{
    const struct xen_domctl_createdomain *config = &op->u.createdomain;
    struct domain *d;
    long rc = check_kind(config);

    rc = rc != 0 ? rc : check_limits(config);
    if (rc != 0) {
        return rc;
    }
    rc = op->domain == 0 || op->domain >= DOMID_FIRST_RESERVED ? create_anywhere(config, &d)
                                                               : domain_create(op->domain, config, false, &d);
    if (rc == 0) {
        op->domain = d->domid;
        domain_put(d);
    }
    return rc;
}

long domctl_destroydomain(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    return domain_destroy(d);
}

long domctl_pausedomain(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    return domain_control_pause(d);
}

long domctl_unpausedomain(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    /* Nothing could ever run: the toolstack has forgotten XEN_DOMCTL_max_vcpus. */
    return d->vcpus[0] == NULL ? -XEN_EINVAL : domain_control_unpause(d);
}

long domctl_resumedomain(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    domain_resume(d);
    return 0;
}

/* Each vCPU is made once; a call that was interrupted finds those that are there. */
long domctl_max_vcpus(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    if (op->u.max_vcpus.max != d->max_vcpus || d->state != DOMAIN_ALIVE) {
        return -XEN_EINVAL;
    }
    for (unsigned id = 0; id < d->max_vcpus; id++) {
        if (d->vcpus[id] != NULL) {
            continue;
        }
        if (vcpu_create(d, id) != 0) {
            return -XEN_ENOMEM;
        }
        if (hypercall_should_restart()) {
            return HYPERCALL_RESTART;
        }
    }
    return 0;
}

long domctl_setdomainhandle(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    memcpy(d->config.handle, op->u.setdomainhandle.handle, sizeof(d->config.handle));
    return 0;
}

/* --- What it is --------------------------------------------------------------------------- */

/* Sums up the vCPUs: CPU time, how many are up, and whether the domain runs or waits. */
static uint32_t vcpu_flags(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    uint32_t flags = XEN_DOMINF_blocked;

    for_each_vcpu(d, v) {
        struct vcpu_runstate_info runstate;

        vcpu_runstate_get(v, &runstate);
        info->cpu_time += runstate.time[RUNSTATE_running];
        info->max_vcpu_id = v->id;
        if (vcpu_has_flag(v, VCPU_DOWN)) {
            continue;
        }
        info->nr_online_vcpus++;
        if (!vcpu_has_flag(v, VCPU_BLOCKED)) {
            flags &= ~XEN_DOMINF_blocked;
        }
        if (runstate.state == RUNSTATE_running) {
            flags |= XEN_DOMINF_running;
        }
    }
    return info->nr_online_vcpus == 0 ? 0 : flags;
}

static uint32_t state_flags(const struct domain *d)
{
    uint32_t code = (d->shutdown_code & XEN_DOMINF_shutdownmask) << XEN_DOMINF_shutdownshift;

    /* DEAD: while it is still being torn down the caller is at it itself. */
    return XEN_DOMINF_hvm_guest | XEN_DOMINF_hap | (d->state == DOMAIN_DEAD ? XEN_DOMINF_dying : 0) |
           (d->is_shut_down ? XEN_DOMINF_shutdown | code : 0) | (d->control_pause_count != 0 ? XEN_DOMINF_paused : 0);
}

void domctl_fill_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    memset(info, 0, sizeof(*info));
    info->domain = d->domid;
    info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
    info->flags = vcpu_flags(d, info) | state_flags(d);
    info->tot_pages = __atomic_load_n(&d->frames_owned, __ATOMIC_RELAXED);
    info->max_pages = d->frames_max;
    info->shared_info_frame = ~0UL; /* wherever the guest put it: we keep no map from frames back */
    memcpy(info->handle, d->config.handle, sizeof(info->handle));
    info->gpaddr_bits = d->cpuid->ext[8].eax & 0xff;
    info->arch_config = d->config.arch;
}

/* An unknown domid answers for the next domain above it: how lists were made before getdomaininfolist. */
long domctl_getdomaininfo(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    struct domain *found = NULL;

    if (d == NULL && op->domain >= DOMID_FIRST_RESERVED) {
        return -XEN_EINVAL;
    }
    if (d == NULL) {
        found = d = domain_get_next(op->domain);
    }
    if (d == NULL) {
        return -XEN_ESRCH;
    }
    memset(&op->u, 0, sizeof(op->u));
    domctl_fill_info(d, &op->u.getdomaininfo);
    op->domain = d->domid;
    domain_put(found);
    return 0;
}

/* --- NUMA ---------------------------------------------------------------------------------- */

long domctl_setnodeaffinity(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    unsigned long nodes[1];

    if (control_bitmap_in(v, nodes, 64, &op->u.nodeaffinity.nodemap) != 0) {
        return -XEN_EFAULT;
    }
    nodes[0] &= frame_nodes();
    if (nodes[0] == 0) {
        return -XEN_EINVAL;
    }
    d->node_affinity = nodes[0] == frame_nodes() ? 0 : (uint32_t)nodes[0];
    domain_update_nodes(d);
    return 0;
}

long domctl_getnodeaffinity(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    unsigned long nodes = d->memory_nodes != 0 ? d->memory_nodes : frame_nodes();

    return control_bitmap_out(v, &op->u.nodeaffinity.nodemap, &nodes, 64);
}
