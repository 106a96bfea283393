/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets the server listens on: who may reach it is decided here. */
#pragma once

#include "util/err.h"

/** Listen on a Unix socket, mode 0660. A stale one is replaced; ERR_CONFLICT when one answers. */
int listen_unix(const char *path, int *fd, struct err *err);

/** Listen on a loopback "address:port". ERR_PERMISSION when the address is not loopback. */
int listen_tcp(const char *address, int *fd, struct err *err);
