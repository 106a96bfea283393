/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648), as protobuf's JSON mapping writes bytes fields. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Encode; the result is the caller's (free), or NULL when out of memory. */
char *base64_encode(const uint8_t *bytes, size_t size_bytes);

/** Decode standard or URL-safe text, padded or not. False: not base64, or out of memory. */
bool base64_decode(const char *text, size_t length, uint8_t **bytes, size_t *size_bytes);
