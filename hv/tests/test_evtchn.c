/* SPDX-License-Identifier: Apache-2.0 */
/* Ports and their operations, and delivery in the 2-level layout. */
#include <hv/evtchn.h>
#include <hv/frame.h>
#include <hv/hypercall.h>
#include <hv/time.h>
#include <hv/timer.h>

#include <criterion/criterion.h>

#include "core/evtchn_ports.h"
#include "tests/host/fake.h"

#include <xen/sched.h>

static struct domain *a, *b;

static void setup(void)
{
    fake_host_init();
    a = fake_domain_create(0, 2);
    b = fake_domain_create(1, 2);
    a->vcpus[0]->upcall_vector = a->vcpus[1]->upcall_vector = 0xf3;
}

TestSuite(evtchn, .init = setup);

static bool is_pending_bit(struct domain *d, uint32_t port)
{
    return bit_test(d->shared_info->evtchn_pending, port);
}

static void clear_all(struct domain *d)
{
    for (unsigned i = 0; i < 64; i++) {
        d->shared_info->evtchn_pending[i] = 0;
    }
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        d->vcpus[i]->vcpu_info->evtchn_pending_sel = 0;
        d->vcpus[i]->vcpu_info->evtchn_upcall_pending = 0;
    }
}

/* A channel between a and b; both ends' ports, nothing pending. */
static void connect(uint32_t *port_a, uint32_t *port_b)
{
    cr_assert_eq(evtchn_alloc_unbound(a, b->domid, port_a), 0);
    cr_assert_eq(evtchn_bind_interdomain(b, a->domid, *port_a, port_b), 0);
    clear_all(a);
    clear_all(b);
}

Test(evtchn, ports_start_at_one)
{
    uint32_t port;

    cr_assert_eq(evtchn_alloc_unbound(a, 1, &port), 0);

    cr_assert_eq(port, 1);
    cr_assert_not(evtchn_port_is_valid(a, 0));
    cr_assert_eq(evtchn_send(a, 0), -XEN_EINVAL);
    cr_assert_eq(evtchn_close(a, 0), -XEN_EINVAL);
}

Test(evtchn, send_reaches_the_peer)
{
    uint32_t pa, pb;

    connect(&pa, &pb);

    cr_assert_eq(evtchn_send(a, pa), 0);

    cr_assert(is_pending_bit(b, pb));
    cr_assert_not(is_pending_bit(a, pa));
    cr_assert_eq(b->vcpus[0]->vcpu_info->evtchn_upcall_pending, 1);
    cr_assert_eq(b->vcpus[0]->vcpu_info->evtchn_pending_sel, 1UL << (pb / 64));
}

Test(evtchn, bind_interdomain_raises_the_new_port)
{
    uint32_t pa, pb;

    cr_assert_eq(evtchn_alloc_unbound(a, b->domid, &pa), 0);
    cr_assert_eq(evtchn_send(a, pa), 0, "sending into nothing is fine");
    cr_assert_eq(evtchn_bind_interdomain(b, a->domid, pa, &pb), 0);

    cr_assert(is_pending_bit(b, pb));
}

Test(evtchn, bind_interdomain_refuses_who_was_not_named)
{
    struct domain *c = fake_domain_create(2, 1);
    uint32_t pa, other;

    cr_assert_eq(evtchn_alloc_unbound(a, b->domid, &pa), 0);

    cr_assert_eq(evtchn_bind_interdomain(c, a->domid, pa, &other), -XEN_EINVAL);
    cr_assert_eq(evtchn_bind_interdomain(b, a->domid, pa + 1, &other), -XEN_EINVAL);
    cr_assert_eq(evtchn_bind_interdomain(b, a->domid, 0xffffffff, &other), -XEN_EINVAL);
    cr_assert_eq(evtchn_bind_interdomain(b, 77, pa, &other), -XEN_ESRCH);
}

Test(evtchn, loopback_binds_to_own_domid)
{
    uint32_t first, second;

    cr_assert_eq(evtchn_alloc_unbound(a, a->domid, &first), 0);
    cr_assert_eq(evtchn_bind_interdomain(a, DOMID_SELF, first, &second), 0);
    clear_all(a);

    cr_assert_eq(evtchn_send(a, first), 0);
    cr_assert(is_pending_bit(a, second));
    cr_assert_eq(evtchn_close(a, first), 0);
    cr_assert_eq(evtchn_close(a, second), 0);
}

