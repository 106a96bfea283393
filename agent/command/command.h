/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything a client may ask of the agent, one struct each, and the single door they all pass:
 * command_run(). REST, gRPC and tests only fill in a struct command and read a struct
 * command_result; what is allowed when is decided behind the door and nowhere else.
 *
 * Changes (CREATE to DELETE) are checked, written down as a task, and answered with it at once; the
 * work itself happens on the agent's threads. With wait_ms the answer waits for the outcome.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/domain.h"
#include "domain/host.h"
#include "store/domains.h"
#include "store/events.h"
#include "store/tasks.h"
#include "util/err.h"

struct agent;

enum command_kind {
    /* changes: answered with a task */
    COMMAND_DOMAIN_CREATE,
    COMMAND_DOMAIN_START,
    COMMAND_DOMAIN_PAUSE,
    COMMAND_DOMAIN_UNPAUSE,
    COMMAND_DOMAIN_SHUTDOWN,
    COMMAND_DOMAIN_REBOOT,
    COMMAND_DOMAIN_DESTROY,
    COMMAND_DOMAIN_DELETE,
    COMMAND_CHANGES_END, /* not a command: the changes lie before it */
    /* looks */
    COMMAND_DOMAIN_GET,
    COMMAND_DOMAIN_LIST,
    COMMAND_CONSOLE_READ,
    COMMAND_CONSOLE_WRITE,
    COMMAND_HOST_INFO,
    COMMAND_HOST_LOG,
    COMMAND_TASK_GET,
    COMMAND_TASK_LIST,
    COMMAND_TASK_CANCEL,
    COMMAND_EVENT_LIST,
    COMMAND_KIND_COUNT,
};

struct command {
    enum command_kind kind;
    const char *actor;           /* who asks; NULL: "local" */
    const char *request_id;      /* for logs and the audit record; may be NULL */
    const char *idempotency_key; /* changes: a repeated key gets the first task; may be NULL */
    unsigned wait_ms;            /* changes, TASK_GET: wait so long for the outcome;
                                    CONSOLE_READ: for new output */
    bool (*has_left)(void *opaque); /* asked now and then while a task is waited for: nobody waits for the
                                       answer any more; may be NULL */
    void *opaque;                   /* for has_left */
    const char *domain;          /* name or uuid, for everything about one domain */
    union {
        struct {
            struct domain_spec *spec; /* an empty uuid or MAC is made up and filled in */
            bool start;
        } create;
        struct {
            uint32_t timeout_s; /* how long the guest may take; 0: the agent's default */
        } stop;                 /* SHUTDOWN, REBOOT */
        struct {
            bool force; /* destroy it first if it runs */
        } delete_domain;
        struct {
            uint64_t offset;
            void *out;
            size_t size_bytes;
        } console_read;
        struct {
            const void *data;
            size_t size_bytes;
        } console_write;
        const char *task_id;  /* TASK_GET, TASK_CANCEL */
        size_t max_count;     /* TASK_LIST, EVENT_LIST */
    };
};

/* A domain as shown: its record if it has one, and what the hypervisor says if it is there. */
struct domain_view {
    struct domain_record record; /* when !is_managed only uuid, name, memory, vcpus, state, domid */
    bool is_managed;
    bool has_info;
    struct domain_info info;
};

struct host_view {
    struct host_info info;
    uint32_t domain_count;
    uint64_t *cpu_idle_ns;
    size_t cpu_idle_count;
};

/* Which member is set follows from the command's kind. Free with command_result_free(). */
struct command_result {
    enum command_kind kind;
    bool is_repeat; /* the idempotency key was known: this is the first request's task */
    union {
        struct task_record task; /* changes, TASK_GET, TASK_CANCEL */
        struct domain_view *domain;
        struct {
            struct domain_view *list;
            size_t count;
        } domains;
        struct {
            struct task_record *list;
            size_t count;
        } tasks;
        struct {
            struct event_record *list;
            size_t count;
        } events;
        struct host_view host;
        struct {
            char *text;
            size_t length;
        } log;
        struct {
            size_t length;
            uint64_t next_offset;
            char uuid[37]; /* of the domain that was read */
        } console_read;
        struct {
            size_t accepted_bytes;
        } console_write;
    };
};

/**
 * Run a command. 0 and a result to free, or an error and nothing to free. A change that was taken
 * is 0 whatever becomes of it: its outcome is in the task.
 */
int command_run(struct agent *agent, const struct command *command, struct command_result *result,
                struct err *err);

void command_result_free(struct command_result *result);

/** The stable name of a command, "domain.start": a task's kind, an event's kind. */
const char *command_name(enum command_kind kind);
