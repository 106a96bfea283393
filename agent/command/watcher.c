/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that sees guests stop by themselves. When the hypervisor tells of any change it looks
 * at all domains: one that is managed and has stopped is cleaned up, restarted or kept, as its
 * record says; one that is gone is marked so; jobs parked for a guest are woken. It also keeps the
 * deadlines of parked jobs. What another toolstack does without an event (pausing, for example) is
 * noticed by a look every LOOK_MS.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/internal.h"
#include "util/log.h"

#define LOOK_MS            10000
#define RETRY_MS           200   /* after a look that failed: a guest may have stopped unseen */
#define REBOOT_UPTIME_MS   2000  /* a guest that stops sooner is in a loop: not restarted */
#define CRASH_UPTIME_MS    10000

struct watch {
    struct agent *agent;
    struct domain_ctx *ctx;       /* NULL while it cannot be opened */
    struct domain_events *events; /* likewise */
    bool is_complaining;          /* the last look failed, and that was logged */
};

static enum end_action action_for(const struct domain_record *record,
                                  enum domain_shutdown_reason reason)
{
    int64_t uptime_ms = store_now_ms() - record->start_time_ms;
    enum end_action action;

    switch (reason) {
    case DOMAIN_SHUTDOWN_POWEROFF:
        action = record->spec.on_poweroff;
        break;
    case DOMAIN_SHUTDOWN_REBOOT:
    case DOMAIN_SHUTDOWN_SOFT_RESET:
        action = record->spec.on_reboot;
        break;
    case DOMAIN_SHUTDOWN_CRASH:
    case DOMAIN_SHUTDOWN_WATCHDOG:
        action = record->spec.on_crash;
        break;
    default:
        return END_DESTROY;
    }
    if (action == END_RESTART &&
        uptime_ms < (reason == DOMAIN_SHUTDOWN_CRASH ? CRASH_UPTIME_MS : REBOOT_UPTIME_MS)) {
        log_warn("domain=%s stopped %lld ms after its start: not restarted", record->spec.name,
                 (long long)uptime_ms);
        return END_DESTROY;
    }
    return action;
}

/* A managed domain without a job has stopped by itself. */
static int guest_stopped(struct agent *agent, struct domain_record *record,
                         enum domain_shutdown_reason reason, struct err *err)
{
    const char *why = shutdown_reason_text(reason);

    if (record->state == DOMAIN_CRASHED) {
        return 0;
    }
    log_info("domain=%s %s", record->spec.name, why);
    switch (action_for(record, reason)) {
    case END_RESTART:
        return agent_submit_internal(agent, "domain.restart", record, why, err);
    case END_KEEP:
        return lifecycle_set_state(agent->store, record, DOMAIN_CRASHED, why, err);
    default:
        return agent_submit_internal(agent, "domain.cleanup", record, why, err);
    }
}

static const struct domain_info *find_info(const struct domain_info *list, size_t count,
                                           const char *uuid)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].domid != 0 && strcasecmp(list[i].uuid, uuid) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

/* Compare one record, which has no job, with what the hypervisor says. Under the lock. */
static int compare(struct agent *agent, struct domain_record *record,
                   const struct domain_info *info, struct err *err)
{
    if (record->state == DOMAIN_STOPPED) {
        return 0;
    }
    if (record->state == DOMAIN_STARTING) {
        /* Its job could neither go on nor undo what it had done. */
        return agent_submit_internal(agent, "domain.destroy", record, "left half done", err);
    }
    if (info == NULL || record->state == DOMAIN_DESTROYING ||
        (info->state & DOMAIN_STATE_DYING) != 0) {
        if (record->state != DOMAIN_DESTROYING) {
            /* Another program ended it; what it left in dom0 is still ours to remove. */
            return agent_submit_internal(agent, "domain.cleanup", record,
                                         "ended by another program", err);
        }
        return 0; /* a destroy that failed: asked for again, not tried for ever */
    }
    if ((info->state & DOMAIN_STATE_SHUTDOWN) != 0) {
        return guest_stopped(agent, record, info->shutdown_reason, err);
    }
    if (record->state == DOMAIN_STOPPING) {
        /* The job that waited for it has failed in another way than by its time. */
        return lifecycle_set_state(agent->store, record, DOMAIN_RUNNING, "it did not stop", err);
    }
    if (record->state == DOMAIN_RUNNING && (info->state & DOMAIN_STATE_PAUSED) != 0) {
        return lifecycle_set_state(agent->store, record, DOMAIN_PAUSED, "by another program", err);
    }
    if (record->state == DOMAIN_PAUSED && (info->state & DOMAIN_STATE_PAUSED) == 0) {
        return lifecycle_set_state(agent->store, record, DOMAIN_RUNNING, "by another program", err);
    }
    return 0;
}

/*
 * One pass over all domains. The two sides are read one after the other without the lock, so the
 * comparison is made only if no job began or ended meanwhile; otherwise it is made anew.
 */
