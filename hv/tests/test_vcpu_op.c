/* SPDX-License-Identifier: Apache-2.0 */
/* HYPERVISOR_vcpu_op: the areas that a guest has us write. */
#include <hv/frame.h>
#include <hv/hypercall.h>
#include <hv/time.h>

#include <criterion/criterion.h>
#include <xen/sched.h>

#include "tests/host/fake.h"

#define ARG 0x3000UL

static struct domain *a, *b;

static void setup(void)
{
    fake_host_init();
    fake_domain_create(0, 1);
    a = fake_domain_create(1, 34);
    b = fake_domain_create(2, 34);
    fake_cpu_use(0, b->vcpus[0]);
}

TestSuite(vcpu_op, .init = setup);

static long register_info(unsigned vcpu, uint64_t g)
{
    *(struct vcpu_register_vcpu_info *)fake_guest_memory(b, ARG) =
        (struct vcpu_register_vcpu_info){.mfn = g};
    return vcpu_op(b->vcpus[0], VCPUOP_register_vcpu_info, vcpu, ARG);
}

static long register_area(unsigned cmd, uint64_t address)
{
    *(uint64_t *)fake_guest_memory(b, ARG) = address;
    return vcpu_op(b->vcpus[0], cmd, 0, ARG);
}

/* b maps page 7 of a's at its frame g; a may take it back at any time. */
static mfn_t map_of_a(uint64_t g)
{
    mfn_t m = p2m_get_frame(a, gfn(7), true);

    cr_assert_eq(p2m_grant_map(b, gfn(g), m, true), 0);
    return m;
}

Test(vcpu_op, areas_are_the_guests_own_ram)
{
    mfn_t m = map_of_a(100);

    cr_assert_eq(register_info(0, 100), -XEN_EINVAL);
    cr_assert_eq(register_area(VCPUOP_register_runstate_memory_area, 100 << PAGE_SHIFT),
                 -XEN_EFAULT);
    cr_assert_eq(register_area(VCPUOP_register_vcpu_time_memory_area, 100 << PAGE_SHIFT),
                 -XEN_EFAULT);
    cr_assert_eq(frame_of(m)->refs, 2);

    cr_assert_eq(register_area(VCPUOP_register_runstate_memory_area, 20 << PAGE_SHIFT), 0);
    cr_assert_eq(register_area(VCPUOP_register_vcpu_time_memory_area, 21 << PAGE_SHIFT), 0);
}

Test(vcpu_op, vcpu_info_is_registered_once)
{
    mfn_t first = p2m_lookup(b, gfn(20)).mfn, second = p2m_lookup(b, gfn(21)).mfn;

    cr_assert_eq(register_info(0, 20), 0);
    cr_assert_eq(register_info(0, 21), -XEN_EINVAL);
    cr_assert_eq(frame_of(first)->refs, 2);
    cr_assert_eq(frame_of(second)->refs, 1);

    vcpu_release_areas(b->vcpus[0]);
    cr_assert_eq(frame_of(first)->refs, 1);
}

/* vCPUs above 31 of all domains share a dummy until they register. */
Test(vcpu_op, vcpu_info_begins_without_what_others_left)
{
    a->vcpus[33]->vcpu_info->arch.cr2 = 0x5a;
    b->vcpus[1]->vcpu_info->arch.cr2 = 3;

    cr_assert_eq(register_info(33, 20), 0);
    cr_assert_eq(b->vcpus[33]->vcpu_info->arch.cr2, 0);
    cr_assert_eq(register_info(1, 21), 0);
    cr_assert_eq(b->vcpus[1]->vcpu_info->arch.cr2, 3);
}

Test(vcpu_op, an_nmi_waits_for_one_that_was_taken_down)
{
    struct vcpu *v = b->vcpus[1];

    v->is_halted = true; /* before it was taken down */
    cr_assert_eq(vcpu_op(b->vcpus[0], VCPUOP_down, 1, 0), 0);
    cr_assert_eq(vcpu_op(b->vcpus[0], VCPUOP_send_nmi, 1, 0), 0);
    cr_expect(vcpu_has_flag(v, VCPU_DOWN));
    cr_expect(v->arch.nmi_pending);
}

static uint64_t deadline_of(uint64_t guest_ns)
{
    cr_assert_eq(set_timer_op(b->vcpus[0], guest_ns), 0);
    return b->vcpus[0]->singleshot.deadline_ns;
}

/* A deadline of before the host's start, in a restored guest's time, was one in 584 years. */
Test(vcpu_op, deadlines_are_far_only_where_the_guests_are)
{
    cr_expect_eq(deadline_of(1), 1);
    cr_expect_eq(deadline_of(~0UL), ~0UL);

    b->time_offset_ns = 1000 * NS_PER_S;
    cr_expect_eq(deadline_of(1), 0);
    cr_expect_eq(deadline_of(1001 * NS_PER_S), NS_PER_S);
    cr_expect_eq(deadline_of(~0UL), ~0UL - 1000 * NS_PER_S);

    b->time_offset_ns = -1000 * NS_PER_S;
    cr_expect_eq(deadline_of(1), 1 + 1000 * NS_PER_S);
    cr_expect_eq(deadline_of(~0UL), ~0UL);
}

/* It was the host's time. */
Test(vcpu_op, runstate_was_entered_in_the_guests_time)
{
    struct vcpu_runstate_info *area = fake_guest_memory(b, 20 << PAGE_SHIFT), *asked = fake_guest_memory(b, ARG);
    uint64_t entered = b->vcpus[0]->runstate.state_entry_time;

    b->time_offset_ns = 1000 * NS_PER_S;
    b->vm_assist = 1UL << VMASST_TYPE_runstate_update_flag;
    cr_assert_eq(register_area(VCPUOP_register_runstate_memory_area, 20 << PAGE_SHIFT), 0);
    cr_expect_eq(area->state_entry_time, entered + 1000 * NS_PER_S);
    cr_assert_eq(vcpu_op(b->vcpus[0], VCPUOP_get_runstate_info, 0, ARG), 0);
    cr_expect_eq(asked->state_entry_time, entered + 1000 * NS_PER_S);
}

/* It stayed, without a vCPU that could ever run again. */
Test(vcpu_op, the_last_vcpu_that_goes_down_has_powered_off)
{
    for (unsigned i = b->max_vcpus - 1; i > 0; i--) {
        cr_assert_eq(vcpu_op(b->vcpus[0], VCPUOP_down, i, 0), 0);
    }
    cr_expect_not(b->is_shutting_down);

    cr_assert_eq(vcpu_op(b->vcpus[0], VCPUOP_down, 0, 0), 0);
    cr_expect(b->is_shutting_down);
    cr_expect_eq(b->shutdown_code, SHUTDOWN_poweroff);
}
