/* SPDX-License-Identifier: Apache-2.0 */
/* XEN_DOMCTL_*: a domain's vCPUs: what they do, where they may run, their share, and a push from outside. */
#include <hv/control.h>
#include <hv/domctl.h>
#include <hv/vcpu.h>

/* Why there is no such vCPU. */
static long no_vcpu(const struct domain *d, uint32_t id)
{
    return id >= d->max_vcpus ? -XEN_EINVAL : -XEN_ESRCH;
}

long domctl_getvcpuinfo(struct vcpu *caller, struct domain *d, struct xen_domctl *op)
{
    uint32_t id = op->u.getvcpuinfo.vcpu;
    struct xen_domctl_getvcpuinfo *info = &op->u.getvcpuinfo;
    struct vcpu *v = domain_vcpu(d, id);
    struct vcpu_runstate_info runstate;

    if (v == NULL) {
        return no_vcpu(d, id);
    }
    vcpu_runstate_get(v, &runstate);
    memset(&op->u, 0, sizeof(op->u));
    info->vcpu = id;
    info->online = !vcpu_has_flag(v, VCPU_DOWN);
    info->blocked = vcpu_has_flag(v, VCPU_BLOCKED);
    info->running = runstate.state == RUNSTATE_running;
    info->cpu_time = runstate.time[RUNSTATE_running];
    info->cpu = v->sched.cpu;
    return 0;
}

/* --- Affinity ------------------------------------------------------------------------------ */

#define CPU_LONGS BITMAP_LONGS(MAX_CPUS)

/* Leaves the CPUs that run vCPUs in a set; returns whether there are any. */
static bool keep_usable(unsigned long *set)
{
    bool any = false;

    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
        if (cpu < sched_first_cpu || cpu >= cpu_count) {
            bit_clear(set, cpu);
        } else if (bit_test(set, cpu)) {
            any = true;
        }
    }
    return any;
}

/* Sets what is asked for and returns what is effective: of each set the CPUs that run vCPUs. */
long domctl_setvcpuaffinity(struct vcpu *caller, struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpuaffinity *request = &op->u.vcpuaffinity;
    unsigned long hard[CPU_LONGS], soft[CPU_LONGS], effective[CPU_LONGS];
    bool sets_hard = request->flags & XEN_VCPUAFFINITY_HARD, sets_soft = request->flags & XEN_VCPUAFFINITY_SOFT;
    struct vcpu *v = domain_vcpu(d, request->vcpu);

    if ((!sets_hard && !sets_soft) ||
        (request->flags & ~(XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT | XEN_VCPUAFFINITY_FORCE))) {
        return -XEN_EINVAL;
    }
    if (v == NULL) {
        return no_vcpu(d, request->vcpu);
    }
    if ((sets_hard && control_bitmap_in(caller, hard, MAX_CPUS, &request->cpumap_hard) != 0) ||
        (sets_soft && control_bitmap_in(caller, soft, MAX_CPUS, &request->cpumap_soft) != 0)) {
        return -XEN_EFAULT;
    }
    memcpy(effective, sets_hard ? hard : v->sched.hard_affinity, sizeof(effective));
    if (!keep_usable(effective)) {
        return -XEN_EINVAL; /* it could never run */
    }
    sched_set_affinity(v, sets_hard ? hard : NULL, sets_soft ? soft : NULL);
    domain_update_nodes(d);

    if (sets_hard && control_bitmap_out(caller, &request->cpumap_hard, effective, MAX_CPUS) != 0) {
        return -XEN_EFAULT;
    }
    for (unsigned i = 0; i < CPU_LONGS; i++) {
        effective[i] &= v->sched.soft_affinity[i];
    }
    return sets_soft ? control_bitmap_out(caller, &request->cpumap_soft, effective, MAX_CPUS) : 0;
}

long domctl_getvcpuaffinity(struct vcpu *caller, struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpuaffinity *request = &op->u.vcpuaffinity;
    struct vcpu *v = domain_vcpu(d, request->vcpu);
    long rc = 0;

    if (request->flags == 0 || (request->flags & ~(XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT))) {
        return -XEN_EINVAL;
    }
    if (v == NULL) {
        return no_vcpu(d, request->vcpu);
    }
    if (request->flags & XEN_VCPUAFFINITY_HARD) {
        rc = control_bitmap_out(caller, &request->cpumap_hard, v->sched.hard_affinity, MAX_CPUS);
    }
    if (rc == 0 && (request->flags & XEN_VCPUAFFINITY_SOFT)) {
        rc = control_bitmap_out(caller, &request->cpumap_soft, v->sched.soft_affinity, MAX_CPUS);
    }
    return rc;
}

/* --- Share --------------------------------------------------------------------------------- */

static long put_share(struct domain *d, const struct xen_domctl_sched_credit2 *share)
{
    if (share->cap != 0) {
        return -XEN_EOPNOTSUPP; /* no upper limit to what an idle host gives */
    }
    if (share->weight == 0) {
        return -XEN_EINVAL;
    }
    d->sched_weight = share->weight;
    for_each_vcpu(d, v) {
        sched_set_weight(v, share->weight);
    }
    return 0;
}

/* Weights are per domain: each of its vCPUs has that weight. */
long domctl_scheduler_op(struct vcpu *caller, struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_scheduler_op *request = &op->u.scheduler_op;

    if (request->sched_id != XEN_SCHEDULER_CREDIT2) {
        return -XEN_EINVAL;
    }
    switch (request->cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        request->u.credit2.weight = d->sched_weight;
        request->u.credit2.cap = 0;
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo:
        return put_share(d, &request->u.credit2);
    default:
        return -XEN_EINVAL; /* nothing is set by vCPU */
    }
}

/* --- The rest ------------------------------------------------------------------------------ */

long domctl_sendtrigger(struct vcpu *caller, struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = domain_vcpu(d, op->u.sendtrigger.vcpu);

    if (v == NULL) {
        return no_vcpu(d, op->u.sendtrigger.vcpu);
    }
    if (op->u.sendtrigger.trigger != XEN_DOMCTL_SENDTRIGGER_NMI) {
        return -XEN_ENOSYS; /* buttons are a device model's, and INIT is between vCPUs */
    }
    vcpu_nmi(v);
    return 0;
}

/* The word size of PV guests; others choose their mode themselves. */
long domctl_set_address_size(struct vcpu *caller, struct domain *d, struct xen_domctl *op)
{
    return op->u.address_size.size == 64 ? 0 : -XEN_EINVAL;
}

long domctl_get_address_size(struct vcpu *caller, struct domain *d, struct xen_domctl *op)
{
    op->u.address_size.size = 64;
    return 0;
}
