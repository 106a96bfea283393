/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that bring a domain up. What was interrupted is met again here: a domain that had been built
 * is taken on as it is, one that was half made is taken down and made anew, so none is ever doubled.
 */
#include <stdlib.h>
#include <string.h>

#include "command/internal.h"
#include "command/validate.h"
#include "util/log.h"

int domain_find_info(const struct domain_ops *ops, struct domain_ctx *ctx, const char *uuid,
                     struct domain_info *info, struct err *err)
{
    struct domain_info *list;
    size_t count;
    int rc = ops->list_info(ctx, &list, &count, err);

    if (rc != 0) {
        return rc;
    }
    rc = err_set(err, ERR_NOT_FOUND, "the hypervisor holds no domain %s", uuid);
    for (size_t i = 0; i < count; i++) {
        if (list[i].domid != 0 && strcasecmp(list[i].uuid, uuid) == 0) {
            *info = list[i];
            rc = 0;
            /* One that is only dying may still be listed beside its successor: look on. */
            if ((list[i].state & DOMAIN_STATE_DYING) == 0) {
                break;
            }
        }
    }
    free(list);
    return rc;
}

/* Let a built domain run; on failure it is taken down again. */
static int let_run(struct agent *agent, struct domain_ctx *ctx, struct domain_record *record,
                   bool is_paused, bool is_adopted, struct err *err)
{
    struct err aside = {0};
    int rc;

    /* Before it runs: a guest whose console ring is full stands still. */
    if (console_hub_attach(agent->hub, record->spec.uuid, record->spec.name,
                           (uint32_t)record->domid, is_adopted, &aside) != 0) {
        log_warn("domain=%s has no console: %s", record->spec.name, aside.message);
    }
    rc = is_paused ? agent->ops->unpause(ctx, (uint32_t)record->domid, err) : 0;
    if (rc == 0) {
        rc = agent_set_state(agent, record, DOMAIN_RUNNING, NULL, err);
        if (rc == 0) {
            return 0;
        }
    }
    if (domain_tear_down(agent, ctx, record, err != NULL ? err->message : "", &aside) != 0) {
        log_error("domain=%s cannot be taken down: %s", record->spec.name, aside.message);
    }
    return rc;
}

int domain_bring_up(struct agent *agent, struct domain_ctx *ctx, struct job *job,
                    struct domain_record *record, struct err *err)
{
    struct job_progress progress = {.agent = agent, .job = job};
    struct build_config build;
    struct err aside = {0};
    uint32_t domid = 0;
    int rc = agent_set_state(agent, record, DOMAIN_STARTING, NULL, err);

    if (rc != 0) {
        return rc;
    }
    validate_to_config(&record->spec, &build);
    rc = agent->ops->build(ctx, &build.config, &domid, agent_job_progress, &progress, err);
    if (rc != 0) {
        /* The builder undoes what it did; should it have failed in that, this is the second try. */
        if (domain_tear_down(agent, ctx, record, err->message, &aside) != 0) {
            log_error("domain=%s cannot be taken down: %s", record->spec.name, aside.message);
        }
        return rc;
    }
    /* From here on an interrupted start is gone on with, not begun again. */
    record->domid = domid;
    rc = agent_set_state(agent, record, DOMAIN_STARTING, NULL, err);
    if (rc != 0) {
        if (domain_tear_down(agent, ctx, record, err->message, &aside) != 0) {
            log_error("domain=%s cannot be taken down: %s", record->spec.name, aside.message);
        }
        return rc;
    }
    return let_run(agent, ctx, record, true, false, err);
}

/* A start that was interrupted, or asked for again: go on from what is there. Returns 1 when the
 * record is STOPPED and all is still to be done. */
static int resume(struct agent *agent, struct domain_ctx *ctx, struct domain_record *record,
                  struct err *err)
{
    struct domain_info info;
    int rc;

    if (record->state == DOMAIN_STOPPED) {
        return 1;
    }
    if (record->state == DOMAIN_RUNNING || record->state == DOMAIN_PAUSED) {
        return 0;
    }
    rc = domain_find_info(agent->ops, ctx, record->spec.uuid, &info, err);
    if (rc == 0 && record->state == DOMAIN_STARTING && record->domid == (int64_t)info.domid &&
        (info.state & (DOMAIN_STATE_DYING | DOMAIN_STATE_SHUTDOWN)) == 0) {
        log_info("domain=%s was built before the interruption: it is let run", record->spec.name);
        return let_run(agent, ctx, record, (info.state & DOMAIN_STATE_PAUSED) != 0, true, err);
    }
    if (rc != 0 && rc != -(int)ERR_NOT_FOUND) {
        return rc;
    }
    rc = domain_tear_down(agent, ctx, record, "the agent was interrupted", err);
    return rc != 0 ? rc : 1;
}

int job_start(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err)
{
    struct domain_record record;
    int rc = store_domain_get(agent->store, job->task.domain_uuid, &record, err);

    if (rc != 0) {
        return rc;
    }
    rc = resume(agent, ctx, &record, err);
    if (rc != 1) {
        return rc;
    }
    return domain_bring_up(agent, ctx, job, &record, err);
}
