/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer that is told its maximum when it is born, so that whatever a peer sends,
 * what it costs us is known. Appending beyond the maximum (or out of memory) fails and leaves the
 * buffer as it was. The data is always followed by a zero byte, so text can be used as a C string.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* owned; NULL until the first append */
    size_t size_bytes;
    size_t capacity_bytes;
    size_t max_bytes;
};

/** Start empty; never to hold more than max_bytes. Allocates nothing. */
void buf_init(struct buf *buf, size_t max_bytes);

/** Free what the buffer holds; it is empty and usable again afterwards. */
void buf_free(struct buf *buf);

/** Append bytes. False: too much or out of memory, nothing appended. */
bool buf_append(struct buf *buf, const void *bytes, size_t size_bytes);

/** Append formatted text. False as for buf_append(). */
bool buf_printf(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Drop the first size_bytes (at most all). */
void buf_consume(struct buf *buf, size_t size_bytes);

/** The content as a C string, never NULL. Valid until the next change. */
const char *buf_text(const struct buf *buf);

/** Hand the content to the caller, who frees it with free(); NULL when nothing was appended. */
char *buf_take(struct buf *buf);
