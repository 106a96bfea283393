/* SPDX-License-Identifier: Apache-2.0 */
/* What the tables of operations say is done for each: copies, privilege, the domain that is meant. */
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <hv/operation.h>

#include <criterion/criterion.h>

#include "tests/host/fake.h"

#define ARG 0x3000UL

struct argument {
    domid_t domid;
    uint32_t number;
    uint64_t pointer; /* 32 bits in a narrow caller */
};

static struct domain *host, *d, *seen_domain;
static struct argument seen;
static unsigned seen_cmd, calls;
static long answer;

static void setup(void)
{
    fake_host_init();
    host = fake_domain_create(0, 1);
    d = fake_domain_create(1, 1);
    fake_cpu_use(0, d->vcpus[0]);
}

TestSuite(operation, .init = setup);

static long act(struct vcpu *v, struct domain *on, unsigned cmd, void *arg)
{
    struct argument *a = arg;

    calls++;
    seen = *a;
    seen_domain = on;
    seen_cmd = cmd;
    a->number += 1;
    return answer;
}

static const struct operation table[] = {
    [1] = {OP(act, argument, 0)},
    [2] = {OP(act, argument, OP_GIVES)},
    [3] = {OP(act, argument, OP_GIVES | OP_TELLS)},
    [4] = {OP(act, argument, OP_PRIVILEGED)},
    [5] = {OP_ON(act, argument, domid, OP_GIVES), .layout = "hwp"},
};

static struct argument *memory(struct domain *of)
{
    return fake_guest_memory(of, ARG);
}

static long run(struct domain *caller, unsigned n)
{
    return operation_run(caller->vcpus[0], OPERATION(table, n), n, ARG);
}

Test(operation, others_than_those_of_the_table_are_unknown)
{
    cr_expect_eq(run(d, 0), -XEN_ENOSYS);
    cr_expect_eq(run(d, 6), -XEN_ENOSYS);
    cr_expect_eq(run(d, ~0U), -XEN_ENOSYS);
    cr_expect_eq(calls, 0);
}

Test(operation, argument_is_our_copy)
{
    *memory(d) = (struct argument){.domid = 7, .number = 5};

    cr_assert_eq(run(d, 1), 0);

    cr_expect_eq(seen.domid, 7);
    cr_expect_eq(seen.number, 5);
    cr_expect_eq(seen_cmd, 1);
    cr_expect_eq(seen_domain, d, "no domid: the caller's own");
    cr_expect_eq(memory(d)->number, 5, "nothing is given back");
    cr_expect_eq(operation_run(d->vcpus[0], &table[1], 1, ~0UL << 12), -XEN_EFAULT);
    cr_expect_eq(calls, 1);
}

Test(operation, something_is_given_back_where_the_table_says_so)
{
    memory(d)->number = 5;

    cr_assert_eq(run(d, 2), 0);
    cr_expect_eq(memory(d)->number, 6);
    answer = -XEN_EBUSY;
    cr_assert_eq(run(d, 2), -XEN_EBUSY);
    cr_expect_eq(memory(d)->number, 6, "a failure changes nothing");
    cr_assert_eq(run(d, 3), -XEN_EBUSY);
    cr_expect_eq(memory(d)->number, 7, "but where the failure tells something");
}

Test(operation, privilege_is_asked_for)
{
    cr_expect_eq(run(d, 4), -XEN_EPERM);
    cr_expect_eq(calls, 0);
    cr_expect_eq(run(host, 4), 0);
    cr_expect_eq(calls, 1);
}

Test(operation, domain_is_found_and_let_go_again)
{
    uint32_t refs = d->refs;

    *memory(host) = (struct argument){.domid = 1};
    cr_assert_eq(run(host, 5), 0);
    cr_expect_eq(seen_domain, d);
    cr_expect_eq(d->refs, refs);
    memory(host)->domid = 9;
    cr_expect_eq(run(host, 5), -XEN_ESRCH);
    *memory(d) = (struct argument){.domid = DOMID_SELF};
    cr_expect_eq(run(d, 5), 0);
    memory(d)->domid = 0;
    cr_expect_eq(run(d, 5), -XEN_EPERM);
    cr_expect_eq(calls, 2);
}

Test(operation, narrow_callers_have_their_own_layout)
{
    struct {
        uint16_t domid;
        uint32_t number, pointer, behind;
    } *narrow = fake_guest_memory(d, ARG);

    fake_code_bits = 32;
    narrow->domid = DOMID_SELF;
    narrow->number = 8;
    narrow->pointer = 0x80000000;
    narrow->behind = 0x12345678;

    cr_assert_eq(run(d, 5), 0);

    cr_expect_eq(seen.number, 8);
    cr_expect_eq(seen.pointer, 0x80000000UL);
    cr_expect_eq(narrow->number, 9);
    cr_expect_eq(narrow->behind, 0x12345678U);
}

/* What a processor does that runs ahead with the wrong guess cannot be tested; where it is led can. */
Test(operation, index_beyond_the_end_is_0)
{
    cr_expect_eq(index_nospec(0, 1), 0);
    cr_expect_eq(index_nospec(3, 4), 3);
    cr_expect_eq(index_nospec(4, 4), 0);
    cr_expect_eq(index_nospec(UINT32_MAX, 4), 0);
    cr_expect_eq(index_nospec(1UL << 63 | 3, 4), 0);
    cr_expect_eq(index_nospec(~0UL, 4), 0);
    cr_expect_eq(index_nospec(UINT32_MAX, 1UL << 32), UINT32_MAX);
}
