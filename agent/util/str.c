/* SPDX-License-Identifier: Apache-2.0 */
#include "util/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

bool str_copy(char *out, size_t size_bytes, const char *text)
{
    size_t length = text != NULL ? strlen(text) : 0;

    if (length >= size_bytes) {
        if (size_bytes > 0) {
            out[0] = '\0';
        }
        return false;
    }
    memcpy(out, text != NULL ? text : "", length + 1);
    return true;
}

/* Read decimal digits from *text on, moving it behind them. False: no digit, or overflow. */
static bool scan_u64(const char **text, uint64_t *value)
{
    const char *p = *text;
    uint64_t sum = 0;

    if (!isdigit((unsigned char)*p)) {
        return false;
    }
    for (; isdigit((unsigned char)*p); p++) {
        if (__builtin_mul_overflow(sum, (uint64_t)10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*p - '0'), &sum)) {
            return false;
        }
    }
    *text = p;
    *value = sum;
    return true;
}

bool str_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
    uint64_t number;

    if (text == NULL || !scan_u64(&text, &number) || *text != '\0' || number < min ||
        number > max) {
        return false;
    }
    *value = number;
    return true;
}

bool str_parse_size(const char *text, uint64_t *bytes)
{
    static const char suffixes[] = "KMGT";
    uint64_t number;
    const char *suffix;

    if (text == NULL || !scan_u64(&text, &number)) {
        return false;
    }
    if (*text == '\0') {
        *bytes = number;
        return true;
    }
    suffix = strchr(suffixes, toupper((unsigned char)*text));
    if (suffix == NULL || (text[1] != '\0' && strcmp(text + 1, "iB") != 0) ||
        __builtin_mul_overflow(number, UINT64_C(1) << (10 * (suffix - suffixes + 1)), &number)) {
        return false;
    }
    *bytes = number;
    return true;
}

void str_format_size(uint64_t bytes, char *out, size_t size_bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    unsigned unit = 0;
    uint64_t scale = 1;
    uint64_t tenths;

    while (unit + 1 < sizeof(units) / sizeof(units[0]) && bytes / 1024 >= scale) {
        scale *= 1024;
        unit++;
    }
    tenths = bytes % scale * 10 / scale; /* scale <= 2^50: no overflow */
    if (tenths == 0) {
        snprintf(out, size_bytes, "%llu %s", (unsigned long long)(bytes / scale), units[unit]);
    } else {
        snprintf(out, size_bytes, "%llu.%llu %s", (unsigned long long)(bytes / scale),
                 (unsigned long long)tenths, units[unit]);
    }
}

bool str_is_uuid(const char *text)
{
    if (text == NULL || strlen(text) != 36) {
        return false;
    }
    for (int i = 0; i < 36; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (is_dash ? text[i] != '-' : !isxdigit((unsigned char)text[i])) {
            return false;
        }
    }
    return true;
}

bool str_make_uuid(char out[37])
{
    uint8_t b[16];

    if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b)) {
        out[0] = '\0';
        return false;
    }
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* RFC 9562: version 4, variant 10 */
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
    return true;
}

bool str_parse_mac(const char *text, uint8_t bytes[6])
{
    if (text == NULL || strlen(text) != 17) {
        return false;
    }
    for (int i = 0; i < 17; i++) {
        if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i])) {
            return false;
        }
    }
    if (bytes != NULL) {
        sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &bytes[0], &bytes[1], &bytes[2], &bytes[3],
               &bytes[4], &bytes[5]);
    }
    return true;
}

bool str_has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}
