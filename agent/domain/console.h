/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain's PV console, dom0's end of it.
 *
 * The guest writes to a ring page and spins when it is full, so a reader must be there from the
 * first unpause on: open the console right after domain_build(). What the guest says goes to a log
 * file, to a bounded backlog and to a callback. Everything in the ring page is the guest's word and
 * is treated so: indices that make no sense are taken as an empty ring and counted.
 *
 * Use: poll console_fd() for reading, call console_pump() when it is readable. A console belongs to
 * one thread. Close it before domain_destroy(): it holds a page of the domain.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/util/err.h"

struct console;

/* Bytes the guest has written, as they come; data is valid during the call only. */
typedef void (*console_output_fn)(void *opaque, const void *data, size_t length);

struct console_options {
    const char *log_path;     /* appended to, mode 0600; NULL for no log */
    uint64_t log_max_bytes;   /* at this size the log is renamed to PATH.1; 0 means 16 MiB */
    size_t backlog_bytes;     /* kept in memory for late viewers; 0 means 64 KiB */
    console_output_fn output; /* may be NULL */
    void *opaque;
};

/*
 * Opens the console of a domain, new or adopted. ERR_NOT_FOUND when the domain has no console
 * nodes, ERR_CONFLICT when another process has its port, ERR_UNAVAILABLE when a device is missing.
 */
int console_open(uint32_t domid, const struct console_options *options, struct console **out,
                 struct err *err);

int console_fd(const struct console *console);

/*
 * Moves what can be moved, both ways, and never blocks. Returns 0, or an error after which the
 * console is of no more use (the domain is gone): close it.
 */
int console_pump(struct console *console, struct err *err);

/*
 * Takes input for the guest: at most length bytes, as many as the bounded queue holds. Returns how
 * many were taken (0: full, try again after the next output or pump).
 */
size_t console_write(struct console *console, const void *data, size_t length);

/* Copies the newest bytes of the backlog, oldest of them first; returns how many. */
size_t console_backlog(const struct console *console, void *out, size_t size);

/* How often the guest's indices made no sense. */
uint64_t console_faults(const struct console *console);

void console_close(struct console *console); /* NULL is fine */
