/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes: checked, written down, queued. The check of the domain's state and the writing happen
 * under the agent's lock and only while no other job of the domain is active, so what was checked
 * still holds when the job begins.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "command/internal.h"
#include "command/validate.h"
#include "util/str.h"

/* Which states of a domain a command may be given in. */
static const unsigned allowed_states[COMMAND_CHANGES_END] = {
    [COMMAND_DOMAIN_START] = 1u << DOMAIN_STOPPED,
    [COMMAND_DOMAIN_PAUSE] = 1u << DOMAIN_RUNNING | 1u << DOMAIN_PAUSED,
    [COMMAND_DOMAIN_UNPAUSE] = 1u << DOMAIN_PAUSED | 1u << DOMAIN_RUNNING,
    [COMMAND_DOMAIN_SHUTDOWN] = 1u << DOMAIN_RUNNING,
    [COMMAND_DOMAIN_REBOOT] = 1u << DOMAIN_RUNNING,
    [COMMAND_DOMAIN_DESTROY] = ~0u,
    [COMMAND_DOMAIN_DELETE] = ~0u, /* without force: only STOPPED */
};

/* What is wanted once the command was taken. */
static enum domain_desired desired_after(enum command_kind kind, bool then_start)
{
    switch (kind) {
    case COMMAND_DOMAIN_CREATE:
        return then_start ? DESIRED_RUNNING : DESIRED_STOPPED;
    case COMMAND_DOMAIN_START:
    case COMMAND_DOMAIN_UNPAUSE:
    case COMMAND_DOMAIN_REBOOT:
        return DESIRED_RUNNING;
    case COMMAND_DOMAIN_PAUSE:
        return DESIRED_PAUSED;
    default:
        return DESIRED_STOPPED;
    }
}

/* FNV-1a, 64 bits: tells a repeated request from another one under the same key. */
static uint64_t hash(uint64_t sum, const void *data, size_t size_bytes)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < size_bytes; i++) {
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return sum;
}

static uint64_t hash_text(uint64_t sum, const char *text)
{
    return hash(sum, text, strlen(text) + 1);
}

static uint64_t hash_spec(uint64_t sum, const struct domain_spec *spec)
{
    sum = hash_text(hash_text(sum, spec->uuid), spec->name);
    sum = hash(sum, &spec->memory_bytes, sizeof(spec->memory_bytes));
    sum = hash(sum, &spec->vcpus, sizeof(spec->vcpus));
    sum = hash_text(hash_text(hash_text(sum, spec->kernel), spec->initrd), spec->cmdline);
    for (size_t i = 0; i < spec->disk_count; i++) {
        sum = hash_text(hash_text(sum, spec->disks[i].target), spec->disks[i].path);
        sum = hash(sum, &spec->disks[i].readonly, sizeof(spec->disks[i].readonly));
    }
    for (size_t i = 0; i < spec->nic_count; i++) {
        sum = hash_text(hash_text(sum, spec->nics[i].mac), spec->nics[i].bridge);
    }
    sum = hash(sum, &spec->on_poweroff, sizeof(spec->on_poweroff));
    sum = hash(sum, &spec->on_reboot, sizeof(spec->on_reboot));
    return hash(sum, &spec->on_crash, sizeof(spec->on_crash));
}

/* Of the request as it came, before anything is made up for it. */
static void fingerprint(const struct command *command, char *out, size_t size_bytes)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    sum = hash_text(sum, command_name(command->kind));
    sum = hash_text(sum, command->domain != NULL ? command->domain : "");
    switch (command->kind) {
    case COMMAND_DOMAIN_CREATE:
        sum = hash_spec(sum, command->create.spec);
        sum = hash(sum, &command->create.start, sizeof(command->create.start));
        break;
    case COMMAND_DOMAIN_SHUTDOWN:
    case COMMAND_DOMAIN_REBOOT:
        sum = hash(sum, &command->stop.timeout_s, sizeof(command->stop.timeout_s));
        break;
    case COMMAND_DOMAIN_DELETE:
        sum = hash(sum, &command->delete_domain.force, sizeof(command->delete_domain.force));
        break;
    default:
        break;
    }
    snprintf(out, size_bytes, "%016llx", (unsigned long long)sum);
}

static int check_key(const char *key, struct err *err)
{
    if (key == NULL) {
        return 0;
    }
    if (key[0] == '\0' || strlen(key) >= sizeof(((struct task_record *)0)->idempotency_key)) {
        return err_set_field(err, ERR_INVALID, "Idempotency-Key",
                             "Idempotency-Key must have 1 to 128 characters");
    }
    for (const char *p = key; *p != '\0'; p++) {
        if (!isgraph((unsigned char)*p)) {
            return err_set_field(err, ERR_INVALID, "Idempotency-Key",
                                 "Idempotency-Key must be printable ASCII without blanks");
        }
    }
    return 0;
}

