/* SPDX-License-Identifier: Apache-2.0 */
/* The memory and string functions that the compiler and we call. */
#include <hv/types.h>

#ifndef HV_HOSTED
/* By words: what a hypercall copies is made of them. */
void *memcpy(void *dst, const void *src, size_t size)
{
    size_t words = size / 4, rest = size % 4;
    void *to = dst;

    __asm__ volatile("rep movsl" : "+D"(to), "+S"(src), "+c"(words) : : "memory");
    if (rest != 0) {
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(src), "+c"(rest) : : "memory");
    }
    return dst;
}

void *memset(void *dst, int value, size_t size)
{
    void *to = dst;

    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
    return dst;
}

void *memmove(void *dst, const void *src, size_t size)
{
    if ((uintptr_t)dst - (uintptr_t)src >= size) {
        return memcpy(dst, src, size);
    }

    uint8_t *to = dst;
    const uint8_t *from = src;

    while (size > 0) {
        size--;
        to[size] = from[size];
    }
    return dst;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const uint8_t *x = a, *y = b;

    for (size_t i = 0; i < size; i++) {
        if (x[i] != y[i]) {
            return x[i] - y[i];
        }
    }
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n]) {
        n++;
    }
    return n;
}

int strncmp(const char *a, const char *b, size_t size)
{
    while (size > 0 && *a && *a == *b) {
        a++;
        b++;
        size--;
    }
    return size == 0 ? 0 : (uint8_t)*a - (uint8_t)*b;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, ~0UL);
}
#endif
