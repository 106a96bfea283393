/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decompression of kernel payloads. The target buffer is sized by the caller from the image's own
 * claim, which is bounded there; no decoder writes beyond it, and the decoders' own memory is bounded
 * here. Bytes after the compressed stream are allowed: the kernel build appends the size.
 */
#include "agent/domain/image/unpack.h"

#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define XZ_MEMORY_MAX        (256ull << 20) /* the kernel build uses a 32 MiB dictionary */
#define ZSTD_WINDOW_LOG_MAX  27             /* 128 MiB, what the kernel build asks for at most */
#define LZ4_BLOCK_BYTES      (8 << 20)      /* a block unpacks to this; only the last one to less */
#define LZ4_SIZE_BYTES       4u            /* before each block, and what the kernel build appends */

static const struct {
    enum unpack_format format;
    const char *name;
    size_t length;
    uint8_t magic[6];
} formats[] = {
    {UNPACK_NONE, "ELF", 4, {0x7f, 'E', 'L', 'F'}},
    {UNPACK_GZIP, "gzip", 2, {0x1f, 0x8b}},
    {UNPACK_XZ, "xz", 6, {0xfd, '7', 'z', 'X', 'Z', 0}},
    {UNPACK_ZSTD, "zstd", 4, {0x28, 0xb5, 0x2f, 0xfd}},
    {UNPACK_BZIP2, "bzip2", 3, {'B', 'Z', 'h'}},
    {UNPACK_LZMA, "lzma", 3, {0x5d, 0, 0}},
    {UNPACK_LZO, "lzo", 4, {0x89, 'L', 'Z', 'O'}},
    {UNPACK_LZ4, "lz4", 4, {0x02, 0x21, 0x4c, 0x18}},
};

enum unpack_format unpack_detect(const uint8_t *data, size_t size_bytes)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (size_bytes >= formats[i].length &&
            memcmp(data, formats[i].magic, formats[i].length) == 0) {
            return formats[i].format;
        }
    }
    return UNPACK_UNKNOWN;
}

const char *unpack_format_name(enum unpack_format format)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (formats[i].format == format) {
            return formats[i].name;
        }
    }
    return "unknown";
}

static int damaged(struct err *err, const char *format, const char *why)
{
    return err_set_field(err, ERR_INVALID, "kernel", "the %s stream in the kernel image %s", format,
                         why);
}

static int unpack_gzip(const uint8_t *data, size_t size_bytes, uint8_t *out, size_t out_bytes,
                       struct err *err)
{
    if (size_bytes > UINT32_MAX || out_bytes > UINT32_MAX) {
        return damaged(err, "gzip", "is too large");
    }
    z_stream stream = {
        .next_in = (Bytef *)(uintptr_t)data,
        .avail_in = (uInt)size_bytes,
        .next_out = out,
        .avail_out = (uInt)out_bytes,
    };
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) {
        return err_set(err, ERR_NO_MEMORY, "no memory to unpack the kernel");
    }
    int status = inflate(&stream, Z_FINISH);
    size_t written = stream.total_out;
    inflateEnd(&stream);
    if (status != Z_STREAM_END) {
        return damaged(err, "gzip", "is damaged or longer than it says");
    }
    if (written != out_bytes) {
        return damaged(err, "gzip", "is shorter than it says");
    }
    return 0;
}

