/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UUIDs as the hypervisor's domain handle and as text.
 */
#include "agent/domain/uuid.h"

#include <stdio.h>

#include "agent/util/str.h"

static uint8_t hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return (uint8_t)(digit - '0');
    }
    return (uint8_t)((digit | 0x20) - 'a' + 10);
}

bool uuid_parse(const char *text, uint8_t bytes[16])
{
    if (!str_is_uuid(text)) {
        return false;
    }
    for (int i = 0; i < 16; i++) {
        if (*text == '-') {
            text++;
        }
        bytes[i] = (uint8_t)(hex_value(text[0]) << 4 | hex_value(text[1]));
        text += 2;
    }
    return true;
}

void uuid_format(const uint8_t bytes[16], char text[37])
{
    snprintf(text, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7],
             bytes[8], bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14],
             bytes[15]);
}
