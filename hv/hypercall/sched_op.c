/* SPDX-License-Identifier: Apache-2.0 */
/* HYPERVISOR_sched_op (xen/sched.h). */
#include <hv/domain.h>
#include <hv/evtchn.h>
#include <hv/guest_struct.h>
#include <hv/hypercall.h>
#include <hv/print.h>
#include <hv/time.h>
#include <hv/vcpu.h>
#include <xen/sched.h>

#define POLL_MAX_PORTS 128U
#define LAYOUT_POLL    "pwq" /* see hv/guest_struct.h */

static bool any_pending(struct domain *d, const evtchn_port_t *ports, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (evtchn_is_pending(d, ports[i])) {
            return true;
        }
    }
    return false;
}

static long read_ports(struct vcpu *v, const struct sched_poll *poll, evtchn_port_t *ports)
{
    if (poll->nr_ports > POLL_MAX_PORTS) {
        return -XEN_EINVAL;
    }
    if (guest_copy_in(v, ports, guest_address(poll->ports), poll->nr_ports * sizeof(*ports)) != 0) {
        return -XEN_EFAULT;
    }
    for (unsigned i = 0; i < poll->nr_ports; i++) {
        if (!evtchn_port_is_valid(v->domain, ports[i])) {
            return -XEN_EINVAL;
        }
    }
    return 0;
}

/* Blocks until one of the ports is pending or the time has come. Polling is announced before the
 * last look, so that an event sent in between finds it and wakes us; and when we are blocked
 * already, so that a late vcpu_kick() for something else, which ends the poll, ends the block with
 * it. */
static long poll(struct vcpu *v, uint64_t arg)
{
    evtchn_port_t ports[POLL_MAX_PORTS];
    struct sched_poll poll;
    long rc;

    if (guest_struct_in(v, &poll, sizeof(poll), arg, LAYOUT_POLL) != 0) {
        return -XEN_EFAULT;
    }
    rc = read_ports(v, &poll, ports);
    if (rc != 0) {
        return rc;
    }
    timer_stop(&v->poll_timer); /* that of an earlier poll, which an event ended */
    vcpu_set_flag(v, VCPU_BLOCKED);
    evtchn_poll_begin(v, poll.nr_ports == 1 ? ports[0] : 0);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    if (READ_ONCE(v->vcpu_info->evtchn_upcall_pending) || any_pending(v->domain, ports, poll.nr_ports) ||
        (poll.timeout != 0 && poll.timeout <= now_ns() + v->domain->time_offset_ns)) {
        evtchn_poll_end(v);
        vcpu_clear_flag(v, VCPU_BLOCKED);
        return 0;
    }
    if (poll.timeout != 0) {
        timer_set(&v->poll_timer, poll.timeout - v->domain->time_offset_ns);
    }
    return 0;
}

static long shutdown(struct vcpu *v, uint64_t arg)
{
    struct sched_shutdown shutdown;

    if (guest_copy_in(v, &shutdown, arg, sizeof(shutdown)) != 0) {
        return -XEN_EFAULT;
    }
    if (shutdown.reason > SHUTDOWN_MAX) {
        return -XEN_EINVAL;
    }
    domain_shutdown(v->domain, shutdown.reason);
    return 0;
}

static long remote_shutdown(struct vcpu *v, uint64_t arg)
{
    struct sched_remote_shutdown request;
    struct domain *d;

    if (!v->domain->is_privileged) {
        return -XEN_EPERM;
    }
    if (guest_copy_in(v, &request, arg, sizeof(request)) != 0) {
        return -XEN_EFAULT;
    }
    if (request.reason > SHUTDOWN_MAX) {
        return -XEN_EINVAL;
    }
    d = domain_get(request.domain_id);
    if (d == NULL) {
        return -XEN_ESRCH;
    }
    domain_shutdown(d, request.reason);
    domain_put(d);
    return 0;
}

long sched_op(struct vcpu *v, unsigned cmd, uint64_t arg)
{
    switch (cmd) {
    case SCHEDOP_yield:
        sched_yield(v);
        return 0;
    case SCHEDOP_block:
        WRITE_ONCE(v->vcpu_info->evtchn_upcall_mask, 0);
        vcpu_block(v);
        return 0;
    case SCHEDOP_poll:
        return poll(v, arg);
    case SCHEDOP_shutdown:
        return shutdown(v, arg);
    case SCHEDOP_shutdown_code: {
        struct sched_shutdown code;

        if (guest_copy_in(v, &code, arg, sizeof(code)) != 0) {
            return -XEN_EFAULT;
        }
        if (code.reason > SHUTDOWN_MAX) {
            return -XEN_EINVAL;
        }
        domain_set_shutdown_code(v->domain, code.reason);
        return 0;
    }
    case SCHEDOP_remote_shutdown:
        return remote_shutdown(v, arg);
    default:
        return -XEN_ENOSYS;
    }
}

long set_timer_op(struct vcpu *v, uint64_t deadline_ns)
{
    if (deadline_ns == 0) {
        timer_stop(&v->singleshot);
    } else {
        timer_set(&v->singleshot, deadline_ns - v->domain->time_offset_ns);
    }
    return 0;
}
