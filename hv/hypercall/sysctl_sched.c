/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XEN_SYSCTL_*: the scheduler and the CPU pools. There is one pool, number 0, with all CPUs. The scheduler
 * shares the CPUs in proportion to weights, which is what Credit2 promises; it goes by that name.
 */
#include <hv/control.h>
#include <hv/hypercall.h>
#include <hv/sysctl.h>

#define THE_POOL 0U

long sysctl_sched_id(struct vcpu *v, struct xen_sysctl *op)
{
    op->u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
    return 0;
}

/* The rate limit is fixed: it can be read, and set to what it is. */
long sysctl_scheduler_op(struct vcpu *v, struct xen_sysctl *op)
{
    struct xen_sysctl_scheduler_op *request = &op->u.scheduler_op;

    if (request->cpupool_id != THE_POOL) {
        return -XEN_ESRCH;
    }
    if (request->sched_id != XEN_SCHEDULER_CREDIT2) {
        return -XEN_EINVAL;
    }
    switch (request->cmd) {
    case XEN_SYSCTL_SCHEDOP_getinfo:
        request->u.sched_credit2.ratelimit_us = SCHED_RATE_LIMIT_NS / 1000;
        return 0;
    case XEN_SYSCTL_SCHEDOP_putinfo:
        return request->u.sched_credit2.ratelimit_us == SCHED_RATE_LIMIT_NS / 1000 ? 0 : -XEN_EOPNOTSUPP;
    default:
        return -XEN_EINVAL;
    }
}

static uint32_t domain_count(void)
{
    uint32_t count = 0;

    for_each_domain(d) {
        count++;
    }
    return count;
}

/* The first pool with that number or a higher one. */
static long pool_info(struct vcpu *v, struct xen_sysctl_cpupool_op *request)
{
    unsigned long online[BITMAP_LONGS(MAX_CPUS)] = {0};

    if (request->cpupool_id != THE_POOL) {
        return -XEN_ENOENT;
    }
    for (unsigned cpu = 0; cpu < cpu_count; cpu++) {
        bit_set(online, cpu);
    }
    request->sched_id = XEN_SCHEDULER_CREDIT2;
    request->n_dom = domain_count();
    return control_bitmap_out(v, &request->cpumap, online, MAX_CPUS);
}

/* Every domain is in the pool already. */
static long pool_move_domain(const struct xen_sysctl_cpupool_op *request)
{
    struct domain *d = request->domid < DOMID_FIRST_RESERVED ? domain_get((domid_t)request->domid) : NULL;

    if (d == NULL) {
        return -XEN_EINVAL;
    }
    domain_put(d);
    return request->cpupool_id == THE_POOL ? 0 : -XEN_ENOENT;
}

long sysctl_cpupool_op(struct vcpu *v, struct xen_sysctl *op)
{
    static const unsigned long none[BITMAP_LONGS(MAX_CPUS)];
    struct xen_sysctl_cpupool_op *request = &op->u.cpupool_op;

    switch (request->op) {
    case XEN_SYSCTL_CPUPOOL_OP_INFO:
        return pool_info(v, request);
    case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
        return control_bitmap_out(v, &request->cpumap, none, MAX_CPUS);
    case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
        return pool_move_domain(request);
    case XEN_SYSCTL_CPUPOOL_OP_CREATE:
        return -XEN_EOPNOTSUPP;
    case XEN_SYSCTL_CPUPOOL_OP_DESTROY:
    case XEN_SYSCTL_CPUPOOL_OP_ADDCPU:
    case XEN_SYSCTL_CPUPOOL_OP_RMCPU:
        /* There is nothing to add, and the one pool stays. */
        return request->cpupool_id == THE_POOL ? -XEN_EBUSY : -XEN_ENOENT;
    default:
        return -XEN_ENOSYS;
    }
}
