/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/tests/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "xenstore/request.h"

static void flush(struct connection *connection)
{
    (void)connection;
}

static const struct connection_ops ops = {.flush = flush};

void client_store_init(struct store *store)
{
    cr_assert_eq(store_init(store), 0);
    cr_assert_eq(store_put_initial_nodes(store), 0);
}

void client_connect(struct client *client, struct store *store, domid_t domid)
{
    connection_init(&client->connection, store, &ops, domid, false);
}

void client_disconnect(struct client *client)
{
    connection_destroy(&client->connection);
}

static bool take_message(struct client *client)
{
    const char *bytes;
    size_t size_bytes = outqueue_peek(&client->connection.out, &bytes);

    if (size_bytes == 0) {
        return false;
    }
    memcpy(&client->header, bytes, sizeof(client->header));
    memcpy(client->payload, bytes + sizeof(client->header), client->header.len);
    client->payload[client->header.len] = '\0';
    outqueue_consume(&client->connection.out, size_bytes);
    return true;
}

static int errno_of(const char *name)
{
    for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++) {
        if (strcmp(xsd_errors[i].errstring, name) == 0) {
            return xsd_errors[i].errnum;
        }
    }
    return -1;
}

int client_request(struct client *client, uint32_t type, uint32_t tx_id, const void *payload,
                   size_t size_bytes)
{
    static uint32_t req_id;
    struct xsd_sockmsg header = {
        .type = type, .req_id = ++req_id, .tx_id = tx_id, .len = (uint32_t)size_bytes};

    client_drop_events(client);
    cr_assert_eq(wire_input_add(&client->connection.in, &header, sizeof(header)), 0);
    cr_assert_eq(wire_input_add(&client->connection.in, payload, size_bytes), 0);
    cr_assert_eq(wire_input_wanted(&client->connection.in), 0);
    request_handle(&client->connection);
    do {
        cr_assert(take_message(client), "no reply");
    } while (client->header.type == XS_WATCH_EVENT);
    cr_assert_eq(client->header.req_id, req_id);
    cr_assert_eq(client->header.tx_id, tx_id);
    if (client->header.type == XS_ERROR) {
        return errno_of(client->payload);
    }
    cr_assert_eq(client->header.type, type);
    return 0;
}

int client_call(struct client *client, uint32_t type, uint32_t tx_id, ...)
{
    char payload[XENSTORE_PAYLOAD_MAX];
    size_t used = 0;
    const char *text;
    va_list texts;

    va_start(texts, tx_id);
    while ((text = va_arg(texts, const char *)) != NULL) {
        memcpy(payload + used, text, strlen(text) + 1);
        used += strlen(text) + 1;
    }
    va_end(texts);
    return client_request(client, type, tx_id, payload, used);
}

int client_write(struct client *client, uint32_t tx_id, const char *path, const char *value)
{
    char payload[XENSTORE_PAYLOAD_MAX];
    size_t path_size = strlen(path) + 1;

    memcpy(payload, path, path_size);
    memcpy(payload + path_size, value, strlen(value));
    return client_request(client, XS_WRITE, tx_id, payload, path_size + strlen(value));
}

int client_read(struct client *client, uint32_t tx_id, const char *path)
{
    return client_call(client, XS_READ, tx_id, path, NULL);
}

uint32_t client_start(struct client *client)
{
    if (client_call(client, XS_TRANSACTION_START, 0, "", NULL) != 0) {
        return 0;
    }
    return (uint32_t)strtoul(client->payload, NULL, 10);
}

const char *client_next_event(struct client *client)
{
    if (!take_message(client)) {
        return NULL;
    }
    cr_assert_eq(client->header.type, XS_WATCH_EVENT);
    return client->payload;
}

void client_drop_events(struct client *client)
{
    while (client_next_event(client) != NULL) {
    }
}
