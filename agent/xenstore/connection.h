/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client, whatever carries its bytes: who it is, its watches and transactions, the message
 * being received and those waiting to be sent. The carrier (a ring or a socket) embeds this struct,
 * feeds the input, and is told through ops when there is something to send.
 *
 *   connection_init() -> OPEN --protocol error, client gone--> CLOSED -> connection_destroy()
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "xenstore/outqueue.h"
#include "xenstore/perms.h"
#include "xenstore/transaction.h"
#include "xenstore/watch.h"
#include "xenstore/wire.h"

struct connection;

struct connection_ops {
    /* The journal is written: publish what was taken in and send what waits. */
    void (*flush)(struct connection *connection);
};

struct connection {
    TAILQ_ENTRY(connection) link;           /* of store->connections */
    TAILQ_ENTRY(connection) unflushed_link; /* of store->unflushed, if is_unflushed */
    struct store *store;
    const struct connection_ops *ops;
    domid_t domid;
    domid_t target;     /* has the rights of this domain too, or DOMID_INVALID */
    bool is_privileged; /* domain 0 */
    bool is_lasting;    /* survives a restart of the daemon: everything of it is recorded */
    bool is_closed;     /* nothing in or out any more; the carrier will free it */
    bool is_unflushed;
    struct wire_input in;
    struct outqueue out;
    struct watch_list watches;
    uint32_t watch_count;
    struct transaction_list transactions;
    uint32_t transaction_count;
    uint64_t dropped_events;
};

/** Start as an open client of domain domid; joins store->connections. */
void connection_init(struct connection *connection, struct store *store,
                     const struct connection_ops *ops, domid_t domid, bool is_lasting);

/** Drop watches, transactions and queued output and leave the store's lists. */
void connection_destroy(struct connection *connection);

/** Drop watches and transactions (XS_RESET_WATCHES, reconnection), recording it. */
void connection_reset(struct connection *connection);

/** Have ops->flush called after the next write of the journal. */
void connection_wants_flush(struct connection *connection);

/** Queue a reply to a request. */
void connection_send_reply(struct connection *connection, const struct xsd_sockmsg *request,
                           const void *payload, size_t size_bytes);

/** Queue an error reply; errnum is an errno value. */
void connection_send_error(struct connection *connection, const struct xsd_sockmsg *request,
                           int errnum);

/** Queue a watch event: path and token, each with its zero byte. */
void connection_send_event(struct connection *connection, const void *payload, size_t size_bytes);

/** What a list of permissions gives this client; everything if it is privileged. */
unsigned int connection_granted(const struct connection *connection, const struct perm *perms,
                                size_t perm_count);

/** The limits this client must keep, or NULL. */
const struct quota *connection_quota(const struct connection *connection);

/** True while so much output waits that its requests are left waiting too. */
bool connection_is_choked(const struct connection *connection);

/** Its open transaction with this id, or NULL. */
struct transaction *connection_transaction(struct connection *connection, uint32_t id);

/** Unlink and free one of its transactions, recording the end. */
void connection_end_transaction(struct connection *connection, struct transaction *transaction);
