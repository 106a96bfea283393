/* SPDX-License-Identifier: Apache-2.0 */
#include "command/lifecycle.h"

#include <stdio.h>

#include "store/store.h"
#include "util/log.h"

#define TO(state) (1u << (state))

static const unsigned arrows[DOMAIN_LIFE_COUNT] = {
    [DOMAIN_STOPPED] = TO(DOMAIN_STARTING) | TO(DOMAIN_RUNNING) | TO(DOMAIN_PAUSED),
    [DOMAIN_STARTING] = TO(DOMAIN_RUNNING) | TO(DOMAIN_DESTROYING) | TO(DOMAIN_STOPPED),
    [DOMAIN_RUNNING] = TO(DOMAIN_PAUSED) | TO(DOMAIN_STOPPING) | TO(DOMAIN_DESTROYING) |
                       TO(DOMAIN_CRASHED) | TO(DOMAIN_STOPPED),
    [DOMAIN_PAUSED] = TO(DOMAIN_RUNNING) | TO(DOMAIN_DESTROYING) | TO(DOMAIN_CRASHED) |
                      TO(DOMAIN_STOPPED),
    [DOMAIN_STOPPING] = TO(DOMAIN_RUNNING) | TO(DOMAIN_DESTROYING) | TO(DOMAIN_CRASHED) |
                        TO(DOMAIN_STOPPED),
    [DOMAIN_DESTROYING] = TO(DOMAIN_STOPPED),
    [DOMAIN_CRASHED] = TO(DOMAIN_DESTROYING) | TO(DOMAIN_STOPPED),
};

bool lifecycle_may_go(enum domain_life from, enum domain_life to)
{
    return (unsigned)from < DOMAIN_LIFE_COUNT && (unsigned)to < DOMAIN_LIFE_COUNT &&
           (arrows[from] & TO(to)) != 0;
}

int lifecycle_set_state(struct store *store, struct domain_record *record, enum domain_life to,
                        const char *reason, struct err *err)
{
    enum domain_life from = record->state;

    if (from != to && !lifecycle_may_go(from, to)) {
        return err_set(err, ERR_INTERNAL, "domain %s cannot go from %s to %s", record->spec.name,
                       domain_life_name(from), domain_life_name(to));
    }
    record->state = to;
    snprintf(record->reason, sizeof(record->reason), "%s", reason != NULL ? reason : "");
    if (to == DOMAIN_STOPPED) {
        record->domid = -1;
    }
    if (from == DOMAIN_STARTING && to == DOMAIN_RUNNING) {
        record->start_time_ms = store_now_ms();
    }
    if (from != to) {
        log_info("domain=%s %s -> %s%s%s", record->spec.name, domain_life_name(from),
                 domain_life_name(to), record->reason[0] != '\0' ? ": " : "", record->reason);
    }
    return store_domain_set_observed(store, record, err);
}
