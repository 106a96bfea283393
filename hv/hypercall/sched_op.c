/* SPDX-License-Identifier: Apache-2.0 */
/* HYPERVISOR_sched_op (xen/sched.h). */
#include <hv/evtchn.h>
#include <hv/hypercall.h>
#include <hv/operation.h>
#include <hv/time.h>
#include <xen/sched.h>

#define POLL_MAX_PORTS 128U

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
static long poll(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    evtchn_port_t ports[POLL_MAX_PORTS];
    const struct sched_poll *poll = arg;
    long rc = read_ports(v, poll, ports);

    if (rc != 0) {
        return rc;
    }
    timer_stop(&v->poll_timer); /* that of an earlier poll, which an event ended */
    vcpu_set_flag(v, VCPU_BLOCKED);
    evtchn_poll_begin(v, poll->nr_ports == 1 ? ports[0] : 0);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    if (READ_ONCE(v->vcpu_info->evtchn_upcall_pending) || any_pending(d, ports, poll->nr_ports) ||
        (poll->timeout != 0 && poll->timeout <= now_ns() + d->time_offset_ns)) {
        evtchn_poll_end(v);
        vcpu_clear_flag(v, VCPU_BLOCKED);
        return 0;
    }
    if (poll->timeout != 0) {
        timer_set(&v->poll_timer, time_host_deadline(d, poll->timeout));
    }
    return 0;
}

static long yield(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    sched_yield(v);
    return 0;
}

static long block(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    WRITE_ONCE(v->vcpu_info->evtchn_upcall_mask, 0);
    vcpu_block(v);
    return 0;
}

static long shutdown(struct vcpu *v, struct domain *d, unsigned cmd, void *arg)
{
    unsigned reason = cmd == SCHEDOP_remote_shutdown ? ((struct sched_remote_shutdown *)arg)->reason
                                                     : ((struct sched_shutdown *)arg)->reason;

    if (reason > SHUTDOWN_MAX) {
        return -XEN_EINVAL;
    }
    if (cmd == SCHEDOP_shutdown_code) {
        domain_set_shutdown_code(d, reason);
    } else {
        domain_shutdown(d, reason);
    }
    return 0;
}

static const struct operation operations[] = {
    [SCHEDOP_yield] = {.run = yield},
    [SCHEDOP_block] = {.run = block},
    [SCHEDOP_poll] = {OP(poll, sched_poll, 0), .layout = "pwq"},
    [SCHEDOP_shutdown] = {OP(shutdown, sched_shutdown, 0)},
    [SCHEDOP_shutdown_code] = {OP(shutdown, sched_shutdown, 0)},
    [SCHEDOP_remote_shutdown] = {OP_ON(shutdown, sched_remote_shutdown, domain_id, OP_PRIVILEGED)},
};

long sched_op(struct vcpu *v, unsigned cmd, uint64_t arg)
{
    return operation_run(v, OPERATION(operations, cmd), cmd, arg);
}

long set_timer_op(struct vcpu *v, uint64_t deadline_ns)
{
    if (deadline_ns == 0) {
        timer_stop(&v->singleshot);
    } else {
        timer_set(&v->singleshot, time_host_deadline(v->domain, deadline_ns));
    }
    return 0;
}
