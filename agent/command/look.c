/* SPDX-License-Identifier: Apache-2.0 */
/* Everything a client may ask that changes no domain. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/internal.h"
#include "util/str.h"

#define LEFT_LOOK_MS 1000

/*
 * Look with the shared context. One look at a time; when its connections turn out dead they are
 * opened anew once.
 */
static int look_lock(struct agent *agent, struct err *err)
{
    int rc = 0;

    pthread_mutex_lock(&agent->look_lock);
    if (agent->look_ctx == NULL) {
        rc = agent->ops->ctx_open(&agent->look_ctx, err);
        if (rc != 0) {
            agent->look_ctx = NULL;
            pthread_mutex_unlock(&agent->look_lock);
        }
    }
    return rc;
}

static void look_unlock(struct agent *agent, int rc)
{
    if (rc == -(int)ERR_UNAVAILABLE) {
        agent->ops->ctx_close(agent->look_ctx);
        agent->look_ctx = NULL;
    }
    pthread_mutex_unlock(&agent->look_lock);
}

static int list_info(struct agent *agent, struct domain_info **list, size_t *count,
                     struct err *err)
{
    int rc = look_lock(agent, err);

    if (rc != 0) {
        return rc;
    }
    rc = agent->ops->list_info(agent->look_ctx, list, count, err);
    look_unlock(agent, rc);
    return rc;
}

/* A domain the hypervisor holds and the agent has no record of. */
static void view_unmanaged(const struct domain_info *info, struct domain_view *view)
{
    struct domain_record *record = &view->record;

    memset(view, 0, sizeof(*view));
    view->info = *info;
    view->has_info = true;
    memcpy(record->spec.uuid, info->uuid, sizeof(record->spec.uuid));
    if (info->name[0] != '\0') {
        memcpy(record->spec.name, info->name, sizeof(record->spec.name));
    } else if (info->domid == 0) {
        snprintf(record->spec.name, sizeof(record->spec.name), "Domain-0");
    }
    record->spec.memory_bytes =
        info->max_memory_bytes != 0 ? info->max_memory_bytes : info->memory_bytes;
    record->spec.vcpus = info->vcpus_max;
    record->domid = info->domid;
    if ((info->state & DOMAIN_STATE_DYING) != 0) {
        record->state = DOMAIN_DESTROYING;
    } else if ((info->state & DOMAIN_STATE_CRASHED) != 0) {
        record->state = DOMAIN_CRASHED;
    } else if ((info->state & DOMAIN_STATE_SHUTDOWN) != 0) {
        record->state = DOMAIN_STOPPED;
    } else if ((info->state & DOMAIN_STATE_PAUSED) != 0) {
        record->state = DOMAIN_PAUSED;
    } else {
        record->state = DOMAIN_RUNNING;
    }
}

/* Join records and infos by uuid: first what only the hypervisor has, then the records. */
static struct domain_view *join(const struct domain_record *records, size_t record_count,
                                const struct domain_info *infos, size_t info_count,
                                size_t *view_count)
{
    struct domain_view *views = calloc(record_count + info_count + 1, sizeof(*views));
    size_t used = 0;

    if (views == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < info_count; i++) {
        bool is_managed = false;

        for (size_t r = 0; r < record_count && !is_managed; r++) {
            is_managed =
                infos[i].domid != 0 && strcasecmp(records[r].spec.uuid, infos[i].uuid) == 0;
        }
        if (!is_managed) {
            view_unmanaged(&infos[i], &views[used++]);
        }
    }
    for (size_t r = 0; r < record_count; r++) {
        struct domain_view *view = &views[used++];

        view->record = records[r];
        view->is_managed = true;
        for (size_t i = 0; i < info_count && !view->has_info; i++) {
            if (infos[i].domid != 0 && strcasecmp(records[r].spec.uuid, infos[i].uuid) == 0) {
                view->info = infos[i];
                view->has_info = true;
            }
        }
    }
    *view_count = used;
    return views;
}

