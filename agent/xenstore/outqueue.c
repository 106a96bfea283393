/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/outqueue.h"

#include <stdlib.h>
#include <string.h>

#include "xenstore/wire.h"

void outqueue_init(struct outqueue *queue)
{
    STAILQ_INIT(&queue->messages);
    queue->head_sent_bytes = 0;
    queue->waiting_bytes = 0;
}

static void drop_head(struct outqueue *queue)
{
    struct out_message *message = STAILQ_FIRST(&queue->messages);

    STAILQ_REMOVE_HEAD(&queue->messages, link);
    queue->head_sent_bytes = 0;
    free(message);
}

void outqueue_clear(struct outqueue *queue)
{
    while (!STAILQ_EMPTY(&queue->messages)) {
        drop_head(queue);
    }
    queue->waiting_bytes = 0;
}

/* FNV-1a, never 0. */
static uint32_t hash_bytes(const char *bytes, size_t size_bytes)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < size_bytes; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * 16777619u;
    }
    return hash != 0 ? hash : 1;
}

/* A message of which a part is sent already does not count: its reader may have acted on it. */
static bool is_waiting(const struct outqueue *queue, uint32_t hash, const void *payload,
                       size_t payload_size_bytes)
{
    const struct out_message *message = STAILQ_FIRST(&queue->messages);

    if (message != NULL && queue->head_sent_bytes > 0) {
        message = STAILQ_NEXT(message, link);
    }
    for (; message != NULL; message = STAILQ_NEXT(message, link)) {
        if (message->event_hash == hash &&
            message->size_bytes == WIRE_HEADER_SIZE + payload_size_bytes &&
            memcmp(message->bytes + WIRE_HEADER_SIZE, payload, payload_size_bytes) == 0) {
            return true;
        }
    }
    return false;
}

static struct out_message *append(struct outqueue *queue, size_t size_bytes)
{
    struct out_message *message = malloc(sizeof(*message) + size_bytes);

    if (message != NULL) {
        message->size_bytes = (uint32_t)size_bytes;
        message->event_hash = 0;
        STAILQ_INSERT_TAIL(&queue->messages, message, link);
        queue->waiting_bytes += size_bytes;
    }
    return message;
}

int outqueue_push(struct outqueue *queue, uint32_t type, uint32_t req_id, uint32_t tx_id,
                  const void *payload, size_t payload_size_bytes, bool is_event,
                  const struct out_message **queued)
{
    struct xsd_sockmsg header = {
        .type = type, .req_id = req_id, .tx_id = tx_id, .len = (uint32_t)payload_size_bytes};
    uint32_t hash = is_event ? hash_bytes(payload, payload_size_bytes) : 0;
    struct out_message *message;

    *queued = NULL;
    if (is_event && is_waiting(queue, hash, payload, payload_size_bytes)) {
        return 0;
    }
    message = append(queue, sizeof(header) + payload_size_bytes);
    if (message == NULL) {
        return ENOMEM;
    }
    message->event_hash = hash;
    memcpy(message->bytes, &header, sizeof(header));
    if (payload_size_bytes > 0) {
        memcpy(message->bytes + sizeof(header), payload, payload_size_bytes);
    }
    *queued = message;
    return 0;
}

int outqueue_push_raw(struct outqueue *queue, const void *bytes, size_t size_bytes)
{
    struct out_message *message = append(queue, size_bytes);
    struct xsd_sockmsg header;

    if (message == NULL) {
        return ENOMEM;
    }
    memcpy(message->bytes, bytes, size_bytes);
    memcpy(&header, bytes, sizeof(header));
    if (header.type == XS_WATCH_EVENT) {
        message->event_hash =
            hash_bytes(message->bytes + sizeof(header), size_bytes - sizeof(header));
    }
    return 0;
}

size_t outqueue_peek(const struct outqueue *queue, const char **bytes)
{
    const struct out_message *message = STAILQ_FIRST(&queue->messages);

    if (message == NULL) {
        return 0;
    }
    *bytes = message->bytes + queue->head_sent_bytes;
    return message->size_bytes - queue->head_sent_bytes;
}

void outqueue_consume(struct outqueue *queue, size_t size_bytes)
{
    queue->waiting_bytes -= size_bytes;
    while (size_bytes > 0) {
        size_t rest = STAILQ_FIRST(&queue->messages)->size_bytes - queue->head_sent_bytes;

        if (size_bytes < rest) {
            queue->head_sent_bytes += size_bytes;
            return;
        }
        size_bytes -= rest;
        drop_head(queue);
    }
}
