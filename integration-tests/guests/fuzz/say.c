/* SPDX-License-Identifier: Apache-2.0 */
/* Lines on the hypervisor's console, and what a freestanding program must bring itself. */
#include "fuzz.h"

#include <stdarg.h>
#include <string.h>
#include <xen/xen.h>

void *memcpy(void *to, const void *from, size_t size)
{
    void *result = to;

    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return result;
}

void *memset(void *to, int value, size_t size)
{
    void *result = to;

    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
    return result;
}

char *strchr(const char *text, int wanted)
{
    while (*text != '\0' && *text != wanted) {
        text++;
    }
    return *text == wanted ? (char *)text : NULL;
}

static char *put_number(char *to, uint64_t value, unsigned base)
{
    char digits[20];
    unsigned count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (count != 0) {
        *to++ = digits[--count];
    }
    return to;
}

/* Knows %s, %u and %lx. */
void say(const char *format, ...)
{
    static char lines[CPUS][256];
    static unsigned turn;
    char *line = lines[__atomic_fetch_add(&turn, 1, __ATOMIC_RELAXED) % CPUS], *to = line;
    uint64_t args[CALL_ARGS] = {0};
    va_list list;

    va_start(list, format);
    for (; *format != '\0' && to < line + 200; format++) {
        if (*format != '%') {
            *to++ = *format;
        } else if (*++format == 's') {
            for (const char *text = va_arg(list, const char *); *text != '\0' && to < line + 200;) {
                *to++ = *text++;
            }
        } else if (*format == 'u') {
            to = put_number(to, va_arg(list, unsigned), 10);
        } else {
            format++;
            to = put_number(to, va_arg(list, uint64_t), 16);
        }
    }
    va_end(list);
    *to++ = '\n';
    args[1] = (uint64_t)(to - line);
    args[2] = (uint64_t)line;
    hypercall(__HYPERVISOR_console_io, args);
}
