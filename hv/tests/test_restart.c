/* SPDX-License-Identifier: Apache-2.0 */
/* When a long hypercall has to stop. */
#include <hv/hypercall.h>
#include <hv/time.h>

#include <criterion/criterion.h>

#include "tests/host/fake.h"

TestSuite(restart, .init = fake_host_init);

Test(restart, work_at_the_door_stops)
{
    hypercall_begin();
    cr_assert_not(hypercall_should_restart());
    this_cpu()->work = CPU_WORK_SCHED;
    cr_assert(hypercall_should_restart());
}

/* No handler runs during a hypercall: a pending interrupt does not show at the door. */
Test(restart, time_alone_stops)
{
    fake_tsc = 1UL << 40;
    hypercall_begin();
    fake_tsc += host_tsc_khz / 5;
    cr_assert_not(hypercall_should_restart());
    fake_tsc++;
    cr_assert(hypercall_should_restart());
    hypercall_begin();
    cr_assert_not(hypercall_should_restart());
}
