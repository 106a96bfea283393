/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Xenstore transactions without a round trip for each node.
 *
 * A domain has some sixty nodes, and a request waits for its answer in libxenstore: on a busy host that
 * took longer than all the rest of a build. Here the requests of a transaction are sent together on
 * a connection of our own, and the answers are read afterwards.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/util/err.h"

/* One request: type is XS_*, body what follows its header (at most 4096 bytes). */
struct store_wire_request {
    uint32_t type;
    const char *body;
    size_t size_bytes;
};

/** Connects to the daemon's socket at path. Returns a descriptor, or -1 with errno. */
int store_wire_connect(const char *path);

/**
 * Runs requests as one transaction. On success 0; ERR_CONFLICT when another transaction was faster and
 * the caller may come again; otherwise the error of the first request that failed, with its
 * number in *failed, and nothing was changed.
 */
int store_wire_transact(int fd, const struct store_wire_request *requests, size_t count,
                        size_t *failed, struct err *err);
