/* SPDX-License-Identifier: Apache-2.0 */
/* core/clock.c: deadlines far away. */
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
