/* SPDX-License-Identifier: Apache-2.0 */
/* HYPERVISOR_platform_op (xen/platform.h): the hardware domain sets the host's clock. The rest (firmware, power
 * states, microcode) is dom0's own business here, or nobody's. */
#include <hv/hypercall.h>
#include <hv/time.h>
#include <xen/platform.h>

/* UNIX times after this (the year 2554) do not fit in 64 bits of nanoseconds. */
#define MAX_SECONDS (~0UL / NS_PER_S - 1)

/* It was `seconds` and `ns` UNIX time when the caller's system time was system_time. */
static long settime(const struct domain *caller, uint64_t seconds, uint32_t ns, uint64_t system_time)
{
    uint64_t host_time = system_time - caller->time_offset_ns, now = seconds * NS_PER_S + ns;

    /* The last: the host was started before 1970. */
    if (ns >= NS_PER_S || seconds > MAX_SECONDS || host_time > now) {
        return -XEN_EINVAL;
    }
    wallclock_set(now - host_time);
    for_each_domain(d) {
        time_update_wallclock(d);
    }
    return 0;
}

long platform_op(struct vcpu *v, uint64_t arg)
{
    struct xen_platform_op op;

    if (!v->domain->is_hardware) {
        return -XEN_EPERM;
    }
    if (guest_copy_in(v, &op, arg, sizeof(op)) != 0) {
        return -XEN_EFAULT;
    }
    if (op.interface_version != XENPF_INTERFACE_VERSION) {
        return -XEN_EACCES;
    }
    switch (op.cmd) {
    case XENPF_settime32:
        return settime(v->domain, op.u.settime32.secs, op.u.settime32.nsecs, op.u.settime32.system_time);
    case XENPF_settime64:
        return op.u.settime64.mbz != 0 ? -XEN_EINVAL
                                       : settime(v->domain, op.u.settime64.secs, op.u.settime64.nsecs,
                                                 op.u.settime64.system_time);
    default:
        return -XEN_ENOSYS;
    }
}
