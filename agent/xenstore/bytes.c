/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/bytes.h"

#include <stdlib.h>
#include <string.h>

static void append(struct bytes_writer *writer, const void *data, size_t size_bytes)
{
    if (writer->has_failed) {
        return;
    }
    if (writer->capacity_bytes - writer->size_bytes < size_bytes) {
        size_t capacity = writer->capacity_bytes == 0 ? 4096 : writer->capacity_bytes;
        char *grown;

        while (capacity - writer->size_bytes < size_bytes) {
            capacity *= 2;
        }
        grown = realloc(writer->data, capacity);
        if (grown == NULL) {
            writer->has_failed = true;
            return;
        }
        writer->data = grown;
        writer->capacity_bytes = capacity;
    }
    if (size_bytes > 0) {
        memcpy(writer->data + writer->size_bytes, data, size_bytes);
    }
    writer->size_bytes += size_bytes;
}

void bytes_write_u8(struct bytes_writer *writer, uint8_t value)
{
    append(writer, &value, sizeof(value));
}

void bytes_write_u32(struct bytes_writer *writer, uint32_t value)
{
    append(writer, &value, sizeof(value));
}

void bytes_write_u64(struct bytes_writer *writer, uint64_t value)
{
    append(writer, &value, sizeof(value));
}

void bytes_write_string(struct bytes_writer *writer, const void *data, size_t size_bytes)
{
    bytes_write_u32(writer, (uint32_t)size_bytes);
    append(writer, data, size_bytes);
}

void bytes_writer_reset(struct bytes_writer *writer, size_t keep_bytes)
{
    if (writer->capacity_bytes > keep_bytes) {
        bytes_writer_free(writer);
    }
    writer->size_bytes = 0;
    writer->has_failed = false;
}

void bytes_writer_free(struct bytes_writer *writer)
{
    free(writer->data);
    *writer = (struct bytes_writer){0};
}

static const char *take(struct bytes_reader *reader, size_t size_bytes)
{
    const char *data = reader->at;

    if (reader->has_failed || (size_t)(reader->end - reader->at) < size_bytes) {
        reader->has_failed = true;
        return NULL;
    }
    reader->at += size_bytes;
    return data;
}

uint8_t bytes_read_u8(struct bytes_reader *reader)
{
    const char *data = take(reader, sizeof(uint8_t));

    return data != NULL ? (uint8_t)data[0] : 0;
}

uint32_t bytes_read_u32(struct bytes_reader *reader)
{
    const char *data = take(reader, sizeof(uint32_t));
    uint32_t value = 0;

    if (data != NULL) {
        memcpy(&value, data, sizeof(value));
    }
    return value;
}

uint64_t bytes_read_u64(struct bytes_reader *reader)
{
    const char *data = take(reader, sizeof(uint64_t));
    uint64_t value = 0;

    if (data != NULL) {
        memcpy(&value, data, sizeof(value));
    }
    return value;
}

const char *bytes_read_string(struct bytes_reader *reader, uint32_t *size_bytes)
{
    const char *data;

    *size_bytes = bytes_read_u32(reader);
    data = take(reader, *size_bytes);
    if (data == NULL) {
        *size_bytes = 0;
        return "";
    }
    return data;
}

const char *bytes_read_text(struct bytes_reader *reader)
{
    uint32_t size_bytes;
    const char *text = bytes_read_string(reader, &size_bytes);

    if (size_bytes == 0 || memchr(text, '\0', size_bytes) != text + size_bytes - 1) {
        reader->has_failed = true;
        return "";
    }
    return text;
}

uint32_t bytes_crc32(const void *data, size_t size_bytes)
{
    static uint32_t table[256];
    const unsigned char *at = data;
    uint32_t crc = 0xffffffffu;

    if (table[1] == 0) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t value = i;

            for (int bit = 0; bit < 8; bit++) {
                value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320u : 0);
            }
            table[i] = value;
        }
    }
    for (size_t i = 0; i < size_bytes; i++) {
        crc = (crc >> 8) ^ table[(crc ^ at[i]) & 0xff];
    }
    return ~crc;
}
