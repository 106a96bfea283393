/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domains come and go: two xenstore watches on a connection of their own.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/domain/domain.h"
#include "agent/domain/store_link.h"

struct domain_events {
    struct store_link link;
    int epoll_fd; /* of both its connections: one tells events, the other its end */
};

static bool wake_for(struct domain_events *events, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(events->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

int domain_events_open(struct domain_events **out, struct err *err)
{
    struct domain_events *events = calloc(1, sizeof(*events));
    if (events == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory to watch domains");
    }
    events->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int result = store_link_open(&events->link, false, err);
    if (result == 0 && (!xs_watch(events->link.xs, "@introduceDomain", "new") ||
                        !xs_watch(events->link.xs, "@releaseDomain", "gone"))) {
        result = err_set(err, ERR_UNAVAILABLE, "xenstore does not watch for domains: %s",
                         strerror(errno));
    }
    if (result == 0 && (!wake_for(events, xs_fileno(events->link.xs)) ||
                        !wake_for(events, events->link.fd))) {
        result = err_set_errno(err, errno, "cannot wait for domains");
    }
    if (result != 0) {
        domain_events_close(events);
        return result;
    }
    *out = events;
    return 0;
}

int domain_events_fd(const struct domain_events *events)
{
    return events->epoll_fd;
}

int domain_events_drain(struct domain_events *events, struct err *err)
{
    struct pollfd end = {.fd = events->link.fd, .events = POLLIN};
    if (poll(&end, 1, 0) > 0) {
        return err_set(err, ERR_UNAVAILABLE, "the connection to xenstore is lost");
    }
    for (;;) {
        char **event = xs_check_watch(events->link.xs);
        if (event != NULL) {
            free(event);
        } else if (errno == EAGAIN) {
            return 0;
        } else {
            return err_set(err, ERR_UNAVAILABLE, "the connection to xenstore is lost");
        }
    }
}

void domain_events_close(struct domain_events *events)
{
    if (events == NULL) {
        return;
    }
    store_link_close(&events->link);
    if (events->epoll_fd >= 0) {
        close(events->epoll_fd);
    }
    free(events);
}
