/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/wire.h"

#include <string.h>

#include "util/str.h"

size_t wire_input_wanted(const struct wire_input *in)
{
    if (in->used_bytes < WIRE_HEADER_SIZE) {
        return WIRE_HEADER_SIZE - in->used_bytes;
    }
    return WIRE_HEADER_SIZE + in->header.len - in->used_bytes;
}

int wire_input_add(struct wire_input *in, const void *bytes, size_t size_bytes)
{
    memcpy(in->bytes + in->used_bytes, bytes, size_bytes);
    in->used_bytes += size_bytes;
    if (in->used_bytes >= WIRE_HEADER_SIZE && in->header.len > XENSTORE_PAYLOAD_MAX) {
        return EINVAL;
    }
    in->bytes[in->used_bytes] = '\0';
    return 0;
}

const char *wire_input_payload(const struct wire_input *in)
{
    return in->bytes + WIRE_HEADER_SIZE;
}

void wire_input_reset(struct wire_input *in)
{
    in->used_bytes = 0;
}

size_t wire_split(const char *payload, size_t size_bytes, const char **strings, size_t max)
{
    size_t count = 0;
    size_t at = 0;

    while (at < size_bytes) {
        const char *end = memchr(payload + at, '\0', size_bytes - at);

        if (end == NULL) {
            break;
        }
        if (count < max) {
            strings[count] = payload + at;
        }
        count++;
        at = (size_t)(end - payload) + 1;
    }
    return count;
}

const char *wire_error_name(int errnum)
{
    for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++) {
        if (xsd_errors[i].errnum == errnum) {
            return xsd_errors[i].errstring;
        }
    }
    return "EINVAL";
}

bool wire_parse_u32(const char *text, uint32_t *value)
{
    uint64_t wide;

    if (!str_parse_u64(text, 0, UINT32_MAX, &wide)) {
        return false;
    }
    *value = (uint32_t)wide;
    return true;
}

bool wire_parse_domid(const char *text, domid_t *domid)
{
    uint64_t wide;

    if (!str_parse_u64(text, 0, DOMID_FIRST_RESERVED - 1, &wide)) {
        return false;
    }
    *domid = (domid_t)wide;
    return true;
}
