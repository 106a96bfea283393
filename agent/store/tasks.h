/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of tasks: every change, written down before it begins, with its outcome when it ended.
 *
 *   pending --store_task_begin()--> running --store_task_finish()--> succeeded | failed | cancelled
 *      └────────────────────────store_task_finish()────────────────────────────────────┘
 *
 * A task found pending or running when the agent starts was interrupted and is taken up again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct store;

enum task_state {
    TASK_PENDING,
    TASK_RUNNING,
    TASK_SUCCEEDED,
    TASK_FAILED,
    TASK_CANCELLED,
    TASK_STATE_COUNT,
};

struct task_record {
    int64_t seq;   /* given by the store; rises with time */
    char id[37];
    char kind[32]; /* "domain.start" */
    char domain_uuid[37];
    char domain_name[64];
    enum task_state state;
    uint32_t progress_percent;
    char stage[64];
    struct err error; /* code ERR_OK unless failed or cancelled */
    char actor[32];
    char request_id[40];
    char idempotency_key[129]; /* empty: none */
    char fingerprint[33];      /* of the request, to tell a repeated key from a misused one */
    uint32_t attempts;
    uint32_t timeout_s; /* shutdown, reboot: how long the guest may take */
    bool then_start;    /* create: and start it */
    int64_t create_time_ms, start_time_ms, finish_time_ms;
};

/** Write a pending task; fills in seq. ERR_EXISTS when the idempotency key was used before. */
int store_task_insert(struct store *store, struct task_record *task, struct err *err);

/** Note that the task runs: state, attempts (one more), start time of the first attempt. */
int store_task_begin(struct store *store, struct task_record *task, struct err *err);

/** Write the outcome: state, error, progress, stage, finish time. */
int store_task_finish(struct store *store, const struct task_record *task, struct err *err);

int store_task_get(struct store *store, const char *id, struct task_record *task, struct err *err);

/** The task that was asked for with this key. ERR_NOT_FOUND. */
int store_task_get_by_key(struct store *store, const char *idempotency_key,
                          struct task_record *task, struct err *err);

/** The newest max_count tasks, newest first. The caller frees *tasks with free(). */
int store_task_list(struct store *store, size_t max_count, struct task_record **tasks,
                    size_t *count, struct err *err);

/** Every pending or running task, oldest first. The caller frees *tasks with free(). */
int store_task_list_unfinished(struct store *store, struct task_record **tasks, size_t *count,
                               struct err *err);

/** Whether a younger task of the same domain has been begun or has ended. */
int store_task_is_overtaken(struct store *store, const struct task_record *task, bool *is_overtaken,
                            struct err *err);

/** Forget finished tasks beyond the newest keep_count. */
int store_task_prune(struct store *store, size_t keep_count, struct err *err);

const char *task_state_name(enum task_state state);

/** True for succeeded, failed and cancelled. */
bool task_is_finished(const struct task_record *task);