static int look_once(struct watch *watch, bool *is_done, struct err *err)
{
    struct agent *agent = watch->agent;
    struct domain_record *records = NULL;
    struct domain_info *list = NULL;
    size_t info_count = 0;
    size_t count = 0;
    uint64_t serial;
    int rc;

    pthread_mutex_lock(&agent->lock);
    serial = agent->job_serial;
    pthread_mutex_unlock(&agent->lock);
    rc = agent->ops->list_info(watch->ctx, &list, &info_count, err);
    if (rc == 0) {
        rc = store_domain_list(agent->store, &records, &count, err);
    }
    if (rc != 0) {
        goto free_lists;
    }
    pthread_mutex_lock(&agent->lock);
    *is_done = agent->job_serial == serial;
    for (size_t i = 0; i < count; i++) {
        const struct domain_info *info = find_info(list, info_count, records[i].spec.uuid);

        if (agent_find_job(agent, records[i].spec.uuid) != NULL) {
            if (info == NULL ||
                (info->state & (DOMAIN_STATE_SHUTDOWN | DOMAIN_STATE_DYING)) != 0) {
                agent_poke_jobs(agent, records[i].spec.uuid);
            }
        } else if (*is_done) {
            struct err aside = {0};

            if (compare(agent, &records[i], info, &aside) != 0) {
                log_error("domain=%s %s", records[i].spec.name, aside.message);
            }
        }
    }
    pthread_mutex_unlock(&agent->lock);

free_lists:
    free(records);
    free(list);
    return rc;
}

static int look_at_all(struct watch *watch, struct err *err)
{
    bool is_done = false;
    int rc = 0;

    while (rc == 0 && !is_done) {
        rc = look_once(watch, &is_done, err);
    }
    return rc;
}

/* Wake jobs whose time is over; returns how long the next one has, at most LOOK_MS. */
static int wake_expired(struct agent *agent)
{
    int64_t now = agent_monotonic_ms();
    int64_t next = LOOK_MS;

    pthread_mutex_lock(&agent->lock);
    for (struct job *job = agent->jobs; job != NULL; job = job->next) {
        if (job->phase != JOB_PARKED || job->deadline_ms == 0) {
            continue;
        }
        if (job->deadline_ms <= now) {
            job->phase = JOB_QUEUED;
            pthread_cond_broadcast(&agent->work_ready);
        } else if (job->deadline_ms - now < next) {
            next = job->deadline_ms - now;
        }
    }
    pthread_mutex_unlock(&agent->lock);
    return (int)next;
}

/* Open what is not open. Fails while the hypervisor or xenstore is away. */
static int connect_up(struct watch *watch, struct err *err)
{
    int rc = 0;

    if (watch->ctx == NULL) {
        rc = watch->agent->ops->ctx_open(&watch->ctx, err);
        if (rc != 0) {
            watch->ctx = NULL;
            return rc;
        }
    }
    if (watch->events == NULL) {
        rc = watch->agent->ops->events_open(&watch->events, err);
        if (rc != 0) {
            watch->events = NULL;
        }
    }
    return rc;
}

/* The context is kept: its connection to xenstore is renewed by itself. */
static void close_events(struct watch *watch)
{
    if (watch->events != NULL) {
        watch->agent->ops->events_close(watch->events);
        watch->events = NULL;
    }
}

static void look(struct watch *watch)
{
    struct err err = {0};
    int rc = connect_up(watch, &err);

    if (rc == 0) {
        rc = watch->agent->ops->events_drain(watch->events, &err);
    }
    if (rc == 0) {
        rc = look_at_all(watch, &err);
    }
    if (rc == 0) {
        if (watch->is_complaining) {
            log_info("watch: domains are watched again");
            /* Whoever took a domain down while xenstore was away has left its nodes. */
            if (watch->agent->ops->remove_leftovers(watch->ctx, &err) != 0) {
                log_error("watch: %s", err.message);
            }
        }
        watch->is_complaining = false;
        return;
    }
    if (!watch->is_complaining) {
        log_error("watch: domains are not watched: %s", err.message);
    }
    watch->is_complaining = true;
    close_events(watch);
}

void *agent_watcher(void *opaque)
{
    struct watch watch = {.agent = opaque};
    struct agent *agent = opaque;
    bool is_stopping = false;
    bool is_look_due = true;
    int timeout_ms;
    int ready;

    while (!is_stopping) {
        struct pollfd fds[2] = {{.fd = agent->watcher_fd, .events = POLLIN}, {.fd = -1}};
        uint64_t ignored;

        if (is_look_due) {
            look(&watch);
        }
        if (watch.events != NULL) {
            fds[1].fd = agent->ops->events_fd(watch.events);
            fds[1].events = POLLIN;
        }
        timeout_ms = wake_expired(agent);
        if (watch.is_complaining && timeout_ms > RETRY_MS) {
            timeout_ms = RETRY_MS;
        }
        ready = poll(fds, 2, timeout_ms);
        /* Woken through watcher_fd there may be only deadlines to count anew. */
        is_look_due = ready == 0 || fds[1].revents != 0;
        if (ready > 0 && fds[0].revents != 0) {
            ssize_t got = read(agent->watcher_fd, &ignored, sizeof(ignored));

            (void)got; /* the counter only wakes */
        }
        pthread_mutex_lock(&agent->lock);
        is_stopping = agent->is_stopping;
        is_look_due = is_look_due || agent->is_look_due;
        agent->is_look_due = false;
        pthread_mutex_unlock(&agent->lock);
    }
    close_events(&watch);
    agent->ops->ctx_close(watch.ctx);
    return NULL;
}
