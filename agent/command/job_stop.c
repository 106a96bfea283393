/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that end a domain: because a client wants it (shutdown, reboot, destroy, delete) or because
 * the guest has stopped by itself (cleanup, restart). A job that waits for a guest is parked and
 * holds no thread; the watcher wakes it.
 */
#include <stdio.h>

#include "command/internal.h"
#include "util/log.h"

const char *shutdown_reason_text(enum domain_shutdown_reason reason)
{
    switch (reason) {
    case DOMAIN_SHUTDOWN_POWEROFF:
        return "the guest powered off";
    case DOMAIN_SHUTDOWN_REBOOT:
        return "the guest rebooted";
    case DOMAIN_SHUTDOWN_SUSPEND:
        return "the guest suspended itself";
    case DOMAIN_SHUTDOWN_CRASH:
        return "the guest crashed";
    case DOMAIN_SHUTDOWN_WATCHDOG:
        return "the guest's watchdog expired";
    default:
        return "the guest stopped";
    }
}

/* A domain that is gone from the hypervisor; its devices and nodes may not be. Since its host was started again
 * its number may be another domain's: then there is nothing left of it. */
static int remove_remains(const struct domain_ops *ops, struct domain_ctx *ctx, uint32_t domid,
                          struct err *err)
{
    struct domain_info other;
    int rc = ops->get_info(ctx, domid, &other, err);

    if (rc == 0) {
        return err_set(err, ERR_NOT_FOUND, "domid %u is another domain's now", domid);
    }
    return rc == -(int)ERR_NOT_FOUND ? ops->destroy(ctx, domid, err) : rc;
}

int domain_tear_down(struct agent *agent, struct domain_ctx *ctx, struct domain_record *record,
                     const char *reason, struct err *err)
{
    struct domain_info info;
    char why[256];
    int rc;

    if (record->state == DOMAIN_STOPPED) {
        return 0;
    }
    snprintf(why, sizeof(why), "%s", reason); /* reason may be err's own text */
    rc = agent_set_state(agent, record, DOMAIN_DESTROYING, why, err);
    if (rc != 0) {
        return rc;
    }
    console_hub_detach(agent->hub, record->spec.uuid); /* it holds a page of the domain */
    rc = domain_find_info(agent->ops, ctx, record->spec.uuid, &info, err);
    if (rc == 0) {
        rc = agent->ops->destroy(ctx, info.domid, err);
    } else if (rc == -(int)ERR_NOT_FOUND && record->domid > 0) {
        rc = remove_remains(agent->ops, ctx, (uint32_t)record->domid, err);
    }
    if (rc != 0 && rc != -(int)ERR_NOT_FOUND) {
        struct err aside = {0};

        /* It stays DESTROYING: destroy may be asked for again. */
        if (agent_set_state(agent, record, DOMAIN_DESTROYING, err->message, &aside) !=
            0) {
            log_error("domain=%s %s", record->spec.name, aside.message);
        }
        return rc;
    }
    return agent_set_state(agent, record, DOMAIN_STOPPED, why, err);
}

/* Ask the guest, once; afterwards the job waits. */
static int ask_guest(struct agent *agent, struct domain_ctx *ctx, struct job *job,
                     struct domain_record *record, uint32_t domid, const char *kind,
                     struct err *err)
{
    uint32_t timeout_s =
        job->task.timeout_s != 0 ? job->task.timeout_s : agent->shutdown_timeout_s;
    int rc = agent->ops->request_shutdown(ctx, domid, kind, err);

    if (rc != 0) {
        return rc;
    }
    if (record->state != DOMAIN_STOPPING) {
        rc = agent_set_state(agent, record, DOMAIN_STOPPING, NULL, err);
        if (rc != 0) {
            return rc;
        }
    }
    pthread_mutex_lock(&agent->lock);
    job->was_asked = true;
    job->deadline_ms = agent_monotonic_ms() + (int64_t)timeout_s * 1000;
    snprintf(job->task.stage, sizeof(job->task.stage), "waiting for the guest");
    pthread_mutex_unlock(&agent->lock);
    return JOB_PARK;
}

/* The guest has been asked and still runs: wait on, or give up. */
static int wait_on(struct agent *agent, const struct job *job, struct domain_record *record,
                   bool is_cancelled, struct err *err)
{
    struct err aside = {0};
    int rc;

    if (is_cancelled) {
        rc = err_set(err, ERR_CANCELLED, "cancelled; the guest may still stop");
    } else if (agent_monotonic_ms() >= job->deadline_ms) {
        rc = err_set(err, ERR_TIMEOUT,
                     "the guest did not stop in time; destroy ends it without asking");
    } else {
        return JOB_PARK;
    }
    if (record->state == DOMAIN_STOPPING &&
        agent_set_state(agent, record, DOMAIN_RUNNING, err->message, &aside) != 0) {
        log_error("domain=%s %s", record->spec.name, aside.message);
    }
    return rc;
}

/*
 * Bring the guest to stop. Returns 0 when it has and *info tells how (or it is gone, then
 * *is_gone), JOB_PARK while it has not, or an error.
 */
