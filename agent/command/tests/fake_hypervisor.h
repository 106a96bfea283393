/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in, for unit tests only: a hypervisor in memory behind struct domain_ops. Guests are
 * entries of a table; tests play the guest. It outlives an agent, as a hypervisor does, so that a
 * test can stop one agent and start another over the same guests.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "command/domain_ops.h"

extern const struct domain_ops fake_hypervisor_ops;

/** What dom0 holds, without a limit. */
#define FAKE_DOM0_BYTES (768ull << 20)

/** Forget all guests and all settings below. */
void fake_reset(void);

/** Let builds wait in their middle (true) or go on (false). */
void fake_hold_builds(bool hold);

/** Likewise unpausing. */
void fake_hold_unpauses(bool hold);

/** Let the next build fail with this code, naming field; ERR_OK to let it be. */
void fake_fail_next_build(enum err_code code, const char *field);

/** Let the next asking of a guest to stop fail with this code. */
void fake_fail_next_request(enum err_code code);

/** Let guests stop when they are asked to (the default), or not listen. */
void fake_set_obedient(bool is_obedient);

/** The guest stops by itself. */
void fake_guest_stops(const char *name, enum domain_shutdown_reason reason);

/** The guest writes to its console. */
void fake_guest_says(const char *name, const char *text);

/** What the guest was given on its console so far; empties it. */
size_t fake_guest_hears(const char *name, char *out, size_t size_bytes);

/** Another program ends the domain. */
void fake_vanish(const char *name);

/** The host is started again: no domains, and their numbers begin anew. */
void fake_restart_host(void);

/** Add a domain nobody here has built. */
void fake_add_foreign(const char *uuid, const char *name);

/** How many domains there are, dom0 not counted; how many were ever built. */
size_t fake_domain_count(void);
size_t fake_build_count(void);

/** How many contexts, consoles and event handles are open. */
size_t fake_open_handles(void);