static int unpack_xz(const uint8_t *data, size_t size_bytes, uint8_t *out, size_t out_bytes,
                     struct err *err)
{
    lzma_stream stream = LZMA_STREAM_INIT;
    if (lzma_stream_decoder(&stream, XZ_MEMORY_MAX, 0) != LZMA_OK) {
        return err_set(err, ERR_NO_MEMORY, "no memory to unpack the kernel");
    }
    stream.next_in = data;
    stream.avail_in = size_bytes;
    stream.next_out = out;
    stream.avail_out = out_bytes;
    lzma_ret status = lzma_code(&stream, LZMA_FINISH);
    size_t written = stream.total_out;
    lzma_end(&stream);
    if (status == LZMA_MEM_ERROR) {
        return err_set(err, ERR_NO_MEMORY, "no memory to unpack the kernel");
    }
    if (status == LZMA_MEMLIMIT_ERROR) {
        return damaged(err, "xz", "asks for too large a dictionary");
    }
    if (status != LZMA_STREAM_END) {
        return damaged(err, "xz", "is damaged or longer than it says");
    }
    if (written != out_bytes) {
        return damaged(err, "xz", "is shorter than it says");
    }
    return 0;
}

static int unpack_zstd(const uint8_t *data, size_t size_bytes, uint8_t *out, size_t out_bytes,
                       struct err *err)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (context == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory to unpack the kernel");
    }
    ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
    ZSTD_inBuffer in = {.src = data, .size = size_bytes};
    ZSTD_outBuffer target = {.dst = out, .size = out_bytes};
    size_t status = 1;
    while (in.pos < in.size) {
        size_t in_before = in.pos;
        size_t out_before = target.pos;
        status = ZSTD_decompressStream(context, &target, &in);
        if (status == 0 || ZSTD_isError(status) ||
            (in.pos == in_before && target.pos == out_before)) {
            break;
        }
    }
    ZSTD_freeDCtx(context);
    if (status != 0) {
        return damaged(err, "zstd", "is damaged or longer than it says");
    }
    if (target.pos != out_bytes) {
        return damaged(err, "zstd", "is shorter than it says");
    }
    return 0;
}

/*
 * The legacy frame of the lz4 frame format, which is what the kernel build makes: the magic number,
 * then blocks, each behind its size. It has no end mark, so the end is where out is full.
 */
static int unpack_lz4(const uint8_t *data, size_t size_bytes, uint8_t *out, size_t out_bytes,
                      struct err *err)
{
    size_t at = LZ4_SIZE_BYTES; /* the magic number */
    size_t written = 0;
    while (written < out_bytes) {
        if (size_bytes < at + LZ4_SIZE_BYTES) {
            return damaged(err, "lz4", "is shorter than it says");
        }
        uint32_t block_bytes;
        memcpy(&block_bytes, data + at, sizeof(block_bytes));
        at += LZ4_SIZE_BYTES;
        if (block_bytes > size_bytes - at || block_bytes > LZ4_COMPRESSBOUND(LZ4_BLOCK_BYTES)) {
            return damaged(err, "lz4", "has a block that goes beyond its end");
        }
        size_t room = out_bytes - written < LZ4_BLOCK_BYTES ? out_bytes - written : LZ4_BLOCK_BYTES;
        int unpacked = LZ4_decompress_safe((const char *)data + at, (char *)out + written,
                                           (int)block_bytes, (int)room);
        if (unpacked <= 0) {
            return damaged(err, "lz4", "is damaged or longer than it says");
        }
        at += block_bytes;
        written += (size_t)unpacked;
    }
    if (size_bytes > at + LZ4_SIZE_BYTES) {
        return damaged(err, "lz4", "is longer than it says");
    }
    return 0;
}

int unpack(enum unpack_format format, const uint8_t *data, size_t size_bytes, uint8_t *out,
           size_t out_bytes, struct err *err)
{
    switch (format) {
    case UNPACK_GZIP:
        return unpack_gzip(data, size_bytes, out, out_bytes, err);
    case UNPACK_XZ:
        return unpack_xz(data, size_bytes, out, out_bytes, err);
    case UNPACK_ZSTD:
        return unpack_zstd(data, size_bytes, out, out_bytes, err);
    case UNPACK_LZ4:
        return unpack_lz4(data, size_bytes, out, out_bytes, err);
    default:
        return err_set_field(err, ERR_INVALID, "kernel",
                             "kernel images compressed with %s are not supported",
                             unpack_format_name(format));
    }
}
