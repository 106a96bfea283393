/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a domain has exactly the arrows of the drawing. */
#include <criterion/criterion.h>

#include "command/lifecycle.h"

/* Rows: from. Columns: to STOPPED STARTING RUNNING PAUSED STOPPING DESTROYING CRASHED. */
static const char *const drawing[DOMAIN_LIFE_COUNT] = {
    [DOMAIN_STOPPED] = ".xxx...",  [DOMAIN_STARTING] = "x.x..x.",
    [DOMAIN_RUNNING] = "x..xxxx",  [DOMAIN_PAUSED] = "x.x..xx",
    [DOMAIN_STOPPING] = "x.x..xx", [DOMAIN_DESTROYING] = "x......",
    [DOMAIN_CRASHED] = "x....x.",
};

Test(lifecycle, arrows_are_those_of_the_drawing)
{
    for (int from = 0; from < DOMAIN_LIFE_COUNT; from++) {
        for (int to = 0; to < DOMAIN_LIFE_COUNT; to++) {
            cr_expect_eq(lifecycle_may_go((enum domain_life)from, (enum domain_life)to),
                         drawing[from][to] == 'x', "%s -> %s",
                         domain_life_name((enum domain_life)from),
                         domain_life_name((enum domain_life)to));
        }
    }
}

Test(lifecycle, unknown_states_have_no_arrows)
{
    cr_expect_not(lifecycle_may_go(DOMAIN_LIFE_COUNT, DOMAIN_STOPPED));
    cr_expect_not(lifecycle_may_go(DOMAIN_STOPPED, (enum domain_life)-1));
}

Test(lifecycle, missing_arrow_changes_nothing)
{
    struct domain_record record = {.state = DOMAIN_STOPPED};
    struct err err = {0};

    cr_expect_eq(lifecycle_set_state(NULL, &record, DOMAIN_CRASHED, "x", &err), -ERR_INTERNAL);
    cr_expect_eq(record.state, DOMAIN_STOPPED);
    cr_expect_str_empty(record.reason);
}
