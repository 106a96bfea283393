/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of hypercalls: order, results, and coming again after an interruption. */
#include <hv/hypercall.h>

#include <criterion/criterion.h>

#include "control_fakes.h"
#include "tests/host/fake.h"

#define LIST 0x1000UL

static struct vcpu *v;
static struct multicall_entry *list;

static void setup(void)
{
    fake_host_init();
    v = fake_domain_create(0, 1)->vcpus[0];
    fake_cpu_use(0, v);
    list = fake_guest_memory(v->domain, LIST);
}

TestSuite(multicall, .init = setup);

Test(multicall, every_call_gets_its_arguments_and_its_result)
{
    list[0] = (struct multicall_entry){.op = 12, .args = {1, 2, 3, 4, 5}};
    list[1] = (struct multicall_entry){.op = 32, .args = {6, 7}};

    cr_assert_eq(multicall_op(v, LIST, 2), 0);

    cr_assert_eq(fake_call_count, 2);
    cr_assert_eq(fake_calls[0].number, 12);
    cr_assert_eq(fake_calls[0].args[4], 5);
    cr_assert_eq(fake_calls[1].args[1], 7);
    cr_assert_eq(list[0].result, 112);
    cr_assert_eq(list[1].result, 132);
    cr_assert_eq(list[0].args[0], 1);
}

Test(multicall, registers_are_the_callers_again)
{
    v->arch.gprs.rdi = LIST;
    v->arch.gprs.r8 = 77;
    list[0] = (struct multicall_entry){.op = 12, .args = {1, 2, 3, 4, 5}};

    cr_assert_eq(multicall_op(v, LIST, 1), 0);

    cr_assert_eq(v->arch.gprs.rdi, LIST);
    cr_assert_eq(v->arch.gprs.r8, 77);
}

Test(multicall, none_inside_another)
{
    list[0] = (struct multicall_entry){.op = __HYPERVISOR_multicall};

    cr_assert_eq(multicall_op(v, LIST, 1), 0);

    cr_assert_eq((long)list[0].result, -XEN_EINVAL);
    cr_assert_eq(fake_call_count, 0);
}

Test(multicall, a_restarting_call_leaves_its_progress_in_the_list)
{
    list[0] = (struct multicall_entry){.op = 12};
    list[1] = (struct multicall_entry){.op = 50, .args = {1}};

    cr_assert_eq(multicall_op(v, LIST, 2), HYPERCALL_RESTART);
    cr_assert_eq(fake_restart_args[0], LIST + sizeof(*list));
    cr_assert_eq(fake_restart_args[1], 1);
    cr_assert_eq(list[1].args[0], 2);

    cr_assert_eq(multicall_op(v, fake_restart_args[0], (unsigned)fake_restart_args[1]), 0);
    cr_assert_eq(list[1].result, 150);
}

Test(multicall, stops_between_calls_when_work_waits)
{
    list[0] = (struct multicall_entry){.op = 12};
    list[1] = (struct multicall_entry){.op = 13 + 20};
    fake_wants_restart = true;

    cr_assert_eq(multicall_op(v, LIST, 2), HYPERCALL_RESTART);

    cr_assert_eq(fake_call_count, 1);
    cr_assert_eq(fake_restart_args[0], LIST + sizeof(*list));
    cr_assert_eq(fake_restart_args[1], 1);
}

Test(multicall, a_list_that_is_not_there_is_a_fault)
{
    cr_assert_eq(multicall_op(v, 0x80000000UL, 1), -XEN_EFAULT);
    cr_assert_eq(fake_call_count, 0);
}
