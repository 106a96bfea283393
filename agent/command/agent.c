/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and stopping the agent: a list of parts, and its mirror. */
#include "command/agent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "command/internal.h"

#define WORKERS_DEFAULT    4
#define SHUTDOWN_TIMEOUT_S 300

static void init_locks(struct agent *agent)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&agent->lock, NULL);
    pthread_mutex_init(&agent->look_lock, NULL);
    pthread_cond_init(&agent->work_ready, &monotonic);
    pthread_cond_init(&agent->task_ended, &monotonic);
    pthread_cond_init(&agent->stopping, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static int open_store(struct agent *agent, const char *folder, struct err *err)
{
    char path[1024];

    if ((size_t)snprintf(path, sizeof(path), "%s/state.db", folder) >= sizeof(path)) {
        return err_set(err, ERR_INVALID, "the name of the state folder is too long");
    }
    return store_open(path, &agent->store, err);
}

static int start_threads(struct agent *agent, unsigned worker_count, struct err *err)
{
    int error;

    agent->workers = calloc(worker_count, sizeof(*agent->workers));
    if (agent->workers == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for the worker threads");
    }
    for (unsigned i = 0; i < worker_count; i++) {
        error = pthread_create(&agent->workers[i], NULL, agent_worker, agent);
        if (error != 0) {
            return err_set_errno(err, error, "a worker thread cannot be started");
        }
        agent->worker_count++;
    }
    error = pthread_create(&agent->watcher, NULL, agent_watcher, agent);
    if (error != 0) {
        return err_set_errno(err, error, "the watcher thread cannot be started");
    }
    agent->has_watcher = true;
    return 0;
}

int agent_start(const struct agent_options *options, struct agent **out, struct err *err)
{
    struct agent *agent = calloc(1, sizeof(*agent));
    int rc;

    *out = NULL;
    if (agent == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for the agent");
    }
    init_locks(agent);
    agent->ops = options->ops;
    agent->shutdown_timeout_s =
        options->shutdown_timeout_s != 0 ? options->shutdown_timeout_s : SHUTDOWN_TIMEOUT_S;
    agent->watcher_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (agent->watcher_fd < 0) {
        rc = err_set_errno(err, errno, "eventfd");
        goto stop;
    }
    rc = open_store(agent, options->state_folder, err);
    if (rc != 0) {
        goto stop;
    }
    rc = agent->ops->ctx_open(&agent->look_ctx, err);
    if (rc != 0) {
        agent->look_ctx = NULL;
        goto stop;
    }
    rc = console_hub_open(agent->ops, options->console_folder, &agent->hub, err);
    if (rc != 0) {
        goto stop;
    }
    rc = agent_reconcile(agent, err);
    if (rc != 0) {
        goto stop;
    }
    rc = start_threads(agent, options->worker_count != 0 ? options->worker_count : WORKERS_DEFAULT,
                       err);
    if (rc != 0) {
        goto stop;
    }
    *out = agent;
    return 0;

stop:
    agent_stop(agent);
    return rc;
}

void agent_wake_waiters(struct agent *agent)
{
    pthread_mutex_lock(&agent->lock);
    agent->is_waking = true;
    pthread_cond_broadcast(&agent->task_ended);
    pthread_mutex_unlock(&agent->lock);
    console_hub_wake(agent->hub);
}

/* Jobs still there are durable tasks: the next start takes them up. */
static void free_jobs(struct agent *agent)
{
    while (agent->jobs != NULL) {
        struct job *job = agent->jobs;

        agent->jobs = job->next;
        free(job);
    }
}

void agent_stop(struct agent *agent)
{
    if (agent == NULL) {
        return;
    }
    pthread_mutex_lock(&agent->lock);
    agent->is_stopping = true;
    pthread_cond_broadcast(&agent->work_ready);
    pthread_cond_broadcast(&agent->stopping);
    pthread_mutex_unlock(&agent->lock);
    if (agent->has_watcher) {
        agent_poke_watcher(agent);
        pthread_join(agent->watcher, NULL);
    }
    for (unsigned i = 0; i < agent->worker_count; i++) {
        pthread_join(agent->workers[i], NULL);
    }
    free(agent->workers);
    free_jobs(agent);
    console_hub_close(agent->hub);
    if (agent->look_ctx != NULL) {
        agent->ops->ctx_close(agent->look_ctx);
    }
    store_close(agent->store);
    if (agent->watcher_fd >= 0) {
        close(agent->watcher_fd);
    }
    pthread_cond_destroy(&agent->stopping);
    pthread_cond_destroy(&agent->task_ended);
    pthread_cond_destroy(&agent->work_ready);
    pthread_mutex_destroy(&agent->look_lock);
    pthread_mutex_destroy(&agent->lock);
    free(agent);
}
