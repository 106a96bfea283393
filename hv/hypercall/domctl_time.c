/* SPDX-License-Identifier: Apache-2.0 */
/* XEN_DOMCTL_*: a domain's wall clock and its TSC. */
#include <hv/domctl.h>
#include <hv/hypercall.h>
#include <hv/time.h>

/* Values of tsc_mode (xen/arch-x86/cpuid.h, leaf 3 of the hypervisor). */
enum tsc_mode {
    TSC_MODE_DEFAULT,
    TSC_MODE_ALWAYS_EMULATE,
    TSC_MODE_NEVER_EMULATE,
};

long domctl_settimeoffset(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    d->wallclock_offset_s = op->u.settimeoffset.time_offset_seconds;
    time_update_wallclock(d);
    return 0;
}

long domctl_gettscinfo(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    op->u.tsc_info = (struct xen_domctl_tsc_info){
        .tsc_mode = d->tsc_mode,
        .gtsc_khz = (uint32_t)host_tsc_khz,
        .incarnation = d->tsc_incarnation,
        .elapsed_nsec = now_ns() + d->time_offset_ns,
    };
    return 0;
}

/* Lets the domain's time go on from where it was saved: system time and TSC both count from
 * its start. */
static void continue_from(struct domain *d, uint64_t elapsed_ns)
{
    uint64_t now = now_ns();
    uint64_t elapsed_ticks = tsc_at_ns(elapsed_ns) - host_boot_tsc;

    d->time_offset_ns = elapsed_ns - now;
    time_set_tsc_offset(d, elapsed_ticks - tsc_at_ns(now));
    time_update_wallclock(d);
}

/* The TSC is never emulated and runs at the host's rate: what needs anything else is refused. */
long domctl_settscinfo(struct vcpu *v, struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_tsc_info *info = &op->u.tsc_info;

    if (info->tsc_mode > TSC_MODE_NEVER_EMULATE) {
        return -XEN_EINVAL;
    }
    if (info->tsc_mode == TSC_MODE_ALWAYS_EMULATE ||
        (info->gtsc_khz != 0 && info->gtsc_khz != (uint32_t)host_tsc_khz)) {
        return -XEN_EOPNOTSUPP;
    }
    domain_pause(d);
    d->tsc_mode = info->tsc_mode;
    d->tsc_incarnation = info->incarnation;
    if (info->elapsed_nsec != 0) {
        continue_from(d, info->elapsed_nsec);
    }
    domain_unpause(d);
    return 0;
}
