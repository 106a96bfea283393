/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages on their way out to one client, in order. An event that already waits is not queued a
 * second time: the client will look at the node when it gets there. That bounds what a client that
 * does not read can collect to the number of different events.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct out_message {
    STAILQ_ENTRY(out_message) link;
    uint32_t size_bytes; /* header and payload */
    bool is_in_events;
    char bytes[];
};

struct outqueue {
    STAILQ_HEAD(, out_message) messages;
    void *events;           /* those of which nothing is sent yet: a tree of <search.h> */
    size_t head_sent_bytes; /* of the first message */
    size_t waiting_bytes;   /* of all, without those sent */
};

void outqueue_init(struct outqueue *queue);

/** Drop everything. */
void outqueue_clear(struct outqueue *queue);

/**
 * Add a reply or an event.
 * @param is_event  drop it silently if the same event waits already
 * @param queued    receives the message, or NULL when nothing was added
 * @return 0 or ENOMEM
 */
int outqueue_push(struct outqueue *queue, uint32_t type, uint32_t req_id, uint32_t tx_id,
                  const void *payload, size_t payload_size_bytes, bool is_event,
                  const struct out_message **queued);

/** Add a message as it will be on the wire (at least a header). 0 or ENOMEM. */
int outqueue_push_raw(struct outqueue *queue, const void *bytes, size_t size_bytes);

/** The next bytes to send; 0 when there are none. */
size_t outqueue_peek(const struct outqueue *queue, const char **bytes);

/** Note that size_bytes (at most waiting_bytes) have been sent. */
void outqueue_consume(struct outqueue *queue, size_t size_bytes);
