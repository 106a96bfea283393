/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of command/ share: the agent's parts, and jobs, which are tasks being worked on.
 *
 *   QUEUED ──worker takes it──► RUNNING ──run() returns──► gone (outcome in the store)
 *      ▲                           │
 *      └──watcher, cancel, time────┴──run() says JOB_PARK──► PARKED (waits for the guest)
 *
 * At most one job of a domain is worked on at a time, in the order of their arrival; jobs[] is in
 * that order. A job's task was made durable before the job exists.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "command/agent.h"
#include "command/command.h"
#include "command/console_hub.h"
#include "command/lifecycle.h"
#include "store/store.h"

#define JOB_PARK         1 /* run(): not done; again when something about the domain changed */
#define TASKS_KEPT       2000
#define EVENTS_KEPT      20000
#define PRUNE_EVERY      64
#define TASK_ATTEMPTS_MAX 3

enum job_phase {
    JOB_QUEUED,
    JOB_RUNNING,
    JOB_PARKED,
};

struct job {
    struct job *next;
    struct task_record task;
    enum job_phase phase;
    bool is_cancelled; /* somebody asked for its end */
    bool was_poked;    /* something happened while it ran: do not park, look again */
    bool has_begun;    /* its beginning was written down in this life of the agent */
    bool was_asked;    /* stop jobs: the guest has been asked; used by the job only */
    int64_t deadline_ms; /* of CLOCK_MONOTONIC, for parked jobs; 0 for none */
};

struct agent {
    const struct domain_ops *ops;
    struct store *store;
    struct console_hub *hub;
    uint32_t shutdown_timeout_s;

    pthread_mutex_t lock;       /* protects all below; taken before the store's and the hub's */
    pthread_cond_t work_ready;  /* a job became QUEUED, or is_stopping */
    pthread_cond_t task_ended;  /* a job is gone, or is_waking */
    pthread_cond_t stopping;    /* is_stopping */
    struct job *jobs;           /* all active jobs, oldest first */
    uint64_t job_serial;        /* rises whenever a job begins or ends */
    int64_t prune_seq;          /* when a task with this seq or a higher one ends, old ones are forgotten */
    bool is_store_stuck;        /* jobs wait until the store takes writes again, and that was logged */
    bool is_stopping;
    bool is_waking;

    pthread_mutex_t look_lock;  /* protects look_ctx; nothing is taken inside */
    struct domain_ctx *look_ctx;

    pthread_t *workers;
    unsigned worker_count; /* running ones */
    pthread_t watcher;
    bool has_watcher;
    bool is_look_due; /* something happened to a domain while its job, which has ended, did not look */
    int watcher_fd; /* eventfd: is_look_due, count the deadlines of parked jobs again, or stop */
};

/* jobs.c */

/** CLOCK_MONOTONIC in milliseconds. */
int64_t agent_monotonic_ms(void);

/** The first active job of a domain, or NULL. Under agent->lock. */
struct job *agent_find_job(struct agent *agent, const char *domain_uuid);

/** The active job of a task, or NULL. Under agent->lock. */
struct job *agent_find_job_of_task(struct agent *agent, const char *task_id);

/** Queue a durable task. Under agent->lock. */
int agent_queue_job(struct agent *agent, const struct task_record *task, struct err *err);

/** Write down and queue a task nobody asked for but the guest. Under agent->lock. */
int agent_submit_internal(struct agent *agent, const char *kind, const struct domain_record *record,
                          const char *detail, struct err *err);

/** Make parked jobs of the domain (NULL: of all) run again. Under agent->lock. */
void agent_poke_jobs(struct agent *agent, const char *domain_uuid);

/** Ask all jobs of the domain to end. Under agent->lock. */
void agent_cancel_jobs(struct agent *agent, const char *domain_uuid);

/**
 * lifecycle_set_state() for jobs. While the disk of the state database is full, or another program holds it,
 * it waits: what has been done to a domain is written down before the job goes on. Without agent->lock.
 */
int agent_set_state(struct agent *agent, struct domain_record *record, enum domain_life to,
                    const char *reason, struct err *err);

/** Make the watcher count deadlines again. */
void agent_poke_watcher(struct agent *agent);

/** A worker thread's life. opaque is the agent. */
void *agent_worker(void *opaque);

/** domain_progress_fn of a job; opaque is a struct job_progress. */
struct job_progress {
    struct agent *agent;
    struct job *job;
};
int agent_job_progress(void *opaque, unsigned percent, const char *stage);

/* The work itself: job_start.c, job_pause.c, job_stop.c. 0, JOB_PARK, or an error. */
int job_start(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err);
int job_pause(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err);
int job_unpause(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err);
int job_shutdown(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err);
int job_reboot(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err);
int job_destroy(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err);
int job_delete(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err);
int job_cleanup(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err);
int job_restart(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err);

/** Build and unpause a STOPPED domain: STARTING, then RUNNING; STOPPED again on failure. */
int domain_bring_up(struct agent *agent, struct domain_ctx *ctx, struct job *job,
                    struct domain_record *record, struct err *err);

/** Free all a domain holds: DESTROYING, then STOPPED with this reason. Safe to repeat. */
int domain_tear_down(struct agent *agent, struct domain_ctx *ctx, struct domain_record *record,
                     const char *reason, struct err *err);

/** The hypervisor's word on the domain with this uuid; ERR_NOT_FOUND when it has none. */
int domain_find_info(const struct domain_ops *ops, struct domain_ctx *ctx, const char *uuid,
                     struct domain_info *info, struct err *err);

/** "the guest powered off" and so on. */
const char *shutdown_reason_text(enum domain_shutdown_reason reason);

/* submit.c */

/** Check a change, write it down, queue it. Answers with the task. */
int agent_submit(struct agent *agent, const struct command *command, struct command_result *result,
                 struct err *err);

/* look.c */

/** Everything that changes nothing but consoles and tasks' cancellation. */
int agent_look(struct agent *agent, const struct command *command, struct command_result *result,
               struct err *err);

/** Wait until the task has ended, or the command's wait is over; then read it. */
int agent_read_task(struct agent *agent, const char *id, const struct command *command,
                    struct task_record *task, struct err *err);

/* watcher.c: a thread's life; opaque is the agent. */
void *agent_watcher(void *opaque);

/* reconcile.c: before the threads start. */
int agent_reconcile(struct agent *agent, struct err *err);
