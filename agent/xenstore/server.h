/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The running daemon. One turn of its loop: take in what clients have sent and handle it, write the
 * journal once, and only then let clients see anything of it.
 */
#pragma once

#include "util/err.h"
#include "xenstore/options.h"
#include "xenstore/xen.h"

/**
 * Serve until SIGTERM or SIGINT.
 * @param xen       the hypervisor, or NULL to serve only the socket
 * @param on_ready  called once when clients can connect; may be NULL
 * @return 0 or a negative error
 */
int server_run(const struct options *options, const struct xen *xen,
               void (*on_ready)(void *context), void *context, struct err *err);
