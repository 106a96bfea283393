/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a domain that this agent manages.
 *
 *               start                 built, unpaused             pause
 *   STOPPED ───────────► STARTING ─────────────────► RUNNING ◄──────────► PAUSED
 *     ▲ ▲ ▲                │   │                     │ ▲   │    unpause     │
 *     │ │ └────────────────┘   │ half made,          │ │   │                │
 *     │ │   build failed       │ taken down   asked  │ │   │ guest crashed, │
 *     │ │                      │              to stop│ │   │ on_crash=keep  │
 *     │ │                      │                     ▼ │   └──► CRASHED ◄───┤
 *     │ │                      │             STOPPING ─┘           │        │
 *     │ │                      ▼             (asked, timed out)    │        │
 *     │ └──────────────── DESTROYING ◄───────────┴─────────────────┴────────┘
 *     │      all freed                 guest stopped, destroy, restart
 *     └── vanished: from any state, when the hypervisor no longer knows it
 *
 *   STOPPED -> RUNNING/PAUSED: adopted, a running domain met again by an agent whose record is old.
 *
 * Who makes the arrows: job_start.c (STARTING, RUNNING), job_stop.c (STOPPING, DESTROYING, STOPPED),
 * job_pause.c (PAUSED, RUNNING), watcher.c (CRASHED, vanished), reconcile.c (adopted, vanished).
 * What may be trusted: domid is set in every state but STOPPED (and in STARTING once it is built);
 * in STOPPED nothing of the domain is in the hypervisor as far as the agent knows.
 */
#pragma once

#include <stdbool.h>

#include "store/domains.h"
#include "util/err.h"

struct store;

/** Whether the drawing has an arrow from one state to the other. A state has none to itself. */
bool lifecycle_may_go(enum domain_life from, enum domain_life to);

/**
 * Take an arrow, in the record and durably in the store, with the reason (NULL or "" for none).
 * Entering STOPPED clears domid; entering RUNNING from STARTING sets the start time. To the state
 * it is already in only the reason, domid and times are written. A missing arrow is ERR_INTERNAL.
 */
int lifecycle_set_state(struct store *store, struct domain_record *record, enum domain_life to,
                        const char *reason, struct err *err);
