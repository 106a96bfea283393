/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/outqueue.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore/wire.h"

void outqueue_init(struct outqueue *queue)
{
    STAILQ_INIT(&queue->messages);
    queue->events = NULL;
    queue->head_sent_bytes = 0;
    queue->waiting_bytes = 0;
}

static int compare_messages(const void *a, const void *b)
{
    const struct out_message *left = a;
    const struct out_message *right = b;

    if (left->size_bytes != right->size_bytes) {
        return left->size_bytes < right->size_bytes ? -1 : 1;
    }
    return memcmp(left->bytes, right->bytes, left->size_bytes);
}

static void leave_events(struct outqueue *queue, struct out_message *message)
{
    if (message->is_in_events) {
        tdelete(message, &queue->events, compare_messages);
        message->is_in_events = false;
    }
}

static void drop_head(struct outqueue *queue)
{
    struct out_message *message = STAILQ_FIRST(&queue->messages);

    leave_events(queue, message);
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

static struct out_message *new_message(size_t size_bytes)
{
    struct out_message *message = malloc(sizeof(*message) + size_bytes);

    if (message != NULL) {
        message->size_bytes = (uint32_t)size_bytes;
        message->is_in_events = false;
    }
    return message;
}

static void append(struct outqueue *queue, struct out_message *message)
{
    STAILQ_INSERT_TAIL(&queue->messages, message, link);
    queue->waiting_bytes += message->size_bytes;
}

/* A client chooses how many events wait for it, and what stands in them: neither a list nor a table by a
 * hash would do. */
static int join_events(struct outqueue *queue, struct out_message *message, bool *is_waiting)
{
    struct out_message **found = tsearch(message, &queue->events, compare_messages);

    if (found == NULL) {
        return ENOMEM;
    }
    *is_waiting = *found != message;
    message->is_in_events = !*is_waiting;
    return 0;
}

int outqueue_push(struct outqueue *queue, uint32_t type, uint32_t req_id, uint32_t tx_id,
                  const void *payload, size_t payload_size_bytes, bool is_event,
                  const struct out_message **queued)
{
    struct xsd_sockmsg header = {
        .type = type, .req_id = req_id, .tx_id = tx_id, .len = (uint32_t)payload_size_bytes};
    struct out_message *message = new_message(sizeof(header) + payload_size_bytes);
    bool is_waiting = false;
    int rc = 0;

    *queued = NULL;
    if (message == NULL) {
        return ENOMEM;
    }
    memcpy(message->bytes, &header, sizeof(header));
    if (payload_size_bytes > 0) {
        memcpy(message->bytes + sizeof(header), payload, payload_size_bytes);
    }
    if (is_event) {
        rc = join_events(queue, message, &is_waiting);
    }
    if (rc != 0 || is_waiting) {
        free(message);
        return rc;
    }
    append(queue, message);
    *queued = message;
    return 0;
}

int outqueue_push_raw(struct outqueue *queue, const void *bytes, size_t size_bytes)
{
    struct out_message *message = new_message(size_bytes);
    struct xsd_sockmsg header;
    bool is_waiting; /* then it waits twice: it is in the stream already */

    if (message == NULL) {
        return ENOMEM;
    }
    memcpy(message->bytes, bytes, size_bytes);
    memcpy(&header, bytes, sizeof(header));
    if (header.type == XS_WATCH_EVENT && join_events(queue, message, &is_waiting) != 0) {
        free(message);
        return ENOMEM;
    }
    append(queue, message);
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
            /* Its reader may act on it already: the same once more is news. */
            leave_events(queue, STAILQ_FIRST(&queue->messages));
            queue->head_sent_bytes += size_bytes;
            return;
        }
        size_bytes -= rest;
        drop_head(queue);
    }
}
