/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a handler sees of HTTP: a request that was matched, read and bounded, and a reply to fill in.
 * Handlers translate between JSON and struct command; they decide nothing.
 */
#pragma once

#include <microhttpd.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "command/command.h"
#include "util/buf.h"
#include "util/err.h"

struct rest_route;

struct rest_request {
    struct agent *agent;
    struct MHD_Connection *connection;
    const struct rest_route *route;
    char parameter[128]; /* what stood for {…} in the path, decoded */
    struct buf body;
    char id[16]; /* for logs, the audit record and the Request-Id header */
};

/* Gives the next bytes of an endless body; MHD's ContentReaderCallback. */
struct rest_stream {
    MHD_ContentReaderCallback read;
    MHD_ContentReaderFreeCallback release;
    void *opaque;
};

struct rest_reply {
    unsigned status;    /* HTTP; 200 unless set */
    char *body;         /* owned, may be NULL */
    size_t body_length;
    const char *content_type; /* static; NULL: application/json */
    char location[160];
    char console_offset[24];
    struct rest_stream stream; /* used instead of body when read is set */
    char task_id[37];          /* with an error: the task that failed */
};

/** Fill reply with a message as JSON. Takes the message over; NULL (no memory) is an error too. */
int rest_reply_message(struct rest_reply *reply, ProtobufCMessage *message, struct err *err);

/** A query parameter's text, NULL when absent. */
const char *rest_query(const struct rest_request *request, const char *name);

/** A query parameter that is a truth: present without value, 1 or true; absent, 0 or false. */
int rest_query_bool(const struct rest_request *request, const char *name, bool *value,
                    struct err *err);

/** A query parameter that is a number of at most max; value stays as it is when absent. */
int rest_query_number(const struct rest_request *request, const char *name, uint64_t max,
                      uint64_t *value, struct err *err);

/** Whether the client of this struct MHD_Connection has hung up; a command's has_left. */
bool rest_has_left(void *connection);

/* The handlers, one file for each resource. */
int rest_host_get(struct rest_request *request, struct rest_reply *reply, struct err *err);
int rest_host_log(struct rest_request *request, struct rest_reply *reply, struct err *err);
int rest_domains_list(struct rest_request *request, struct rest_reply *reply, struct err *err);
int rest_domains_create(struct rest_request *request, struct rest_reply *reply, struct err *err);
int rest_domains_get(struct rest_request *request, struct rest_reply *reply, struct err *err);
int rest_domains_change(struct rest_request *request, struct rest_reply *reply, struct err *err);
int rest_console_read(struct rest_request *request, struct rest_reply *reply, struct err *err);
int rest_console_write(struct rest_request *request, struct rest_reply *reply, struct err *err);
int rest_tasks_list(struct rest_request *request, struct rest_reply *reply, struct err *err);
int rest_tasks_get(struct rest_request *request, struct rest_reply *reply, struct err *err);
int rest_tasks_cancel(struct rest_request *request, struct rest_reply *reply, struct err *err);
