/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent as a whole: what main.c starts and stops. Stopping it leaves every guest as it is.
 */
#pragma once

#include <stdint.h>

#include "command/domain_ops.h"
#include "util/err.h"

struct agent;

struct agent_options {
    const struct domain_ops *ops;
    const char *state_folder;     /* holds state.db; must exist */
    const char *console_folder;   /* holds NAME.log of each domain; NULL for no logs on disk */
    unsigned worker_count;        /* 0: 4 */
    uint32_t shutdown_timeout_s;  /* how long a guest may take to stop; 0: 300 */
};

/**
 * Open the state, look at what runs, adopt it, take up interrupted tasks, start the threads.
 * Errors: those of store_open(); ERR_UNAVAILABLE when the hypervisor or xenstore is not there.
 */
int agent_start(const struct agent_options *options, struct agent **out, struct err *err);

/** Make everything that waits for a task or a console return; call it before stopping a server. */
void agent_wake_waiters(struct agent *agent);

/** Stop the threads, let go of consoles, close the state. NULL is fine. */
void agent_stop(struct agent *agent);