static int new_task(const struct command *command, struct task_record *task, struct err *err)
{
    int rc = check_key(command->idempotency_key, err);

    if (rc != 0) {
        return rc;
    }
    *task = (struct task_record){.create_time_ms = store_now_ms()};
    if (!str_make_uuid(task->id)) {
        return err_set(err, ERR_INTERNAL, "the system has no randomness to give");
    }
    snprintf(task->kind, sizeof(task->kind), "%s", command_name(command->kind));
    snprintf(task->actor, sizeof(task->actor), "%s",
             command->actor != NULL ? command->actor : "local");
    snprintf(task->request_id, sizeof(task->request_id), "%s",
             command->request_id != NULL ? command->request_id : "");
    snprintf(task->idempotency_key, sizeof(task->idempotency_key), "%s",
             command->idempotency_key != NULL ? command->idempotency_key : "");
    fingerprint(command, task->fingerprint, sizeof(task->fingerprint));
    return 0;
}

/* The task of an earlier request with this key. ERR_NOT_FOUND: there was none. */
static int find_repeat(struct agent *agent, struct task_record *task, struct err *err)
{
    struct task_record earlier;
    int rc;

    if (task->idempotency_key[0] == '\0') {
        return err_set(err, ERR_NOT_FOUND, "no key");
    }
    rc = store_task_get_by_key(agent->store, task->idempotency_key, &earlier, err);
    if (rc != 0) {
        return rc;
    }
    if (strcmp(earlier.fingerprint, task->fingerprint) != 0) {
        return err_set_field(err, ERR_CONFLICT, "Idempotency-Key",
                             "this Idempotency-Key was used for another request (task %s)",
                             earlier.id);
    }
    *task = earlier;
    return 0;
}

/* Record, task and audit line become durable together; a task without work is born finished. */
static int write_down(struct agent *agent, struct task_record *task,
                      const struct domain_record *new_record, enum domain_desired desired,
                      struct err *err)
{
    struct event_record event = {0};
    int rc;

    memcpy(event.kind, task->kind, sizeof(task->kind));
    memcpy(event.actor, task->actor, sizeof(event.actor));
    memcpy(event.request_id, task->request_id, sizeof(event.request_id));
    memcpy(event.domain_uuid, task->domain_uuid, sizeof(event.domain_uuid));
    memcpy(event.domain_name, task->domain_name, sizeof(event.domain_name));
    memcpy(event.task_id, task->id, sizeof(event.task_id));
    rc = store_transaction_begin(agent->store, err);
    if (rc != 0) {
        return rc;
    }
    if (new_record != NULL) {
        rc = store_domain_insert(agent->store, new_record, err);
    } else {
        rc = store_domain_set_desired(agent->store, task->domain_uuid, desired, err);
    }
    if (rc == 0) {
        rc = store_task_insert(agent->store, task, err);
    }
    if (rc == 0) {
        rc = store_event_insert(agent->store, &event, err);
    }
    if (rc != 0) {
        store_transaction_rollback(agent->store);
        return rc;
    }
    return store_transaction_commit(agent->store, err);
}

/* Make up what the client left open. */
static int complete_spec(struct domain_spec *spec, struct err *err)
{
    if (spec->uuid[0] == '\0' && !str_make_uuid(spec->uuid)) {
        return err_set(err, ERR_INTERNAL, "the system has no randomness to give");
    }
    for (char *p = spec->uuid; *p != '\0'; p++) {
        *p = (char)tolower((unsigned char)*p);
    }
    for (size_t i = 0; i < spec->nic_count; i++) {
        unsigned char b[3];

        if (spec->nics[i].mac[0] != '\0') {
            continue;
        }
        if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b)) {
            return err_set(err, ERR_INTERNAL, "the system has no randomness to give");
        }
        snprintf(spec->nics[i].mac, sizeof(spec->nics[i].mac), "00:16:3e:%02x:%02x:%02x",
                 b[0] & 0x7f, b[1], b[2]);
    }
    return 0;
}

static int submit_create(struct agent *agent, const struct command *command,
                         struct task_record *task, bool *is_repeat, struct err *err)
{
    struct domain_record record = {.domid = -1, .create_time_ms = task->create_time_ms};
    struct build_config build;
    int rc;