static int list_domains(struct agent *agent, struct domain_view **views, size_t *count,
                        struct err *err)
{
    struct domain_record *records = NULL;
    struct domain_info *infos = NULL;
    size_t record_count = 0;
    size_t info_count = 0;
    int rc = store_domain_list(agent->store, &records, &record_count, err);

    if (rc == 0) {
        rc = list_info(agent, &infos, &info_count, err);
    }
    if (rc == 0) {
        *views = join(records, record_count, infos, info_count, count);
        if (*views == NULL) {
            rc = err_set(err, ERR_NO_MEMORY, "no memory for the list of domains");
        }
    }
    free(records);
    free(infos);
    return rc;
}

static int get_domain(struct agent *agent, const char *key, struct domain_view **view,
                      struct err *err)
{
    struct domain_view *views;
    size_t count;
    int rc = list_domains(agent, &views, &count, err);

    if (rc != 0) {
        return rc;
    }
    rc = err_set(err, ERR_NOT_FOUND, "there is no domain \"%.64s\"", key);
    for (size_t i = count; i-- > 0;) { /* ours, which lie behind the others, first: changes go to them */
        if (strcasecmp(views[i].record.spec.uuid, key) == 0 ||
            strcmp(views[i].record.spec.name, key) == 0) {
            memmove(views, &views[i], sizeof(*views));
            *view = views;
            return 0;
        }
    }
    free(views);
    return rc;
}

static int read_host(struct agent *agent, struct host_view *host, struct err *err)
{
    struct domain_info *infos = NULL;
    size_t count = 0;
    int rc = look_lock(agent, err);

    if (rc != 0) {
        return rc;
    }
    memset(host, 0, sizeof(*host));
    rc = agent->ops->host_read_info(agent->look_ctx, &host->info, err);
    if (rc == 0) {
        rc = agent->ops->list_info(agent->look_ctx, &infos, &count, err);
    }
    if (rc == 0) {
        rc = agent->ops->host_read_cpu_idle(agent->look_ctx, &host->cpu_idle_ns,
                                            &host->cpu_idle_count, err);
    }
    host->domain_count = (uint32_t)count;
    free(infos);
    look_unlock(agent, rc);
    return rc;
}

static int read_log(struct agent *agent, struct command_result *result, struct err *err)
{
    int rc = look_lock(agent, err);

    if (rc != 0) {
        return rc;
    }
    rc = agent->ops->host_read_log(agent->look_ctx, &result->log.text, &result->log.length, err);
    look_unlock(agent, rc);
    return rc;
}

/* Wait for any task to end, at most until a deadline or the next question whether the client is there. */
static void wait_a_while(struct agent *agent, int64_t deadline_ms)
{
    int64_t until_ms = agent_monotonic_ms() + LEFT_LOOK_MS;
    struct timespec until;

    if (until_ms > deadline_ms) {
        until_ms = deadline_ms;
    }
    until.tv_sec = until_ms / 1000;
    until.tv_nsec = until_ms % 1000 * 1000000;
    pthread_cond_timedwait(&agent->task_ended, &agent->lock, &until);
}

int agent_read_task(struct agent *agent, const char *id, const struct command *command,
                    struct task_record *task, struct err *err)
{
    int64_t deadline_ms = agent_monotonic_ms() + command->wait_ms;
    char wanted[37];
    struct job *job;
    int rc = 0;

    if (!str_copy(wanted, sizeof(wanted), id)) { /* a copy: id may lie in *task */
        return err_set(err, ERR_NOT_FOUND, "no task \"%.64s\" is recorded", id);
    }
    pthread_mutex_lock(&agent->lock);
    /* Found anew after each wait: the job may have ended and be gone. */
    while ((job = agent_find_job_of_task(agent, wanted)) != NULL && !agent->is_waking &&
           agent_monotonic_ms() < deadline_ms &&
           (command->has_left == NULL || !command->has_left(command->opaque))) {
        wait_a_while(agent, deadline_ms);
    }
    if (job != NULL) {
        *task = job->task; /* with its progress, which the store does not have */
    } else {
        rc = store_task_get(agent->store, wanted, task, err);
    }
    pthread_mutex_unlock(&agent->lock);
    return rc;
}

