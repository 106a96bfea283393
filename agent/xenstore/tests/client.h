/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client without a transport, for tests: hands requests to the daemon's door and takes replies
 * and events from its output queue.
 */
#pragma once

#include "xenstore/connection.h"
#include "xenstore/store.h"

struct client {
    struct connection connection;
    struct xsd_sockmsg header; /* of the last reply or event taken */
    char payload[XENSTORE_PAYLOAD_MAX + 1];
};

/** An empty store with its initial nodes. */
void client_store_init(struct store *store);

/** Connect as a domain. */
void client_connect(struct client *client, struct store *store, domid_t domid);

void client_disconnect(struct client *client);

/**
 * Send a request and take its reply; events before it are dropped.
 * @param payload  size_bytes of it, zero bytes included
 * @return 0, or the errno value of an error reply
 */
int client_request(struct client *client, uint32_t type, uint32_t tx_id, const void *payload,
                   size_t size_bytes);

/** The same with a payload of zero-terminated strings, the last argument being NULL. */
int client_call(struct client *client, uint32_t type, uint32_t tx_id, ...)
    __attribute__((sentinel));

/** Write a value (without its zero byte). 0 or errno. */
int client_write(struct client *client, uint32_t tx_id, const char *path, const char *value);

/** Read into client->payload. 0 or errno. */
int client_read(struct client *client, uint32_t tx_id, const char *path);

/** Start a transaction. Its id; 0 on error. */
uint32_t client_start(struct client *client);

/** The path of the next event, or NULL if there is none; client->payload holds it. */
const char *client_next_event(struct client *client);

/** Drop all waiting events. */
void client_drop_events(struct client *client);
