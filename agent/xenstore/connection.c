/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/connection.h"

#include <string.h>

#include "util/log.h"
#include "xenstore/record.h"
#include "xenstore/store.h"

void connection_init(struct connection *connection, struct store *store,
                     const struct connection_ops *ops, domid_t domid, bool is_lasting)
{
    *connection = (struct connection){
        .store = store,
        .ops = ops,
        .domid = domid,
        .target = DOMID_INVALID,
        .is_privileged = domid == 0,
        .is_lasting = is_lasting,
    };
    outqueue_init(&connection->out);
    TAILQ_INIT(&connection->watches);
    TAILQ_INIT(&connection->transactions);
    TAILQ_INSERT_TAIL(&store->connections, connection, link);
}

static void drop_transaction(struct connection *connection, struct transaction *transaction)
{
    TAILQ_REMOVE(&connection->transactions, transaction, link);
    connection->transaction_count--;
    transaction_free(transaction);
}

static void drop_all(struct connection *connection)
{
    watch_remove_all(connection);
    while (!TAILQ_EMPTY(&connection->transactions)) {
        drop_transaction(connection, TAILQ_FIRST(&connection->transactions));
    }
}

void connection_destroy(struct connection *connection)
{
    drop_all(connection);
    outqueue_clear(&connection->out);
    if (connection->is_unflushed) {
        TAILQ_REMOVE(&connection->store->unflushed, connection, unflushed_link);
    }
    TAILQ_REMOVE(&connection->store->connections, connection, link);
}

void connection_reset(struct connection *connection)
{
    drop_all(connection);
    if (connection->is_lasting) {
        record_of_domain(store_records(connection->store), RECORD_CLIENT_RESET, connection->domid);
    }
}

void connection_wants_flush(struct connection *connection)
{
    if (!connection->is_unflushed) {
        connection->is_unflushed = true;
        TAILQ_INSERT_TAIL(&connection->store->unflushed, connection, unflushed_link);
    }
}

const struct quota *connection_quota(const struct connection *connection)
{
    return connection->is_privileged ? NULL : &connection->store->quota;
}

bool connection_is_choked(const struct connection *connection)
{
    return connection->out.waiting_bytes > connection->store->quota.pause_output_bytes;
}

/* A client that is owed a message we cannot keep for it has lost its way: end it. */
static void give_up(struct connection *connection, const char *why)
{
    log_warn("d%u: connection closed: %s", connection->domid, why);
    connection->is_closed = true;
    connection_wants_flush(connection);
}

static void send_message(struct connection *connection, uint32_t type, uint32_t req_id,
                         uint32_t tx_id, const void *payload, size_t size_bytes)
{
    const struct out_message *message;

    if (connection->is_closed) {
        return;
    }
    if (outqueue_push(&connection->out, type, req_id, tx_id, payload, size_bytes,
                      type == XS_WATCH_EVENT, &message) != 0) {
        give_up(connection, "out of memory");
        return;
    }
    if (message != NULL && connection->is_lasting) {
        record_output(store_records(connection->store), connection->domid, message->bytes,
                      message->size_bytes);
    }
    connection_wants_flush(connection);
}

void connection_send_reply(struct connection *connection, const struct xsd_sockmsg *request,
                           const void *payload, size_t size_bytes)
{
    if (size_bytes > XENSTORE_PAYLOAD_MAX) {
        connection_send_error(connection, request, E2BIG);
        return;
    }
    send_message(connection, request->type, request->req_id, request->tx_id, payload, size_bytes);
}

void connection_send_error(struct connection *connection, const struct xsd_sockmsg *request,
                           int errnum)
{
    const char *name = wire_error_name(errnum);

    send_message(connection, XS_ERROR, request->req_id, request->tx_id, name, strlen(name) + 1);
}

void connection_send_event(struct connection *connection, const void *payload, size_t size_bytes)
{
    const struct quota *quota = &connection->store->quota;
    size_t after = connection->out.waiting_bytes + WIRE_HEADER_SIZE + size_bytes;

    if (size_bytes > XENSTORE_PAYLOAD_MAX) {
        return; /* cannot be said in one message */
    }
    if (!connection->is_lasting && after > QUOTA_PRIVILEGED_OUTPUT_BYTES) {
        give_up(connection, "it does not read its events");
        return;
    }
    if (!connection->is_privileged && after > quota->max_output_bytes) {
        if (connection->dropped_events++ == 0) {
            log_warn("d%u: does not read its events, further ones are dropped", connection->domid);
        }
        return;
    }
    send_message(connection, XS_WATCH_EVENT, 0, 0, payload, size_bytes);
}

unsigned int connection_granted(const struct connection *connection, const struct perm *perms,
                                size_t perm_count)
{
    if (connection->is_privileged) {
        return PERM_READ | PERM_WRITE | PERM_OWNER;
    }
    return perms_granted(perms, perm_count, connection->domid, connection->target);
}

struct transaction *connection_transaction(struct connection *connection, uint32_t id)
{
    struct transaction *transaction;

    TAILQ_FOREACH(transaction, &connection->transactions, link)
    {
        if (transaction->id == id) {
            return transaction;
        }
    }
    return NULL;
}

void connection_end_transaction(struct connection *connection, struct transaction *transaction)
{
    if (connection->is_lasting) {
        record_transaction(store_records(connection->store), RECORD_TRANSACTION_END,
                           connection->domid, transaction->id);
    }
    drop_transaction(connection, transaction);
}
