/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of jobs and the worker threads that empty it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command/internal.h"
#include "util/log.h"
#include "util/str.h"

#define STORE_RETRY_S 1

struct job_kind {
    const char *task_kind;
    int (*run)(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err);
};

static const struct job_kind job_kinds[] = {
    {"domain.create", job_start},      {"domain.start", job_start},
    {"domain.pause", job_pause},       {"domain.unpause", job_unpause},
    {"domain.shutdown", job_shutdown}, {"domain.reboot", job_reboot},
    {"domain.destroy", job_destroy},   {"domain.delete", job_delete},
    {"domain.cleanup", job_cleanup},   {"domain.restart", job_restart},
};

int64_t agent_monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct job *agent_find_job(struct agent *agent, const char *domain_uuid)
{
    for (struct job *job = agent->jobs; job != NULL; job = job->next) {
        if (strcmp(job->task.domain_uuid, domain_uuid) == 0) {
            return job;
        }
    }
    return NULL;
}

struct job *agent_find_job_of_task(struct agent *agent, const char *task_id)
{
    for (struct job *job = agent->jobs; job != NULL; job = job->next) {
        if (strcasecmp(job->task.id, task_id) == 0) {
            return job;
        }
    }
    return NULL;
}

int agent_queue_job(struct agent *agent, const struct task_record *task, struct err *err)
{
    struct job *job = calloc(1, sizeof(*job));
    struct job **link = &agent->jobs;

    if (job == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for the task");
    }
    job->task = *task;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = job;
    agent->job_serial++;
    pthread_cond_broadcast(&agent->work_ready);
    return 0;
}

/* Write the task and its line of the audit record, whole or not at all. */
static int insert_internal(struct agent *agent, struct task_record *task, const char *detail,
                           struct err *err)
{
    struct event_record event = {0};
    int rc;

    memcpy(event.kind, task->kind, sizeof(task->kind));
    memcpy(event.actor, task->actor, sizeof(event.actor));
    memcpy(event.domain_uuid, task->domain_uuid, sizeof(event.domain_uuid));
    memcpy(event.domain_name, task->domain_name, sizeof(event.domain_name));
    memcpy(event.task_id, task->id, sizeof(event.task_id));
    snprintf(event.detail, sizeof(event.detail), "%s", detail);
    rc = store_transaction_begin(agent->store, err);
    if (rc != 0) {
        return rc;
    }
    rc = store_task_insert(agent->store, task, err);
    if (rc == 0) {
        rc = store_event_insert(agent->store, &event, err);
    }
    if (rc != 0) {
        store_transaction_rollback(agent->store);
        return rc;
    }
    return store_transaction_commit(agent->store, err);
}

int agent_submit_internal(struct agent *agent, const char *kind, const struct domain_record *record,
                          const char *detail, struct err *err)
{
    struct task_record task = {.create_time_ms = store_now_ms()};
    int rc;

    if (!str_make_uuid(task.id)) {
        return err_set(err, ERR_INTERNAL, "the system has no randomness to give");
    }
    snprintf(task.kind, sizeof(task.kind), "%s", kind);
    snprintf(task.actor, sizeof(task.actor), "guest");
    memcpy(task.domain_uuid, record->spec.uuid, sizeof(task.domain_uuid));
    memcpy(task.domain_name, record->spec.name, sizeof(record->spec.name));
    rc = insert_internal(agent, &task, detail, err);
    if (rc == 0) {
        rc = agent_queue_job(agent, &task, err);
    }
    return rc;
}

void agent_poke_jobs(struct agent *agent, const char *domain_uuid)
{
    for (struct job *job = agent->jobs; job != NULL; job = job->next) {
        if (domain_uuid != NULL && strcmp(job->task.domain_uuid, domain_uuid) != 0) {
            continue;
        }
        if (job->phase == JOB_PARKED) {
            job->phase = JOB_QUEUED;
            pthread_cond_broadcast(&agent->work_ready);
        } else {
            job->was_poked = true;
        }
    }
}

void agent_cancel_jobs(struct agent *agent, const char *domain_uuid)
{
    for (struct job *job = agent->jobs; job != NULL; job = job->next) {
        if (strcmp(job->task.domain_uuid, domain_uuid) == 0) {
            job->is_cancelled = true;
        }
    }
    agent_poke_jobs(agent, domain_uuid);
}

void agent_poke_watcher(struct agent *agent)
{
    uint64_t one = 1;
    ssize_t written = write(agent->watcher_fd, &one, sizeof(one));

    (void)written; /* fails only when the counter is full: then the thread is awake anyway */
}