static int list_tasks(struct agent *agent, size_t max_count, struct command_result *result,
                      struct err *err)
{
    int rc;

    pthread_mutex_lock(&agent->lock);
    rc = store_task_list(agent->store, max_count, &result->tasks.list, &result->tasks.count, err);
    for (size_t i = 0; rc == 0 && i < result->tasks.count; i++) {
        struct job *job = agent_find_job_of_task(agent, result->tasks.list[i].id);

        if (job != NULL) {
            result->tasks.list[i] = job->task;
        }
    }
    pthread_mutex_unlock(&agent->lock);
    return rc;
}

static int cancel_task(struct agent *agent, const char *id, struct task_record *task,
                       struct err *err)
{
    struct job *job;
    int rc = 0;

    pthread_mutex_lock(&agent->lock);
    job = agent_find_job_of_task(agent, id);
    if (job != NULL) {
        job->is_cancelled = true;
        agent_poke_jobs(agent, job->task.domain_uuid);
        *task = job->task;
    } else {
        rc = store_task_get(agent->store, id, task, err);
        if (rc == 0) {
            rc = err_set(err, ERR_CONFLICT, "task %s has ended: %s", task->id,
                         task_state_name(task->state));
        }
    }
    pthread_mutex_unlock(&agent->lock);
    return rc;
}

static int read_console(struct agent *agent, const struct command *command,
                        struct command_result *result, struct err *err)
{
    struct domain_record record;
    uint64_t offset = command->console_read.offset;
    int rc = store_domain_get(agent->store, command->domain, &record, err);

    if (rc != 0) {
        return rc;
    }
    memcpy(result->console_read.uuid, record.spec.uuid, sizeof(result->console_read.uuid));
    rc = console_hub_read(agent->hub, record.spec.uuid, &offset, command->console_read.out,
                          command->console_read.size_bytes, command->wait_ms,
                          &result->console_read.length, err);
    if (rc == -(int)ERR_NOT_FOUND) {
        /* It exists but has not run since the agent started: an empty console. */
        result->console_read.length = 0;
        rc = 0;
    }
    result->console_read.next_offset = offset;
    return rc;
}

static int write_console(struct agent *agent, const struct command *command,
                         struct command_result *result, struct err *err)
{
    struct domain_record record;
    int rc = store_domain_get(agent->store, command->domain, &record, err);

    if (rc != 0) {
        return rc;
    }
    return console_hub_write(agent->hub, record.spec.uuid, command->console_write.data,
                             command->console_write.size_bytes,
                             &result->console_write.accepted_bytes, err);
}

int agent_look(struct agent *agent, const struct command *command, struct command_result *result,
               struct err *err)
{
    switch (command->kind) {
    case COMMAND_DOMAIN_GET:
        return get_domain(agent, command->domain, &result->domain, err);
    case COMMAND_DOMAIN_LIST:
        return list_domains(agent, &result->domains.list, &result->domains.count, err);
    case COMMAND_CONSOLE_READ:
        return read_console(agent, command, result, err);
    case COMMAND_CONSOLE_WRITE:
        return write_console(agent, command, result, err);
    case COMMAND_HOST_INFO:
        return read_host(agent, &result->host, err);
    case COMMAND_HOST_LOG:
        return read_log(agent, result, err);
    case COMMAND_TASK_GET:
        return agent_read_task(agent, command->task_id, command, &result->task, err);
    case COMMAND_TASK_LIST:
        return list_tasks(agent, command->max_count, result, err);
    case COMMAND_TASK_CANCEL:
        return cancel_task(agent, command->task_id, &result->task, err);
    case COMMAND_EVENT_LIST:
        return store_event_list(agent->store, command->max_count, &result->events.list,
                                &result->events.count, err);
    default:
        return err_set(err, ERR_INTERNAL, "no such command: %d", (int)command->kind);
    }
}
