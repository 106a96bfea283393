/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The consoles of all managed domains: one thread moves their bytes, so that no guest ever waits
 * for a reader. Each domain has a session that outlives its instances (a reboot goes on in the same
 * session): the newest output in memory, under offsets that only rise, and a log file on disk.
 *
 * All functions may be called from any thread. One lock covers the hub and every console in it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command/domain_ops.h"
#include "util/err.h"

struct console_hub;

/** Start the hub's thread. Log files go to log_folder/NAME.log; NULL for none. */
int console_hub_open(const struct domain_ops *ops, const char *log_folder, struct console_hub **out,
                     struct err *err);

/** Stop the thread and close every console. No other thread may be inside; NULL is fine. */
void console_hub_close(struct console_hub *hub);

/**
 * Begin to move the console of a domain that was built, or (is_adopted) was running already, in
 * which case what its log file ends with becomes the session's first output.
 */
int console_hub_attach(struct console_hub *hub, const char *uuid, const char *name, uint32_t domid,
                       bool is_adopted, struct err *err);

/** Take the last output and let go of the domain. The session stays. Nothing attached: no effect. */
void console_hub_detach(struct console_hub *hub, const char *uuid);

/** Drop the session (the domain was deleted). */
void console_hub_forget(struct console_hub *hub, const char *uuid);

/** Give input to the guest; *accepted tells how much its queue took. ERR_CONFLICT: not attached. */
int console_hub_write(struct console_hub *hub, const char *uuid, const void *data, size_t length,
                      size_t *accepted, struct err *err);

/**
 * Copy output from *offset on into out and move *offset behind it. An offset older than what is
 * kept moves up to the oldest byte; one from the future is the end. When there is nothing new, wait
 * up to wait_ms for it. *length is 0 when there still is none. ERR_NOT_FOUND: no such session;
 * ERR_CANCELLED: the hub is being stopped.
 */
int console_hub_read(struct console_hub *hub, const char *uuid, uint64_t *offset, void *out,
                     size_t size_bytes, unsigned wait_ms, size_t *length, struct err *err);

/** Make every console_hub_read() that waits, now and later, return ERR_CANCELLED. */
void console_hub_wake(struct console_hub *hub);
