/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server: a Unix socket and a loopback TCP address in front of one agent. A thread serves
 * a connection, so a handler may wait without anyone else waiting. Sizes and numbers are bounded.
 */
#pragma once

#include <stdint.h>

#include "util/err.h"

struct agent;
struct rest_server;

struct rest_options {
    struct agent *agent;
    const char *socket_path; /* Unix socket, made with mode 0660; NULL for none */
    const char *tcp_address; /* "127.0.0.1:7480", "[::1]:7480"; loopback only; NULL for none */
};

/** Check a TCP address without opening it. ERR_INVALID; ERR_PERMISSION when it is not loopback. */
int rest_check_address(const char *tcp_address, struct err *err);

/** Begin to serve. ERR_CONFLICT when another server is behind the address or socket. */
int rest_server_start(const struct rest_options *options, struct rest_server **out,
                      struct err *err);

/** The TCP port that is served (for an address with port 0), or 0. */
uint16_t rest_server_port(const struct rest_server *server);

/** Stop. Call agent_wake_waiters() before, or this waits for every waiting client. NULL is fine. */
void rest_server_stop(struct rest_server *server);