Test(evtchn, close_leaves_the_peer_unbound)
{
    struct evtchn_status status;
    uint32_t pa, pb, again;

    connect(&pa, &pb);
    cr_assert_eq(evtchn_close(b, pb), 0);

    cr_assert_eq(evtchn_status(a, pa, &status), 0);
    cr_assert_eq(status.status, EVTCHNSTAT_unbound);
    cr_assert_eq(status.u.unbound.dom, b->domid);
    cr_assert_eq(evtchn_send(a, pa), 0);
    cr_assert_eq(evtchn_bind_interdomain(b, a->domid, pa, &again), 0, "can be bound again");
}

Test(evtchn, closed_port_is_reused_and_not_pending)
{
    uint32_t port, again;

    cr_assert_eq(evtchn_bind_ipi(a, 1, &port), 0);
    cr_assert_eq(evtchn_send(a, port), 0);
    cr_assert_eq(evtchn_close(a, port), 0);
    cr_assert_eq(evtchn_close(a, port), -XEN_EINVAL);
    cr_assert_eq(evtchn_send(a, port), -XEN_EINVAL);
    cr_assert_eq(evtchn_bind_ipi(a, 0, &again), 0);

    cr_assert_eq(again, port);
    cr_assert_not(is_pending_bit(a, port));
}

Test(evtchn, masked_port_waits_for_unmask)
{
    uint32_t port;

    cr_assert_eq(evtchn_bind_ipi(a, 1, &port), 0);
    bit_set(a->shared_info->evtchn_mask, port);
    cr_assert_eq(evtchn_send(a, port), 0);
    cr_assert_eq(a->vcpus[1]->vcpu_info->evtchn_upcall_pending, 0);

    cr_assert_eq(evtchn_unmask(a, port), 0);

    cr_assert_not(bit_test(a->shared_info->evtchn_mask, port));
    cr_assert_eq(a->vcpus[1]->vcpu_info->evtchn_upcall_pending, 1);
}

Test(evtchn, only_the_edge_upcalls)
{
    struct vcpu *v = a->vcpus[0];
    uint32_t first, second;

    cr_assert_eq(evtchn_bind_ipi(a, 0, &first), 0);
    cr_assert_eq(evtchn_bind_ipi(a, 0, &second), 0);
    v->vcpu_info->evtchn_upcall_pending = 1;
    evtchn_send(a, first);
    evtchn_send(a, second);

    cr_assert_eq(v->vcpu_info->evtchn_pending_sel, 1);
    cr_assert(is_pending_bit(a, first) && is_pending_bit(a, second));
}

Test(evtchn, virq_is_bound_once_a_vcpu)
{
    struct evtchn_status status;
    uint32_t p0, p1, other;

    cr_assert_eq(evtchn_bind_virq(b, VIRQ_TIMER, 0, &p0), 0);
    cr_assert_eq(evtchn_bind_virq(b, VIRQ_TIMER, 1, &p1), 0);
    cr_assert_eq(evtchn_bind_virq(b, VIRQ_TIMER, 1, &other), -XEN_EEXIST);
    cr_assert_eq(evtchn_bind_virq(b, VIRQ_TIMER, 2, &other), -XEN_ENOENT);
    cr_assert_eq(evtchn_bind_virq(b, NR_VIRQS, 0, &other), -XEN_EINVAL);
    evtchn_raise_virq(b->vcpus[1], VIRQ_TIMER);
    evtchn_raise_virq(b->vcpus[1], VIRQ_DEBUG);

    cr_assert(is_pending_bit(b, p1));
    cr_assert_not(is_pending_bit(b, p0));
    cr_assert_eq(evtchn_status(b, p1, &status), 0);
    cr_assert_eq(status.status, EVTCHNSTAT_virq);
    cr_assert_eq(status.vcpu, 1);
    cr_assert_eq(status.u.virq, VIRQ_TIMER);
    cr_assert_eq(evtchn_close(b, p1), 0);
    cr_assert_eq(evtchn_bind_virq(b, VIRQ_TIMER, 1, &other), 0);
}

