/* SPDX-License-Identifier: Apache-2.0 */
/* What a small 64-bit PVH guest needs of its host: hypercalls, the PV console, and an end. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

static inline long hypercall(unsigned long number, unsigned long a, unsigned long b, unsigned long c)
{
    long result;

    __asm__ volatile("vmmcall"
                     : "=a"(result), "+D"(a), "+S"(b), "+d"(c)
                     : "a"(number)
                     : "r8", "r10", "memory");
    return result;
}

static inline uint64_t tsc(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

/* Finds the console's ring; before that nothing is heard of this guest. */
void console_init(void);
void print(const char *text);
void print_number(uint64_t number);

/* Prints why and ends the guest. */
__attribute__((noreturn)) void fail(const char *why);
/* Waits until all that was printed is read, and powers off. */
__attribute__((noreturn)) void power_off(void);
