/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux's bzImage: where the compressed ELF file is inside it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/domain/image/unpack.h"
#include "agent/util/err.h"

/* The ELF file inside an image may be at most this large. */
#define BZIMAGE_UNPACKED_MAX (512ull << 20)

struct bzimage_payload {
    const uint8_t *data; /* inside the image */
    size_t size_bytes;
    size_t unpacked_bytes; /* 1..BZIMAGE_UNPACKED_MAX; what the image says */
    enum unpack_format format;
};

/** True when data begins like a bzImage (the setup header's magic is there). */
bool bzimage_detect(const uint8_t *data, size_t size_bytes);

/**
 * Finds the payload (boot protocol 2.08 and later). ERR_INVALID (field "kernel") when the header
 * does not hold together.
 */
int bzimage_find_payload(const uint8_t *data, size_t size_bytes, struct bzimage_payload *payload,
                         struct err *err);
