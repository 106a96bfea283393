/* SPDX-License-Identifier: Apache-2.0 */
/* core/clock.c, core/guest_time.c: deadlines far away, TSCs that differ. */
#include <hv/time.h>

#include <criterion/criterion.h>

#include "tests/host/fake.h"

TestSuite(clock, .init = fake_host_init);

Test(clock, no_deadline_lies_in_the_past)
{
    const uint64_t deadlines_ns[] = {6000000000000000000UL, 1UL << 63, ~0UL - 1};
    const uint64_t rates_khz[] = {1000000, 3999999, 5800000};

    for (unsigned r = 0; r < ARRAY_SIZE(rates_khz); r++) {
        host_tsc_khz = rates_khz[r];
        for (unsigned i = 0; i < ARRAY_SIZE(deadlines_ns); i++) {
            cr_expect_geq(tsc_at_ns(deadlines_ns[i]), 1UL << 60, "%lu ns at %lu kHz",
                          deadlines_ns[i], rates_khz[r]);
        }
    }
    host_tsc_khz = 3000000;
    cr_expect_eq(tsc_at_ns(10000000001UL), 30000000003UL);
}

/* CPUs whose TSCs differ. */
Test(clock, time_does_not_go_back_on_an_unstable_tsc)
{
    host_boot_tsc = 0;
    host_tsc_khz = 1000000;
    host_tsc_scale = tsc_scale_for_khz(host_tsc_khz);
    host_tsc_is_unstable = true;

    fake_tsc = 5000;
    uint64_t before = now_ns();

    fake_tsc = 4000;
    cr_expect_eq(now_ns(), before);
    fake_tsc = 6000;
    cr_expect_gt(now_ns(), before);
}

Test(clock, guests_are_told_whether_they_may_trust_the_tsc)
{
    struct vcpu *v;

    fake_domain_create(0, 1);
    v = fake_domain_create(1, 1)->vcpus[0];
    time_update_vcpu(v);
    cr_expect_eq(v->vcpu_info->time.flags, XEN_PVCLOCK_TSC_STABLE_BIT);
    host_tsc_is_unstable = true;
    time_update_vcpu(v);
    cr_expect_eq(v->vcpu_info->time.flags, 0);
}
