/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients on the Unix socket: programs of domain 0 (libxenstore). Only root may connect, so each is
 * privileged. Such a client ends with its socket, and its watches and transactions with it.
 */
#pragma once

#include <stdint.h>

#include "xenstore/loop.h"
#include "xenstore/store.h"

struct socket_listener {
    struct loop_source source;
    struct loop *loop;
    struct store *store;
    uint32_t client_count;
    char path[108]; /* the size of sockaddr_un.sun_path */
};

/** Listen at path; its folder is made if missing, an old socket there is replaced. */
int socket_listen(struct socket_listener *listener, struct loop *loop, struct store *store,
                  const char *path, struct err *err);

/** Disconnect all clients, stop listening and remove the socket. */
void socket_close(struct socket_listener *listener);
