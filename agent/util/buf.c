/* SPDX-License-Identifier: Apache-2.0 */
#include "util/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *buf, size_t max_bytes)
{
    *buf = (struct buf){.max_bytes = max_bytes};
}

void buf_free(struct buf *buf)
{
    free(buf->data);
    buf_init(buf, buf->max_bytes);
}

/* Make room for more bytes and the closing zero. */
static bool reserve(struct buf *buf, size_t more_bytes)
{
    size_t needed;
    size_t capacity;
    char *data;

    if (more_bytes > buf->max_bytes || buf->size_bytes > buf->max_bytes - more_bytes) {
        return false;
    }
    needed = buf->size_bytes + more_bytes + 1;
    if (needed <= buf->capacity_bytes) {
        return true;
    }
    capacity = buf->capacity_bytes == 0 ? 64 : buf->capacity_bytes;
    while (capacity < needed) {
        capacity *= 2;
    }
    data = realloc(buf->data, capacity);
    if (data == NULL) {
        return false;
    }
    buf->data = data;
    buf->capacity_bytes = capacity;
    return true;
}

bool buf_append(struct buf *buf, const void *bytes, size_t size_bytes)
{
    if (!reserve(buf, size_bytes)) {
        return false;
    }
    if (size_bytes > 0) {
        memcpy(buf->data + buf->size_bytes, bytes, size_bytes);
    }
    buf->size_bytes += size_bytes;
    buf->data[buf->size_bytes] = '\0';
    return true;
}

bool buf_printf(struct buf *buf, const char *fmt, ...)
{
    va_list args;
    int length;

    va_start(args, fmt);
    length = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (length < 0 || !reserve(buf, (size_t)length)) {
        return false;
    }
    va_start(args, fmt);
    vsnprintf(buf->data + buf->size_bytes, (size_t)length + 1, fmt, args);
    va_end(args);
    buf->size_bytes += (size_t)length;
    return true;
}

void buf_consume(struct buf *buf, size_t size_bytes)
{
    if (buf->data == NULL) {
        return;
    }
    if (size_bytes > buf->size_bytes) {
        size_bytes = buf->size_bytes;
    }
    memmove(buf->data, buf->data + size_bytes, buf->size_bytes - size_bytes);
    buf->size_bytes -= size_bytes;
    buf->data[buf->size_bytes] = '\0';
}

const char *buf_text(const struct buf *buf)
{
    return buf->data != NULL ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
    char *data = buf->data;

    buf->data = NULL;
    buf_init(buf, buf->max_bytes);
    return data;
}