int agent_job_progress(void *opaque, unsigned percent, const char *stage)
{
    struct job_progress *progress = opaque;
    struct job *job = progress->job;
    bool is_cancelled;

    pthread_mutex_lock(&progress->agent->lock);
    job->task.progress_percent = percent > 100 ? 100 : percent;
    snprintf(job->task.stage, sizeof(job->task.stage), "%s", stage != NULL ? stage : "");
    is_cancelled = job->is_cancelled;
    pthread_mutex_unlock(&progress->agent->lock);
    return is_cancelled;
}

/* The oldest queued job whose domain has no older job. Under the lock. */
static struct job *next_job(struct agent *agent)
{
    for (struct job *job = agent->jobs; job != NULL; job = job->next) {
        if (job->phase == JOB_QUEUED && agent_find_job(agent, job->task.domain_uuid) == job) {
            return job;
        }
    }
    return NULL;
}

static int run(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err)
{
    for (size_t i = 0; i < sizeof(job_kinds) / sizeof(job_kinds[0]); i++) {
        if (strcmp(job_kinds[i].task_kind, job->task.kind) == 0) {
            return job_kinds[i].run(agent, ctx, job, err);
        }
    }
    return err_set(err, ERR_INTERNAL, "this agent knows no task of the kind %s", job->task.kind);
}

/* Take a job off the list. Under the lock. */
static void remove_job(struct agent *agent, struct job *job)
{
    for (struct job **link = &agent->jobs; *link != NULL; link = &(*link)->next) {
        if (*link == job) {
            *link = job->next;
            break;
        }
    }
    free(job);
    agent->job_serial++;
    pthread_cond_broadcast(&agent->task_ended);
    pthread_cond_broadcast(&agent->work_ready); /* the domain's next job may go on */
}

/*
 * After a write to the store: whether it failed for a full disk or for another program that holds the database,
 * and is to be tried again. Waits a while with the lock open, which is held otherwise.
 */
