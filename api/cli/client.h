/* SPDX-License-Identifier: Apache-2.0 */
/* The REST API as the command line sees it: requests in, JSON or a sentence about what is wrong out. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

struct client;

struct client_options {
    const char *socket; /* Unix socket, used unless host is given */
    const char *host;   /* "127.0.0.1:7480" */
};

/** Prepare to ask; nothing is sent yet. */
int client_open(const struct client_options *options, struct client **out, struct err *err);
void client_close(struct client *client);

/**
 * One request. body (may be NULL) is sent as JSON. *answer (may be NULL) is the caller's. An answer
 * that is a refusal becomes its code, field and sentence in err; ERR_UNAVAILABLE when netherd
 * cannot be reached.
 */
int client_json(struct client *client, const char *method, const char *path, const json_t *body,
                json_t **answer, struct err *err);

/** Send this Idempotency-Key with the next requests; NULL for none. The text must stay. */
void client_set_idempotency_key(struct client *client, const char *key);

/** Send bytes, get JSON. */
int client_bytes(struct client *client, const char *path, const void *data, size_t size_bytes,
                 json_t **answer, struct err *err);

/** Receives bytes as they come; false ends the request (which then succeeds). */
typedef bool (*client_sink)(void *opaque, const void *data, size_t size_bytes);

/** GET bytes until they end. */
int client_stream(struct client *client, const char *path, client_sink sink, void *opaque,
                  struct err *err);

/** Percent-encode a path segment; the caller frees it. NULL: no memory. */
char *client_escape(struct client *client, const char *segment);
