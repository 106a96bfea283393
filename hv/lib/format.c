/* SPDX-License-Identifier: Apache-2.0 */
/* printf's formatting, as far as hv/print.h promises it: d u x s c %, flag 0, width, precision of strings as an
 * argument, length modifiers l ll z. */
#include <hv/print.h>

struct output {
    char *buf;
    size_t size, used; /* used counts what did not fit, too */
};

struct spec {
    bool zero;
    unsigned width;
    int precision; /* of a string; -1: none */
    unsigned longs; /* 0: int, 1 or more: 64-bit */
};

static void put(struct output *out, char c)
{
    if (out->used + 1 < out->size) {
        out->buf[out->used] = c;
    }
    out->used++;
}

/* A text of `length` bytes in a field: what is missing is put in front; zeros come behind a sign. */
static void put_padded(struct output *out, const struct spec *spec, const char *text, size_t length, bool zero)
{
    size_t missing = spec->width > length ? spec->width - length : 0;

    if (zero && length != 0 && *text == '-') {
        put(out, *text++);
        length--;
    }
    for (size_t i = 0; i < missing; i++) {
        put(out, zero ? '0' : ' ');
    }
    for (size_t i = 0; i < length; i++) {
        put(out, text[i]);
    }
}

static void put_string(struct output *out, const struct spec *spec, const char *text)
{
    size_t length = 0;

    while ((spec->precision < 0 || length < (size_t)spec->precision) && text[length]) {
        length++;
    }
    put_padded(out, spec, text, length, false);
}

static void put_number(struct output *out, const struct spec *spec, uint64_t value, unsigned base, bool negative)
{
    char text[24];
    size_t at = sizeof(text);

    do {
        text[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (negative) {
        text[--at] = '-';
    }
    put_padded(out, spec, text + at, sizeof(text) - at, spec->zero);
}

/* Everything between '%' and the conversion. */
static struct spec parse_spec(const char **fmt, va_list args)
{
    struct spec spec = {.precision = -1};

    spec.zero = **fmt == '0';
    while (**fmt >= '0' && **fmt <= '9') {
        spec.width = spec.width * 10 + (unsigned)(*(*fmt)++ - '0');
    }
    if (**fmt == '.' && (*fmt)[1] == '*') {
        *fmt += 2;
        spec.precision = va_arg(args, int);
    }
    while (**fmt == 'l' || **fmt == 'z') {
        spec.longs++;
        (*fmt)++;
    }
    return spec;
}

/* va_list is an array type here: passing it on as a parameter shares the position. */
static void put_conversion(struct output *out, char conversion, struct spec *spec, va_list args)
{
    switch (conversion) {
    case 'd': {
        int64_t value = spec->longs ? va_arg(args, int64_t) : va_arg(args, int);

        put_number(out, spec, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, value < 0);
        break;
    }
    case 'u':
    case 'x':
        put_number(out, spec, spec->longs ? va_arg(args, uint64_t) : va_arg(args, unsigned),
                   conversion == 'u' ? 10 : 16, false);
        break;
    case 's':
        put_string(out, spec, va_arg(args, const char *));
        break;
    case 'c':
        put(out, (char)va_arg(args, int));
        break;
    default:
        put(out, conversion);
    }
}

int hv_vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
    struct output out = {.buf = buf, .size = size};
    va_list copy;

    va_copy(copy, args);
    while (*fmt) {
        if (*fmt != '%') {
            put(&out, *fmt++);
            continue;
        }
        fmt++;

        struct spec spec = parse_spec(&fmt, copy);

        if (!*fmt) {
            break;
        }
        put_conversion(&out, *fmt++, &spec, copy);
    }
    va_end(copy);
    if (size > 0) {
        buf[MIN(out.used, size - 1)] = '\0';
    }
    return (int)out.used;
}
