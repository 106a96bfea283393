/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door for requests: looks the message's type up, finds its transaction, and calls the
 * handler. Handlers check everything before they change anything. They either send their reply
 * themselves (what must follow it, follows) or return an errno value, which becomes the error
 * reply.
 */
#pragma once

#include <stdint.h>

#include "xenstore/connection.h"

/* Most strings of a request that a handler looks at. */
#define REQUEST_STRINGS_MAX (PERMS_MAX + 2)

struct request {
    struct connection *connection;
    struct store *store;
    const struct xsd_sockmsg *header;
    const char *payload;
    size_t size_bytes;
    const char *strings[REQUEST_STRINGS_MAX]; /* the zero-terminated ones at the start */
    size_t string_count;                      /* of them, may exceed REQUEST_STRINGS_MAX */
    struct transaction *transaction;          /* NULL: none */
};

/** Handle the complete message in connection->in and queue what it causes. */
void request_handle(struct connection *connection);

/** Reply with bytes. Returns 0. */
int request_reply(const struct request *request, const void *payload, size_t size_bytes);

/** Reply with a string and its zero byte. Returns 0. */
int request_reply_text(const struct request *request, const char *text);

/** Reply "OK". Returns 0. */
int request_reply_ok(const struct request *request);

/** The tree the request sees: its transaction's, or the store's. */
const struct tree *request_tree(const struct request *request);

/* Handlers, by the file they are in. Each returns 0 after replying, or an errno value. */

/* request_node.c */
int request_directory(struct request *request);
int request_directory_part(struct request *request);
int request_read(struct request *request);
int request_write(struct request *request);
int request_mkdir(struct request *request);
int request_rm(struct request *request);

/* request_perms.c */
int request_get_perms(struct request *request);
int request_set_perms(struct request *request);

/* request_watch.c */
int request_watch(struct request *request);
int request_unwatch(struct request *request);
int request_reset_watches(struct request *request);

/* request_transaction.c */
int request_transaction_start(struct request *request);
int request_transaction_end(struct request *request);

/* request_domain.c */
int request_introduce(struct request *request);
int request_release(struct request *request);
int request_get_domain_path(struct request *request);
int request_is_domain_introduced(struct request *request);
int request_resume(struct request *request);
int request_set_target(struct request *request);

/* request_control.c */
int request_control(struct request *request);