Test(evtchn, global_virqs_are_dom0s_and_move)
{
    uint32_t port, other;

    cr_assert_eq(evtchn_bind_virq(b, VIRQ_DOM_EXC, 0, &other), -XEN_EPERM);
    cr_assert_eq(evtchn_bind_virq(a, VIRQ_DOM_EXC, 1, &other), -XEN_EINVAL);
    cr_assert_eq(evtchn_bind_virq(a, VIRQ_DOM_EXC, 0, &port), 0);
    cr_assert_eq(evtchn_bind_vcpu(a, port, 1), 0);
    evtchn_raise_global_virq(a, VIRQ_DOM_EXC);

    cr_assert_eq(a->vcpus[0]->vcpu_info->evtchn_upcall_pending, 0);
    cr_assert_eq(a->vcpus[1]->vcpu_info->evtchn_upcall_pending, 1);
    cr_assert_eq(evtchn_close(a, port), 0);
    cr_assert_eq(evtchn_bind_virq(a, VIRQ_DOM_EXC, 0, &port), 0);
}

Test(evtchn, bind_vcpu_leaves_ipis_and_vcpu_virqs_alone)
{
    uint32_t ipi, virq, pa, pb;

    connect(&pa, &pb);
    cr_assert_eq(evtchn_bind_ipi(a, 0, &ipi), 0);
    cr_assert_eq(evtchn_bind_virq(a, VIRQ_TIMER, 0, &virq), 0);

    cr_assert_eq(evtchn_bind_vcpu(a, ipi, 1), -XEN_EINVAL);
    cr_assert_eq(evtchn_bind_vcpu(a, virq, 1), -XEN_EINVAL);
    cr_assert_eq(evtchn_bind_vcpu(a, pa, 2), -XEN_ENOENT);
    cr_assert_eq(evtchn_bind_vcpu(a, 999, 1), -XEN_EINVAL);
    cr_assert_eq(evtchn_bind_vcpu(a, pa, 1), 0);
    evtchn_send(b, pb);
    cr_assert_eq(a->vcpus[1]->vcpu_info->evtchn_upcall_pending, 1);
}

Test(evtchn, port_space_ends_where_the_layout_does)
{
    uint32_t port, last = 0;
    int rc;

    while ((rc = evtchn_bind_ipi(a, 0, &port)) == 0) {
        last = port;
    }

    cr_assert_eq(rc, -XEN_ENOSPC);
    cr_assert_eq(last, 4095);
    cr_assert_eq(evtchn_send(a, last), 0);
    cr_assert(is_pending_bit(a, last));
    cr_assert_eq(a->vcpus[0]->vcpu_info->evtchn_pending_sel, 1UL << 63);
    cr_assert_eq(evtchn_close(a, 17), 0);
    cr_assert_eq(evtchn_bind_ipi(a, 0, &port), 0);
    cr_assert_eq(port, 17);
}

Test(evtchn, poll_wakes_on_its_port_masked_or_not)
{
    struct vcpu *v = a->vcpus[0];
    uint32_t port, other;

    cr_assert_eq(evtchn_bind_ipi(a, 1, &port), 0);
    cr_assert_eq(evtchn_bind_ipi(a, 1, &other), 0);
    bit_set(a->shared_info->evtchn_mask, port);
    evtchn_poll_begin(v, port);
    vcpu_set_flag(v, VCPU_BLOCKED);

    evtchn_send(a, other);
    cr_assert(vcpu_has_flag(v, VCPU_BLOCKED));
    evtchn_send(a, port);
    cr_assert_not(vcpu_has_flag(v, VCPU_BLOCKED));
    cr_assert_not(v->is_polling);
    cr_assert(evtchn_is_pending(a, port));
}

Test(evtchn, moved_vcpu_info_sees_all_words)
{
    static struct vcpu_info moved;
    struct vcpu *v = a->vcpus[0];

    v->vcpu_info = &moved;
    evtchn_vcpu_info_moved(v);

    cr_assert_eq(moved.evtchn_pending_sel, ~0UL);
    cr_assert_eq(moved.evtchn_upcall_pending, 1);
}

/* vCPUs from the 33rd on have none until they register one, and what stands for it is every domain's: an event there
 * ended other domains' polls. */
Test(evtchn, without_a_vcpu_info_nothing_is_pending)
{
    struct vcpu *v = b->vcpus[1];
    uint32_t port;

    vcpu_release_areas(v);
    cr_assert_not(vcpu_has_info(v));
    cr_assert_eq(evtchn_bind_ipi(b, 1, &port), 0);
    cr_assert_eq(evtchn_send(b, port), 0);

    cr_expect(is_pending_bit(b, port));
    cr_expect_eq(v->vcpu_info->evtchn_upcall_pending, 0);
}

