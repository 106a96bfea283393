/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: waits on file descriptors and calls back, one thread, nothing else.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "util/err.h"

struct loop {
    int epoll_fd;
};

/* One watched descriptor; embedded in what owns it, which must outlive the dispatch that frees it.
 */
struct loop_source {
    int fd;
    uint32_t events; /* EPOLLIN, EPOLLOUT: what is waited for */
    void (*on_ready)(struct loop_source *source, uint32_t events);
};

int loop_init(struct loop *loop, struct err *err);
void loop_destroy(struct loop *loop);

/** Start waiting. 0 or a negative error. */
int loop_add(struct loop *loop, struct loop_source *source, struct err *err);

/** Wait for other events from now on. */
void loop_change(struct loop *loop, struct loop_source *source, uint32_t events);

/** Stop waiting. */
void loop_remove(struct loop *loop, struct loop_source *source);

/** Wait, at most timeout_ms (-1: for ever), and call back what is ready. 0 or a negative error. */
int loop_dispatch(struct loop *loop, int timeout_ms, struct err *err);
