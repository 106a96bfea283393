/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The setup header of a bzImage (Linux's Documentation/x86/boot.rst gives the offsets). The payload
 * is followed inside its length by the unpacked size, 4 bytes little-endian; in a gzip stream those are
 * the stream's own last word.
 */
#include "agent/domain/image/bzimage.h"

#include <string.h>

enum {
    SETUP_SECTS = 0x1f1,
    HEADER_MAGIC = 0x202, /* "HdrS" */
    PROTOCOL_VERSION = 0x206,
    PAYLOAD_OFFSET = 0x248,
    PAYLOAD_LENGTH = 0x24c,
    HEADER_END = 0x250,
    SECTOR_BYTES = 512,
    SETUP_SECTS_DEFAULT = 4,
    PROTOCOL_MIN = 0x208,
};

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static int invalid(struct err *err, const char *text)
{
    return err_set_field(err, ERR_INVALID, "kernel", "not a usable bzImage: %s", text);
}

bool bzimage_detect(const uint8_t *data, size_t size_bytes)
{
    return size_bytes >= HEADER_END && memcmp(data + HEADER_MAGIC, "HdrS", 4) == 0;
}

int bzimage_find_payload(const uint8_t *data, size_t size_bytes, struct bzimage_payload *payload,
                         struct err *err)
{
    if (!bzimage_detect(data, size_bytes)) {
        return invalid(err, "no setup header");
    }
    uint32_t version = data[PROTOCOL_VERSION] | (uint32_t)data[PROTOCOL_VERSION + 1] << 8;
    if (version < PROTOCOL_MIN) {
        return invalid(err, "its boot protocol is older than 2.08");
    }

    uint32_t setup_sects = data[SETUP_SECTS] != 0 ? data[SETUP_SECTS] : SETUP_SECTS_DEFAULT;
    uint64_t start =
        (uint64_t)(setup_sects + 1) * SECTOR_BYTES + read_u32(data + PAYLOAD_OFFSET);
    uint64_t length = read_u32(data + PAYLOAD_LENGTH);
    if (start > size_bytes || length > size_bytes - start) {
        return invalid(err, "its payload lies outside the file (is the file cut off?)");
    }
    if (length < 16) {
        return invalid(err, "its payload is empty");
    }

    payload->data = data + start;
    payload->size_bytes = (size_t)length;
    payload->format = unpack_detect(payload->data, payload->size_bytes);
    payload->unpacked_bytes = payload->format == UNPACK_NONE
                                  ? payload->size_bytes
                                  : read_u32(payload->data + length - 4);
    if (payload->format == UNPACK_UNKNOWN) {
        return invalid(err, "its payload has an unknown format");
    }
    if (payload->unpacked_bytes == 0 || payload->unpacked_bytes > BZIMAGE_UNPACKED_MAX) {
        return invalid(err, "its payload claims an impossible size");
    }
    return 0;
}
