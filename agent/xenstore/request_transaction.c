/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that start and end transactions.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "xenstore/change.h"
#include "xenstore/record.h"
#include "xenstore/request.h"

int request_transaction_start(struct request *request)
{
    struct connection *connection = request->connection;
    const struct quota *quota = connection_quota(connection);
    struct store *store = request->store;
    struct transaction *transaction;
    char text[16];

    if (request->transaction != NULL) {
        return EBUSY; /* they do not nest */
    }
    if (quota != NULL && connection->transaction_count >= quota->transactions) {
        return ENOSPC;
    }
    while (store->next_transaction_id == 0 ||
           connection_transaction(connection, store->next_transaction_id) != NULL) {
        store->next_transaction_id++;
    }
    transaction = transaction_start(&store->tree, store->next_transaction_id++);
    if (transaction == NULL) {
        return ENOMEM;
    }
    TAILQ_INSERT_TAIL(&connection->transactions, transaction, link);
    connection->transaction_count++;
    if (connection->is_lasting) {
        record_transaction(store_records(store), RECORD_TRANSACTION_START, connection->domid,
                           transaction->id);
    }
    snprintf(text, sizeof(text), "%u", transaction->id);
    return request_reply_text(request, text);
}

static int sink_put(void *context, const char *path, const struct node_content *content)
{
    return change_put(context, path, content->perms, content->perm_count, content->value,
                      content->value_size_bytes, false);
}

static int sink_remove(void *context, const char *path)
{
    return change_remove(context, path, false);
}

/* Carry the transaction over to the store; *change must then be announced. */
static int commit(struct request *request, struct change *change)
{
    struct transaction_sink sink = {sink_put, sink_remove, change};
    int rc;

    if (transaction_conflicts(request->transaction, &request->store->tree)) {
        return EAGAIN;
    }
    rc = change_begin(change, request->store, request->connection, NULL);
    if (rc != 0) {
        return rc;
    }
    rc = transaction_apply(request->transaction, &sink);
    if (rc != 0) {
        change_abort(change);
        return rc;
    }
    return change_commit(change);
}

/* Events come in the order in which the client made the changes. */
static void announce(struct request *request, struct change *change)
{
    const struct transaction *transaction = request->transaction;

    for (size_t i = 0; i < transaction->touched_count; i++) {
        const struct touched_path *touched = &transaction->touched[i];

        if ((touched->how & TOUCH_EVENT) != 0) {
            watch_fire(request->store, &change->work, &request->store->tree, touched->path,
                       (touched->how & TOUCH_REMOVED) != 0);
        }
    }
    change_announce(change);
}

int request_transaction_end(struct request *request)
{
    struct connection *connection = request->connection;
    bool is_commit = strcmp(request->strings[0], "T") == 0;
    struct change change;
    int rc = 0;

    if (!is_commit && strcmp(request->strings[0], "F") != 0) {
        return EINVAL;
    }
    if (request->transaction == NULL) {
        return ENOENT;
    }
    is_commit = is_commit &&
                (request->transaction->is_doomed || transaction_has_written(request->transaction));
    if (is_commit) {
        rc = commit(request, &change);
    }
    if (rc == 0) {
        request_reply_ok(request);
        if (is_commit) {
            announce(request, &change);
        }
    }
    connection_end_transaction(connection, request->transaction);
    return rc;
}
