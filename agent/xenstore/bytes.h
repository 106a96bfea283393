/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields of the journal's records, in and out: numbers in the machine's byte order (the file never
 * leaves the machine), byte strings with their length first. Failure sticks, so that a record can
 * be written or read field by field and judged once at its end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes_writer {
    char *data; /* owned */
    size_t size_bytes;
    size_t capacity_bytes;
    bool has_failed; /* out of memory: what is in data is incomplete */
};

void bytes_write_u8(struct bytes_writer *writer, uint8_t value);
void bytes_write_u32(struct bytes_writer *writer, uint32_t value);
void bytes_write_u64(struct bytes_writer *writer, uint64_t value);
void bytes_write_string(struct bytes_writer *writer, const void *data, size_t size_bytes);

/** Empty again; keeps the memory unless it has grown beyond keep_bytes. */
void bytes_writer_reset(struct bytes_writer *writer, size_t keep_bytes);

void bytes_writer_free(struct bytes_writer *writer);

struct bytes_reader {
    const char *at;
    const char *end;
    bool has_failed; /* something was missing; everything read since is zero or empty */
};

uint8_t bytes_read_u8(struct bytes_reader *reader);
uint32_t bytes_read_u32(struct bytes_reader *reader);
uint64_t bytes_read_u64(struct bytes_reader *reader);

/** A byte string, pointing into the reader's data. Never NULL. */
const char *bytes_read_string(struct bytes_reader *reader, uint32_t *size_bytes);

/** A byte string that must end with its only zero byte; "" on failure. */
const char *bytes_read_text(struct bytes_reader *reader);

/** CRC-32 (IEEE 802.3). */
uint32_t bytes_crc32(const void *data, size_t size_bytes);