Test(evtchn, layout_of_32_bit_guests)
{
    const uint8_t *bytes = (const uint8_t *)b->shared_info->evtchn_pending;
    uint32_t port, last = 0;

    b->is_32bit = true;
    while (evtchn_bind_ipi(b, 0, &port) == 0) {
        last = port;
    }
    cr_assert_eq(last, 1023);
    evtchn_send(b, last);
    cr_assert_eq(bytes[127], 0x80);
    cr_assert_eq(((const uint32_t *)b->vcpus[0]->vcpu_info)[1], 0x80000000u);
    evtchn_close(b, last);
    ((uint8_t *)b->shared_info->evtchn_pending)[128] = 2; /* mask of port 1 */
    b->vcpus[0]->vcpu_info->evtchn_upcall_pending = 0;
    evtchn_send(b, 1);
    cr_assert_eq(b->vcpus[0]->vcpu_info->evtchn_upcall_pending, 0);
}

Test(evtchn, dying_domain_closes_everything)
{
    struct evtchn_status status;
    uint32_t pa, pb, port;

    connect(&pa, &pb);
    for (unsigned i = 0; i < 2000; i++) {
        cr_assert_eq(evtchn_bind_ipi(b, 0, &port), 0);
    }
    cr_assert_eq(evtchn_close_all(b), -XEN_ERESTART, "bounded work");
    while (evtchn_close_all(b) == -XEN_ERESTART) {
    }

    cr_assert_eq(b->evtchn->open_count, 0);
    cr_assert_eq(evtchn_status(a, pa, &status), 0);
    cr_assert_eq(status.status, EVTCHNSTAT_unbound);
}

Test(evtchn, destroyed_domain_gives_everything_back)
{
    uint64_t before = frame_stats(NODE_ANY).free;
    struct domain *c = fake_domain_create(5, 2);
    uint32_t pa, pc;

    cr_assert_eq(evtchn_alloc_unbound(a, 5, &pa), 0);
    cr_assert_eq(evtchn_bind_interdomain(c, 0, pa, &pc), 0);
    fake_domain_destroy(c);

    cr_assert_null(domain_get(5));
    cr_assert_eq(frame_stats(NODE_ANY).free, before);
}

/* --- The hypercall ------------------------------------------------------------------------------- */

#define ARG 0x3000UL

static long op(struct vcpu *v, unsigned cmd, const void *arg, size_t size)
{
    memcpy(fake_guest_memory(v->domain, ARG), arg, size);
    fake_cpu_use(0, v);
    return event_channel_op(v, cmd, ARG);
}

Test(evtchn, alloc_unbound_for_others_is_dom0s)
{
    struct evtchn_alloc_unbound arg = {.dom = 1, .remote_dom = DOMID_SELF};
    struct evtchn_status status = {.dom = 1, .port = 1};

    cr_assert_eq(op(a->vcpus[0], EVTCHNOP_alloc_unbound, &arg, sizeof(arg)), 0);
    cr_assert_eq(((struct evtchn_alloc_unbound *)fake_guest_memory(a, ARG))->port, 1);
    cr_assert_eq(op(a->vcpus[0], EVTCHNOP_status, &status, sizeof(status)), 0);
    status = *(struct evtchn_status *)fake_guest_memory(a, ARG);
    cr_assert_eq(status.status, EVTCHNSTAT_unbound);
    cr_assert_eq(status.u.unbound.dom, 0, "SELF is the caller");

    arg.dom = 0;
    cr_assert_eq(op(b->vcpus[0], EVTCHNOP_alloc_unbound, &arg, sizeof(arg)), -XEN_EPERM);
    arg.dom = DOMID_SELF;
    cr_assert_eq(op(b->vcpus[0], EVTCHNOP_alloc_unbound, &arg, sizeof(arg)), 0);
    arg.dom = 99;
    cr_assert_eq(op(a->vcpus[0], EVTCHNOP_alloc_unbound, &arg, sizeof(arg)), -XEN_ESRCH);
}

