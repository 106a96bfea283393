/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domains come and go: two xenstore watches on a connection of their own.
 */
#include <errno.h>
#include <stdlib.h>
#include <xenstore.h>

#include "agent/domain/domain.h"

struct domain_events {
    struct xs_handle *xs;
};

int domain_events_open(struct domain_events **out, struct err *err)
{
    struct domain_events *events = calloc(1, sizeof(*events));
    if (events == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory to watch domains");
    }
    events->xs = xs_open(0);
    if (events->xs == NULL) {
        free(events);
        return err_set(err, ERR_UNAVAILABLE, "cannot reach xenstore");
    }
    if (!xs_watch(events->xs, "@introduceDomain", "new") ||
        !xs_watch(events->xs, "@releaseDomain", "gone")) {
        int result = err_set_errno(err, errno, "cannot watch for domains");
        domain_events_close(events);
        return result;
    }
    *out = events;
    return 0;
}

int domain_events_fd(const struct domain_events *events)
{
    return xs_fileno(events->xs);
}

int domain_events_drain(struct domain_events *events, struct err *err)
{
    for (;;) {
        char **event = xs_check_watch(events->xs);
        if (event != NULL) {
            free(event);
        } else if (errno == EAGAIN) {
            return 0;
        } else {
            return err_set_errno(err, errno, "the connection to xenstore is lost");
        }
    }
}

void domain_events_close(struct domain_events *events)
{
    if (events == NULL) {
        return;
    }
    xs_close(events->xs);
    free(events);
}