static int stop_guest(struct agent *agent, struct domain_ctx *ctx, struct job *job,
                      struct domain_record *record, const char *kind, struct domain_info *info,
                      bool *is_gone, struct err *err)
{
    bool is_cancelled;
    int rc = domain_find_info(agent->ops, ctx, record->spec.uuid, info, err);

    *is_gone = rc == -(int)ERR_NOT_FOUND;
    if (*is_gone) {
        return 0;
    }
    if (rc != 0) {
        return rc;
    }
    if ((info->state & (DOMAIN_STATE_SHUTDOWN | DOMAIN_STATE_DYING)) != 0) {
        return 0;
    }
    pthread_mutex_lock(&agent->lock);
    is_cancelled = job->is_cancelled;
    pthread_mutex_unlock(&agent->lock);
    if (job->was_asked || is_cancelled) {
        return wait_on(agent, job, record, is_cancelled, err);
    }
    return ask_guest(agent, ctx, job, record, info->domid, kind, err);
}

int job_shutdown(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err)
{
    struct domain_record record;
    struct domain_info info;
    bool is_gone;
    int rc = store_domain_get(agent->store, job->task.domain_uuid, &record, err);

    if (rc != 0 || record.state == DOMAIN_STOPPED) {
        return rc;
    }
    rc = stop_guest(agent, ctx, job, &record, "poweroff", &info, &is_gone, err);
    if (rc != 0) {
        return rc;
    }
    return domain_tear_down(agent, ctx, &record,
                            is_gone ? "gone" : shutdown_reason_text(info.shutdown_reason), err);
}

int job_reboot(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err)
{
    struct domain_record record;
    struct domain_info info;
    bool is_gone;
    int rc = store_domain_get(agent->store, job->task.domain_uuid, &record, err);

    if (rc != 0) {
        return rc;
    }
    if (record.state == DOMAIN_STARTING) {
        return job_start(agent, ctx, job, err); /* interrupted in its second half */
    }
    if (record.state == DOMAIN_RUNNING && job->task.attempts > 1 &&
        record.start_time_ms > job->task.start_time_ms) {
        return 0; /* interrupted when the new instance ran already */
    }
    if (record.state != DOMAIN_STOPPED) {
        rc = stop_guest(agent, ctx, job, &record, "reboot", &info, &is_gone, err);
        if (rc != 0) {
            return rc;
        }
        rc = domain_tear_down(agent, ctx, &record,
                              is_gone ? "gone" : shutdown_reason_text(info.shutdown_reason), err);
        if (rc != 0) {
            return rc;
        }
    }
    return domain_bring_up(agent, ctx, job, &record, err);
}

int job_destroy(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err)
{
    struct domain_record record;
    int rc = store_domain_get(agent->store, job->task.domain_uuid, &record, err);

    if (rc == -(int)ERR_NOT_FOUND) {
        return 0; /* it was being created, and asking for its end has ended that */
    }
    if (rc != 0) {
        return rc;
    }
    return domain_tear_down(agent, ctx, &record, "destroyed", err);
}

int job_delete(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err)
{
    struct domain_record record;
    int rc = store_domain_get(agent->store, job->task.domain_uuid, &record, err);

    if (rc == -(int)ERR_NOT_FOUND) {
        return 0; /* interrupted after the record was gone */
    }
    if (rc == 0) {
        rc = domain_tear_down(agent, ctx, &record, "deleted", err);
    }
    if (rc == 0) {
        rc = store_domain_delete(agent->store, record.spec.uuid, err);
    }
    if (rc == 0) {
        console_hub_forget(agent->hub, record.spec.uuid);
    }
    return rc;
}

/*
 * The guest has stopped by itself: read why, while it is still there to tell. *is_alive when it has
 * not after all (the word came late, and a new instance runs): then there is nothing to do.
 */
static int read_why(struct agent *agent, struct domain_ctx *ctx, struct domain_record *record,
                    const char **why, bool *is_alive, struct err *err)
{
    struct domain_info info;
    int rc = domain_find_info(agent->ops, ctx, record->spec.uuid, &info, err);

    *why = record->reason[0] != '\0' ? record->reason : "ended by another program";
    *is_alive = rc == 0 && record->state != DOMAIN_DESTROYING &&
                (info.state & (DOMAIN_STATE_SHUTDOWN | DOMAIN_STATE_DYING)) == 0;
    if (rc == 0 && (info.state & DOMAIN_STATE_SHUTDOWN) != 0) {
        *why = shutdown_reason_text(info.shutdown_reason);
    }
    return rc == -(int)ERR_NOT_FOUND ? 0 : rc;
}

int job_cleanup(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err)
{
    struct domain_record record;
    const char *why;
    bool is_alive = false;
    int rc = store_domain_get(agent->store, job->task.domain_uuid, &record, err);

    if (rc == 0) {
        rc = read_why(agent, ctx, &record, &why, &is_alive, err);
    }
    if (rc != 0 || is_alive) {
        return rc;
    }
    rc = domain_tear_down(agent, ctx, &record, why, err);
    if (rc == 0 && record.desired != DESIRED_STOPPED) {
        rc = store_domain_set_desired(agent->store, record.spec.uuid, DESIRED_STOPPED, err);
    }
    return rc;
}

int job_restart(struct agent *agent, struct domain_ctx *ctx, struct job *job, struct err *err)
{
    struct domain_record record;
    const char *why;
    bool is_alive = false;
    int rc = store_domain_get(agent->store, job->task.domain_uuid, &record, err);

    if (rc != 0) {
        return rc;
    }
    if (record.state == DOMAIN_STARTING) {
        return job_start(agent, ctx, job, err); /* interrupted in its second half */
    }
    rc = read_why(agent, ctx, &record, &why, &is_alive, err);
    if (rc != 0 || is_alive) {
        return rc;
    }
    rc = domain_tear_down(agent, ctx, &record, why, err);
    if (rc == 0) {
        rc = domain_bring_up(agent, ctx, job, &record, err);
    }
    return rc;
}
