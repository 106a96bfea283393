/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/loop.h"

#include <errno.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 64

int loop_init(struct loop *loop, struct err *err)
{
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return loop->epoll_fd >= 0 ? 0 : err_set_errno(err, errno, "cannot create an epoll set");
}

void loop_destroy(struct loop *loop)
{
    close(loop->epoll_fd);
}

int loop_add(struct loop *loop, struct loop_source *source, struct err *err)
{
    struct epoll_event event = {.events = source->events, .data.ptr = source};

    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) != 0) {
        return err_set_errno(err, errno, "cannot wait on descriptor %d", source->fd);
    }
    return 0;
}

void loop_change(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};

    if (source->events != events) {
        source->events = events;
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event);
    }
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
}

int loop_dispatch(struct loop *loop, int timeout_ms, struct err *err)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int count = epoll_wait(loop->epoll_fd, events, EVENTS_AT_ONCE, timeout_ms);

    if (count < 0) {
        return errno == EINTR ? 0 : err_set_errno(err, errno, "cannot wait for events");
    }
    for (int i = 0; i < count; i++) {
        struct loop_source *source = events[i].data.ptr;

        source->on_ready(source, events[i].events);
    }
    return 0;
}
