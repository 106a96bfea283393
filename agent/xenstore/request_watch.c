/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests about watches.
 */
#include <errno.h>

#include "xenstore/record.h"
#include "xenstore/request.h"
#include "xenstore/store.h"

int request_watch(struct request *request)
{
    struct connection *connection = request->connection;
    const struct quota *quota = connection_quota(connection);
    const char *path = request->strings[0];
    const char *token = request->strings[1];
    struct watch *watch;
    int rc;

    if (quota != NULL && connection->watch_count >= quota->watches) {
        return E2BIG;
    }
    rc = watch_add(request->store, connection, path, token, &watch);
    if (rc != 0) {
        return rc;
    }
    if (connection->is_lasting) {
        record_watch(store_records(request->store), RECORD_WATCH, connection->domid, path, token);
    }
    request_reply_ok(request);
    watch_send(watch, watch->path); /* so that the client looks at the present state */
    return 0;
}

int request_unwatch(struct request *request)
{
    struct connection *connection = request->connection;
    const char *path = request->strings[0];
    const char *token = request->strings[1];
    int rc = watch_remove(request->store, connection, path, token);

    if (rc != 0) {
        return rc;
    }
    if (connection->is_lasting) {
        record_watch(store_records(request->store), RECORD_UNWATCH, connection->domid, path, token);
    }
    return request_reply_ok(request);
}

int request_reset_watches(struct request *request)
{
    connection_reset(request->connection);
    request->transaction = NULL;
    return request_reply_ok(request);
}
