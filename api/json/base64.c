/* SPDX-License-Identifier: Apache-2.0 */
#include "json/base64.h"

#include <stdlib.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const uint8_t *bytes, size_t size_bytes)
{
    char *text = malloc((size_bytes + 2) / 3 * 4 + 1);
    char *out = text;

    if (text == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < size_bytes; i += 3) {
        size_t left = size_bytes - i;
        uint32_t group = (uint32_t)bytes[i] << 16;

        if (left > 1) {
            group |= (uint32_t)bytes[i + 1] << 8;
        }
        if (left > 2) {
            group |= bytes[i + 2];
        }
        *out++ = alphabet[group >> 18];
        *out++ = alphabet[(group >> 12) & 63];
        *out++ = left > 1 ? alphabet[(group >> 6) & 63] : '=';
        *out++ = left > 2 ? alphabet[group & 63] : '=';
    }
    *out = '\0';
    return text;
}

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+' || c == '-') {
        return 62;
    }
    if (c == '/' || c == '_') {
        return 63;
    }
    return -1;
}

bool base64_decode(const char *text, size_t length, uint8_t **bytes, size_t *size_bytes)
{
    uint32_t group = 0;
    unsigned bits = 0;
    size_t used = 0;
    uint8_t *out;

    while (length > 0 && text[length - 1] == '=') {
        length--;
    }
    if (length % 4 == 1) {
        return false;
    }
    out = malloc(length / 4 * 3 + 3);
    if (out == NULL) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        int value = digit_value(text[i]);

        if (value < 0) {
            free(out);
            return false;
        }
        group = (group << 6) | (uint32_t)value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[used++] = (uint8_t)(group >> bits);
        }
    }
    *bytes = out;
    *size_bytes = used;
    return true;
}
