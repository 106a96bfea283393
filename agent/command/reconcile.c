/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent starts and finds a host on which things may have happened without it: what the records
 * say is compared with what the hypervisor says, running guests are adopted by their uuid, vanished
 * ones are marked, and every task that was not finished is taken up again. Tasks are written so
 * that doing them again does nothing twice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/internal.h"
#include "util/log.h"

static const struct domain_info *find_info(const struct domain_info *list, size_t count,
                                           const char *uuid)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].domid != 0 && (list[i].state & DOMAIN_STATE_DYING) == 0 &&
            strcasecmp(list[i].uuid, uuid) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

/* A running domain whose record may be old: take it on. */
static int adopt(struct agent *agent, struct domain_record *record, const struct domain_info *info,
                 struct err *err)
{
    bool is_paused = (info->state & DOMAIN_STATE_PAUSED) != 0;
    enum domain_life state = is_paused ? DOMAIN_PAUSED : DOMAIN_RUNNING;
    struct err aside = {0};

    if (record->state == DOMAIN_CRASHED) {
        state = DOMAIN_CRASHED;
    }
    record->domid = info->domid;
    if (console_hub_attach(agent->hub, record->spec.uuid, record->spec.name, info->domid, true,
                           &aside) != 0) {
        log_warn("domain=%s has no console: %s", record->spec.name, aside.message);
    }
    log_info("domain=%s adopted as domid %u", record->spec.name, info->domid);
    if (record->state == DOMAIN_STOPPING && is_paused) {
        state = DOMAIN_RUNNING; /* the watcher notes the pause */
    }
    return lifecycle_set_state(agent->store, record, state, "", err);
}

/* One record without an unfinished task. */
static int reconcile_idle(struct agent *agent, struct domain_record *record,
                          const struct domain_info *info, struct err *err)
{
    if (record->state == DOMAIN_DESTROYING || record->state == DOMAIN_STARTING) {
        /* Left so by a job that failed: what remains of it is removed. */
        if (record->state == DOMAIN_STARTING && info == NULL && record->domid < 0) {
            return lifecycle_set_state(agent->store, record, DOMAIN_STOPPED,
                                       "the agent was interrupted", err);
        }
        return agent_submit_internal(agent, "domain.destroy", record, "left half done", err);
    }
    if (info != NULL) {
        return adopt(agent, record, info, err);
    }
    if (record->state != DOMAIN_STOPPED) {
        /* The host was restarted, or another program ended it while nobody looked. Devices it may
         * have left in dom0 are removed by the job. */
        return agent_submit_internal(agent, "domain.cleanup", record, "vanished", err);
    }
    return 0;
}

/* One record with an unfinished task: only what the task itself does not do. */
static void prepare_busy(struct agent *agent, const struct domain_record *record,
                         const struct domain_info *info)
{
    struct err err = {0};

    if (info != NULL && record->state != DOMAIN_STARTING && record->state != DOMAIN_DESTROYING &&
        console_hub_attach(agent->hub, record->spec.uuid, record->spec.name, info->domid, true,
                           &err) != 0) {
        log_warn("domain=%s has no console: %s", record->spec.name, err.message);
    }
}

/* End a task that is not taken up again. */
static int fail_task(struct agent *agent, struct task_record *task, const char *why, struct err *err)
{
    task->state = TASK_FAILED;
    task->stage[0] = '\0';
    task->finish_time_ms = store_now_ms();
    err_set(&task->error, ERR_INTERNAL, "%s", why);
    log_error("domain=%s task=%s %s: %s", task->domain_name, task->id, task->kind, why);
    return store_task_finish(agent->store, task, err);
}

/*
 * A task that was interrupted too often, perhaps because it is what ends the agent. Its domain is left to
 * reconcile_idle(), but a creation promises that nothing is left when it fails.
 */
static int give_up(struct agent *agent, struct task_record *task, struct err *err)
{
    struct domain_record record;
    char why[80];
    int found = store_domain_get(agent->store, task->domain_uuid, &record, err);
    int rc;

    if (found != 0 && found != -(int)ERR_NOT_FOUND) {
        return found;
    }
    snprintf(why, sizeof(why), "given up: the agent was interrupted %d times in it",
             TASK_ATTEMPTS_MAX);
    rc = fail_task(agent, task, why, err);
    if (rc == 0 && found == 0 && strcmp(task->kind, "domain.create") == 0) {
        rc = agent_submit_internal(agent, "domain.delete", &record, "its creation was given up", err);
    }
    return rc;
}

static int take_up(struct agent *agent, struct task_record *task, struct err *err)
{
    bool is_overtaken;
    int rc = store_task_is_overtaken(agent->store, task, &is_overtaken, err);

    if (rc != 0) {
        return rc;
    }
    if (is_overtaken) {
        /* A domain's tasks are worked on one after the other, so it has ended, and what it did may have been
         * undone on purpose since: an old destroy must not end what was started after it. */
        return fail_task(agent, task, "it has ended, but what became of it could not be written down",
                         err);
    }
    if (task->attempts < TASK_ATTEMPTS_MAX) {
        if (strcmp(task->kind, "domain.destroy") == 0 || strcmp(task->kind, "domain.delete") == 0) {
            agent_cancel_jobs(agent, task->domain_uuid); /* as it did when it was asked for */
        }
        log_info("domain=%s task=%s %s is taken up again", task->domain_name, task->id, task->kind);
        return agent_queue_job(agent, task, err);
    }
    return give_up(agent, task, err);
}

/* Queue every unfinished task. */
static int take_up_tasks(struct agent *agent, struct err *err)
{
    struct task_record *tasks;
    size_t count;
    int rc = store_task_list_unfinished(agent->store, &tasks, &count, err);

    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = take_up(agent, &tasks[i], err);
    }
    free(tasks);
    return rc;
}

int agent_reconcile(struct agent *agent, struct err *err)
{
    struct domain_record *records = NULL;
    struct domain_info *infos = NULL;
    size_t record_count = 0;
    size_t info_count = 0;
    struct err aside = {0};
    int rc;

    if (agent->ops->remove_leftovers(agent->look_ctx, &aside) != 0) {
        log_error("what is left of destroyed domains cannot be looked for: %s", aside.message);
    }
    rc = agent->ops->list_info(agent->look_ctx, &infos, &info_count, err);
    if (rc == 0) {
        rc = store_domain_list(agent->store, &records, &record_count, err);
    }
    if (rc == 0) {
        pthread_mutex_lock(&agent->lock);
        rc = take_up_tasks(agent, err);
        for (size_t i = 0; rc == 0 && i < record_count; i++) {
            const struct domain_info *info =
                find_info(infos, info_count, records[i].spec.uuid);

            if (agent_find_job(agent, records[i].spec.uuid) != NULL) {
                prepare_busy(agent, &records[i], info);
            } else {
                rc = reconcile_idle(agent, &records[i], info, err);
            }
        }
        pthread_mutex_unlock(&agent->lock);
    }
    free(records);
    free(infos);
    return rc;
}
