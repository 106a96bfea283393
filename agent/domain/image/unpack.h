/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compressed kernel payloads: gzip, xz (with the x86 filter), zstd and lz4, each bounded in size.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/util/err.h"

enum unpack_format {
    UNPACK_UNKNOWN,
    UNPACK_NONE, /* an ELF file as it is */
    UNPACK_GZIP,
    UNPACK_XZ,
    UNPACK_ZSTD,
    UNPACK_LZ4,
    UNPACK_BZIP2, /* recognised, so that the refusal can name it; likewise the next two */
    UNPACK_LZMA,
    UNPACK_LZO,
};

/** What data begins with. */
enum unpack_format unpack_detect(const uint8_t *data, size_t size_bytes);

const char *unpack_format_name(enum unpack_format format);

/**
 * Unpacks data into out, which is exactly as large as the result has to be: a stream that holds
 * less or more is ERR_INVALID (field "kernel"), as is a damaged one.
 */
int unpack(enum unpack_format format, const uint8_t *data, size_t size_bytes, uint8_t *out,
           size_t out_bytes, struct err *err);
