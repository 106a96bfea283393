/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit record: one line for every change asked for, by whom, and for what guests did by
 * themselves. Only ever added to, and bounded by forgetting the oldest.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct store;

struct event_record {
    int64_t seq; /* given by the store */
    int64_t time_ms;
    char kind[48];
    char actor[32];
    char request_id[40];
    char domain_uuid[37];
    char domain_name[64];
    char task_id[37];
    char detail[256];
};

/** Add a line. seq and, when it is 0, time_ms are filled in. */
int store_event_insert(struct store *store, struct event_record *event, struct err *err);

/** The newest max_count lines, newest first. The caller frees *events with free(). */
int store_event_list(struct store *store, size_t max_count, struct event_record **events,
                     size_t *count, struct err *err);

/** Forget all but about the newest keep_count lines. */
int store_event_prune(struct store *store, size_t keep_count, struct err *err);