Test(evtchn, bad_argument_address_leaves_no_port_open)
{
    const uint64_t hole = (FAKE_GUEST_PAGES + 5) * PAGE_SIZE;

    cr_assert_eq(event_channel_op(b->vcpus[0], EVTCHNOP_bind_ipi, hole), -XEN_EFAULT);
    cr_assert_eq(event_channel_op(b->vcpus[0], EVTCHNOP_send, ~0UL), -XEN_EFAULT);
    cr_assert_eq(b->evtchn->open_count, 0);
    cr_assert_eq(event_channel_op(b->vcpus[0], 999, ARG), -XEN_ENOSYS);
    cr_assert_eq(event_channel_op(b->vcpus[0], EVTCHNOP_bind_pirq, ARG), -XEN_EINVAL);
}

Test(evtchn, reset_closes_and_frees_the_numbers)
{
    struct evtchn_reset arg = {.dom = DOMID_SELF};
    uint32_t port;

    for (unsigned i = 0; i < 10; i++) {
        cr_assert_eq(evtchn_bind_ipi(b, 0, &port), 0);
    }
    cr_assert_eq(op(b->vcpus[0], EVTCHNOP_reset, &arg, sizeof(arg)), 0);

    cr_assert_eq(b->evtchn->open_count, 0);
    cr_assert_eq(evtchn_bind_ipi(b, 0, &port), 0);
    cr_assert_eq(port, 1);
    arg.dom = 1;
    cr_assert_eq(op(a->vcpus[0], EVTCHNOP_reset, &arg, sizeof(arg)), -XEN_EINVAL, "not paused");
}

Test(evtchn, closing_all_is_not_begun_again_when_it_is_done)
{
    uint32_t port;

    for (unsigned i = 0; i < 1500; i++) {
        cr_assert_eq(evtchn_alloc_unbound(b, 0, &port), 0);
    }

    cr_expect_eq(evtchn_close_all(b), -XEN_ERESTART);
    while (evtchn_close_all(b) != 0) {
    }

    cr_expect_eq(evtchn_close_all(b), 0, "the destruction's next step walks all ports again");
}

/* --- SCHEDOP_poll
 * ---------------------------------------------------------------------------------- */

static long poll(struct vcpu *v, uint32_t port, uint64_t timeout_ns)
{
    struct sched_poll *poll = fake_guest_memory(v->domain, 0x1000);
    uint32_t *ports = fake_guest_memory(v->domain, 0x2000);

    *ports = port;
    *poll = (struct sched_poll){.nr_ports = 1, .timeout = timeout_ns};
    poll->ports.p = (void *)0x2000;
    return sched_op(v, SCHEDOP_poll, 0x1000);
}

Test(evtchn, a_poll_is_not_ended_by_the_timer_of_the_one_before)
{
    struct vcpu *v = b->vcpus[0];
    uint32_t port_a, port_b;

    connect(&port_a, &port_b);
    bit_set(b->shared_info->evtchn_mask, port_b);
    fake_cpu_use(0, v);
    cr_assert_eq(poll(v, port_b, now_ns() + 1000), 0);
    cr_assert(vcpu_has_flag(v, VCPU_BLOCKED));
    evtchn_send(a, port_a);
    cr_assert_not(vcpu_has_flag(v, VCPU_BLOCKED), "its event ends a poll, masked or not");
    clear_all(b);

    cr_assert_eq(poll(v, port_b, 0), 0);
    fake_tsc += 5000;
    timer_run();

    cr_expect(vcpu_has_flag(v, VCPU_BLOCKED));
    evtchn_send(a, port_a);
    cr_expect_not(vcpu_has_flag(v, VCPU_BLOCKED));
}

/* HLT returned without an interrupt. */
Test(evtchn, timer_of_an_ended_poll_ends_nothing_else)
{
    struct vcpu *v = a->vcpus[0];
    uint32_t port;

    fake_cpu_use(0, v);
    cr_assert_eq(evtchn_bind_ipi(a, 0, &port), 0);
    cr_assert_eq(poll(v, port, now_ns() + 1000), 0);
    a->shared_info->evtchn_mask[0] = ~0UL;
    cr_assert_eq(evtchn_send(a, port), 0);
    cr_assert_not(vcpu_has_flag(v, VCPU_BLOCKED));

    vcpu_block(v);
    fake_tsc += 5000;
    timer_run();
    cr_assert(vcpu_has_flag(v, VCPU_BLOCKED));
}
