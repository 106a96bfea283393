/* SPDX-License-Identifier: Apache-2.0 */
/* What a small PVH guest needs of its host: hypercalls, the PV console, and an end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

#include <xen/event_channel.h>

/* Said before a failure's reason. */
extern const char guest_name[];

#ifdef __i386__
/* Where the guest asked for its hypercall page. */
extern char hypercall_page[4096];

static inline long hypercall(unsigned long number, unsigned long a, unsigned long b, unsigned long c)
{
    const char *entry = hypercall_page + 32 * number;
    long result;

    __asm__ volatile("call *%4" : "=a"(result), "+b"(a), "+c"(b), "+d"(c) : "r"(entry) : "memory");
    return result;
}
#else
static inline long hypercall(unsigned long number, unsigned long a, unsigned long b, unsigned long c)
{
    long result;

    __asm__ volatile("vmmcall"
                     : "=a"(result), "+D"(a), "+S"(b), "+d"(c)
                     : "a"(number)
                     : "r8", "r10", "memory");
    return result;
}
#endif

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
void print_number(unsigned long number);
/* The next character that was typed, if there is one. */
bool console_read(char *c);
/* The event channel that says when there is more, or more room. */
evtchn_port_t console_port(void);

/* Prints why and ends the guest. */
__attribute__((noreturn)) void fail(const char *why);
/* Waits until all that was printed is read, and powers off. */
__attribute__((noreturn)) void power_off(void);