static bool is_to_rewrite(struct agent *agent, int rc, const struct err *err)
{
    struct timespec until;

    if ((rc != -(int)ERR_NO_SPACE && rc != -(int)ERR_UNAVAILABLE) || agent->is_stopping) {
        return false;
    }
    if (!agent->is_store_stuck) {
        log_error("jobs wait: %s", err->message);
        agent->is_store_stuck = true;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += STORE_RETRY_S;
    pthread_cond_timedwait(&agent->stopping, &agent->lock, &until);
    return true;
}

int agent_set_state(struct agent *agent, struct domain_record *record, enum domain_life to,
                    const char *reason, struct err *err)
{
    char why[sizeof(record->reason)];
    bool is_again;
    int rc;

    snprintf(why, sizeof(why), "%s", reason != NULL ? reason : ""); /* reason may be err's own text */
    do {
        rc = lifecycle_set_state(agent->store, record, to, why, err);
        pthread_mutex_lock(&agent->lock);
        is_again = is_to_rewrite(agent, rc, err);
        agent->is_store_stuck = agent->is_store_stuck && rc != 0;
        pthread_mutex_unlock(&agent->lock);
    } while (is_again);
    return rc;
}

/*
 * The outcome becomes durable. Create and start is all or nothing: when it failed, wherever that was (it may not
 * even have begun), its record goes with the same stroke.
 */
static int write_outcome(struct agent *agent, const struct task_record *task, bool *is_forgotten,
                         struct err *err)
{
    struct domain_record record;
    int rc = store_transaction_begin(agent->store, err);

    *is_forgotten = false;
    if (rc != 0) {
        return rc;
    }
    if (task->state != TASK_SUCCEEDED && strcmp(task->kind, "domain.create") == 0 &&
        store_domain_get(agent->store, task->domain_uuid, &record, err) == 0 &&
        record.state == DOMAIN_STOPPED) {
        rc = store_domain_delete(agent->store, task->domain_uuid, err);
        *is_forgotten = rc == 0;
    }
    if (rc == 0) {
        rc = store_task_finish(agent->store, task, err);
    }
    if (rc != 0) {
        store_transaction_rollback(agent->store);
        return rc;
    }
    return store_transaction_commit(agent->store, err);
}

/* Write down the outcome, then let the job go. Under the lock. */
static void finish(struct agent *agent, struct job *job, int rc, const struct err *outcome)
{
    struct task_record *task = &job->task;
    struct err err = {0};
    bool is_forgotten;

    task->finish_time_ms = store_now_ms();
    if (rc == 0) {
        task->state = TASK_SUCCEEDED;
        task->progress_percent = 100;
        err_clear(&task->error);
    } else {
        task->state = outcome->code == ERR_CANCELLED ? TASK_CANCELLED : TASK_FAILED;
        task->error = *outcome;
    }
    task->stage[0] = '\0';
    log_info("domain=%s task=%s %s: %s%s%s", task->domain_name, task->id, task->kind,
             task_state_name(task->state), rc != 0 ? ": " : "", rc != 0 ? outcome->message : "");
    do {
        rc = write_outcome(agent, task, &is_forgotten, &err);
    } while (is_to_rewrite(agent, rc, &err));
    agent->is_store_stuck = agent->is_store_stuck && rc != 0;
    if (rc != 0) {
        /* It stays unfinished in the store: the next start of the agent takes it up again. */
        log_error("task=%s its outcome cannot be written: %s", task->id, err.message);
    } else if (is_forgotten) {
        pthread_mutex_unlock(&agent->lock); /* the hub may be waiting for xenstore */
        console_hub_forget(agent->hub, task->domain_uuid);
        pthread_mutex_lock(&agent->lock);
    }
    if (rc == 0 && task->seq >= agent->prune_seq) {
        agent->prune_seq = task->seq + PRUNE_EVERY;
        if (store_task_prune(agent->store, TASKS_KEPT, &err) != 0 ||
            store_event_prune(agent->store, EVENTS_KEPT, &err) != 0) {
            log_warn("store: old records cannot be removed: %s", err.message);
        }
    }
    if (job->was_poked) {
        agent->is_look_due = true;
        agent_poke_watcher(agent);
    }
    remove_job(agent, job);
}

/* Work on one job. Enters and leaves with the lock held. */
static int work_on(struct agent *agent, struct domain_ctx *ctx, struct job *job)
{
    struct err err = {0};
    char context[64];
    int rc = 0;

    job->phase = JOB_RUNNING;
    job->was_poked = false;
    if (!job->has_begun && job->is_cancelled && job->task.attempts == 0) {
        rc = err_set(&err, ERR_CANCELLED, "cancelled before it began");
    } else if (!job->has_begun) {
        do {
            rc = store_task_begin(agent->store, &job->task, &err);
        } while (is_to_rewrite(agent, rc, &err));
        job->has_begun = true;
    }
    pthread_mutex_unlock(&agent->lock);

    snprintf(context, sizeof(context), "task=%.8s", job->task.id);
    log_set_context(context);
    if (rc == 0) {
        rc = run(agent, ctx, job, &err);
    }
    log_set_context(NULL);

    pthread_mutex_lock(&agent->lock);
    if (rc == JOB_PARK) {
        job->phase = job->was_poked ? JOB_QUEUED : JOB_PARKED;
        agent_poke_watcher(agent); /* its deadline counts from now on */
    } else {
        finish(agent, job, rc, &err);
    }
    return rc;
}

void *agent_worker(void *opaque)
{
    struct agent *agent = opaque;
    struct domain_ctx *ctx = NULL;
    struct err start_err = {0};
    struct job *job;

    /* All connections are there from the start; what cannot be had yet is tried again with the first job. */
    if (agent->ops->ctx_open(&ctx, &start_err) != 0) {
        ctx = NULL;
    }
    pthread_mutex_lock(&agent->lock);
    while (!agent->is_stopping) {
        struct err err = {0};

        job = next_job(agent);
        if (job == NULL) {
            pthread_cond_wait(&agent->work_ready, &agent->lock);
            continue;
        }
        if (ctx == NULL) {
            job->phase = JOB_RUNNING; /* ours, while the lock is open */
            pthread_mutex_unlock(&agent->lock);
            if (agent->ops->ctx_open(&ctx, &err) != 0) {
                ctx = NULL;
            }
            pthread_mutex_lock(&agent->lock);
        }
        if (ctx == NULL) {
            finish(agent, job, -(int)err.code, &err);
        } else if (work_on(agent, ctx, job) == -(int)ERR_UNAVAILABLE) {
            /* Its connections may be dead (xenstore was restarted): the next job gets new ones. */
            agent->ops->ctx_close(ctx);
            ctx = NULL;
        }
    }
    pthread_mutex_unlock(&agent->lock);
    agent->ops->ctx_close(ctx);
    return NULL;
}
