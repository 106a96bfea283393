/* SPDX-License-Identifier: Apache-2.0 */
/* A REST server and its agent over the in-memory stand-in of the hypervisor. For tests only. */
#pragma once

#include "command/agent.h"
#include "rest/server.h"

extern char folder[];       /* state and socket */
extern char socket_path[64];
extern struct agent *agent;
extern struct rest_server *server;
extern struct err err;

/* A new folder, an empty stand-in, an agent and a server on socket_path, and on a TCP address unless that is NULL. */
void rest_set_up(const char *tcp_address);
void rest_tear_down(void);
