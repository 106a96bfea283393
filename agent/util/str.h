/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings: checked copying and strict parsing. Every parser here takes the whole text or nothing:
 * no leading blanks, no sign where none belongs, no trailing bytes, no overflow.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Copy text (NULL counts as "") into an array of size_bytes. False: it did not fit; out is "". */
bool str_copy(char *out, size_t size_bytes, const char *text);

/** Parse a decimal number between min and max, both included. */
bool str_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/** Parse a size: decimal bytes, or with one of the suffixes K, M, G, T (optionally "iB"; powers of
 *  1024). "256M" and "256MiB" are 268435456. */
bool str_parse_size(const char *text, uint64_t *bytes);

/** Write bytes as people read them: "256 MiB", "1.5 GiB". out needs 16 bytes at least. */
void str_format_size(uint64_t bytes, char *out, size_t size_bytes);

/** True for a UUID in its 36-character form, lower or upper case. */
bool str_is_uuid(const char *text);

/** Make a random (version 4) UUID, lower case. False: the system has no randomness to give. */
bool str_make_uuid(char out[37]);

/** True for a unicast or multicast MAC address "aa:bb:cc:dd:ee:ff"; fills bytes (may be NULL). */
bool str_parse_mac(const char *text, uint8_t bytes[6]);

/** True when text starts with prefix. */
bool str_has_prefix(const char *text, const char *prefix);