    record.spec = *command->create.spec;
    rc = complete_spec(&record.spec, err);
    if (rc == 0) {
        rc = validate_spec(&record.spec, err);
    }
    if (rc != 0) {
        return rc;
    }
    validate_to_config(&record.spec, &build);
    rc = agent->ops->config_check(&build.config, err);
    if (rc != 0) {
        return rc;
    }
    record.desired = desired_after(command->kind, command->create.start);
    task->then_start = command->create.start;
    memcpy(task->domain_uuid, record.spec.uuid, sizeof(task->domain_uuid));
    memcpy(task->domain_name, record.spec.name, sizeof(record.spec.name));
    if (!command->create.start) {
        task->state = TASK_SUCCEEDED;
        task->progress_percent = 100;
        task->start_time_ms = task->finish_time_ms = task->create_time_ms;
    }

    pthread_mutex_lock(&agent->lock);
    rc = find_repeat(agent, task, err);
    *is_repeat = rc == 0;
    if (rc == -(int)ERR_NOT_FOUND) {
        rc = write_down(agent, task, &record, record.desired, err);
        if (rc == 0 && command->create.start) {
            rc = agent_queue_job(agent, task, err);
        }
    }
    pthread_mutex_unlock(&agent->lock);
    if (rc == 0) {
        *command->create.spec = record.spec;
    }
    return rc;
}

static int refuse_state(const struct command *command, const struct domain_record *record,
                        struct err *err)
{
    const char *hint = "";

    if (command->kind == COMMAND_DOMAIN_DELETE) {
        hint = ": destroy it first, or delete with force";
    } else if (record->state == DOMAIN_PAUSED) {
        hint = ": unpause it first";
    } else if (record->state == DOMAIN_CRASHED || record->state == DOMAIN_DESTROYING) {
        hint = ": destroy it first";
    }
    return err_set(err, ERR_CONFLICT, "domain %s is %s%s", record->spec.name,
                   domain_life_name(record->state), hint);
}

/* Whether the command may be taken now. Under the lock. An active job is in the way of all but
 * destroy and forced delete, which ask it to end and wait behind it. */
static int check_now(struct agent *agent, const struct command *command,
                     const struct domain_record *record, struct err *err)
{
    bool is_final = command->kind == COMMAND_DOMAIN_DESTROY ||
                    (command->kind == COMMAND_DOMAIN_DELETE && command->delete_domain.force);
    struct job *active = agent_find_job(agent, record->spec.uuid);

    if (active != NULL && !is_final) {
        return err_set(err, ERR_CONFLICT, "domain %s is busy: task %s (%s) is under way",
                       record->spec.name, active->task.id, active->task.kind);
    }
    if (active == NULL) {
        bool is_allowed = (allowed_states[command->kind] & 1u << record->state) != 0;

        if (command->kind == COMMAND_DOMAIN_DELETE && !is_final) {
            is_allowed = record->state == DOMAIN_STOPPED;
        }
        if (!is_allowed) {
            return refuse_state(command, record, err);
        }
    }
    return 0;
}

static int submit_change(struct agent *agent, const struct command *command,
                         struct task_record *task, bool *is_repeat, struct err *err)
{
    struct domain_record record;
    int rc;

    if (command->kind == COMMAND_DOMAIN_SHUTDOWN || command->kind == COMMAND_DOMAIN_REBOOT) {
        task->timeout_s = command->stop.timeout_s;
    }
    pthread_mutex_lock(&agent->lock);
    rc = find_repeat(agent, task, err);
    *is_repeat = rc == 0;
    if (rc != -(int)ERR_NOT_FOUND) {
        goto unlock;
    }
    rc = store_domain_get(agent->store, command->domain, &record, err);
    if (rc == 0) {
        rc = check_now(agent, command, &record, err);
    }
    if (rc != 0) {
        goto unlock;
    }
    memcpy(task->domain_uuid, record.spec.uuid, sizeof(task->domain_uuid));
    memcpy(task->domain_name, record.spec.name, sizeof(record.spec.name));
    rc = write_down(agent, task, NULL, desired_after(command->kind, false), err);
    if (rc == 0) {
        agent_cancel_jobs(agent, record.spec.uuid);
        rc = agent_queue_job(agent, task, err);
    }

unlock:
    pthread_mutex_unlock(&agent->lock);
    return rc;
}

int agent_submit(struct agent *agent, const struct command *command, struct command_result *result,
                 struct err *err)
{
    struct task_record *task = &result->task;
    int rc = new_task(command, task, err);

    if (rc != 0) {
        return rc;
    }
    if (command->kind == COMMAND_DOMAIN_CREATE) {
        rc = submit_create(agent, command, task, &result->is_repeat, err);
    } else {
        rc = submit_change(agent, command, task, &result->is_repeat, err);
    }
    if (rc == 0) {
        rc = agent_read_task(agent, task->id, command, task, err);
    }
    return rc;
}
