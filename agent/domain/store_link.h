/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections of a toolstack to xenstore, and their renewal. A connection to the daemon's socket ends
 * with the daemon; init starts it again and it goes on with all its nodes. So a request that was lost
 * on the way is asked again on a new connection:
 *
 *     unsigned tries = 0;
 *     do {
 *         is_done = xs_write(link->xs, ...);
 *     } while (!is_done && store_link_renew(link, &tries));
 *
 * That is right only for requests that may be carried out twice.
 */
#pragma once

#include <stdbool.h>
#include <xenstore.h>

#include "agent/util/err.h"

struct store_link {
    struct xs_handle *xs; /* single requests and watches; NULL: not open */
    int fd;               /* whole transactions (store_wire.h); hangs up when the daemon ends, which xs does
                           * not; -1: not open */
    unsigned generation;  /* counts renewals: watches are set anew after each */
    bool is_away;         /* the last wait for the daemon was in vain: the next is none */
};

/** Connect; is_patient: wait up to a minute for the daemon. ERR_UNAVAILABLE. */
int store_link_open(struct store_link *link, bool is_patient, struct err *err);

void store_link_close(struct store_link *link);

/**
 * After a failed request, with errno as that left it: whether the connection was lost and is there again.
 * False leaves errno alone. *tries counts, for a bound.
 */
bool store_link_renew(struct store_link *link, unsigned *tries);
