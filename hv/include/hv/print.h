/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages, refusals and the end of the world. Messages go to the serial console and to the
 * console ring that dom0 reads (XEN_SYSCTL_readconsole). One line, one event, subject first.
 */
#pragma once

#include <hv/types.h>
#include <stdarg.h>

enum log_level {
    LOG_ERROR, /* the hypervisor or the host failed */
    LOG_WARN,
    LOG_INFO,
    LOG_DEBUG,
};

/* Prints one message if `level` is at or above the level chosen with loglvl=. Formats: %d %u %x %s %c,
 * l, ll and z, with width and zero padding; %.*s. A newline ends every message. */
void printk(enum log_level level, const char *fmt, ...) PRINTF(2, 3);

#define pr_error(...) printk(LOG_ERROR, __VA_ARGS__)
#define pr_warn(...)  printk(LOG_WARN, __VA_ARGS__)
#define pr_info(...)  printk(LOG_INFO, __VA_ARGS__)
#define pr_debug(...) printk(LOG_DEBUG, __VA_ARGS__)

/* How much somebody has printed of late; all zero at first. Any CPU may use it. */
struct print_limit {
    uint64_t second;
    uint32_t printed, dropped;
};

/* Whether one more message is within so many a second; else it is counted. *lost: how many were not, to be told
 * with the first one that is again. */
bool print_is_due(struct print_limit *limit, unsigned per_second, uint32_t *lost);

/* A message that a guest caused: at most a few a second over all guests, the rest counted. */
void printk_guest(const char *fmt, ...) PRINTF(1, 2);

/* Formats into buf (always NUL-terminated when size > 0); returns the length it would have. */
int hv_vsnprintf(char *buf, size_t size, const char *fmt, va_list args);

/* Our own bug, or a host that cannot be run: prints registers and a symbolised stack, stops every
 * CPU. Never called for anything a guest did. */
void panic(const char *fmt, ...) NORETURN PRINTF(1, 2);

/* Whether some CPU is panicking: it goes through every lock, the others park in their NMI handler. */
bool panic_is_active(void);

/* Stops with a clear message and no stack: the machine or its configuration lacks a need. */
void halt_with_message(const char *fmt, ...) NORETURN PRINTF(1, 2);

/* Guards an invariant of our own, in every build: cheap ones only. */
#define BUG_ON(condition)                                                                          \
    do {                                                                                           \
        if (unlikely(condition)) {                                                                 \
            panic("%s:%d: BUG_ON(%s)", __FILE__, __LINE__, #condition);                            \
        }                                                                                          \
    } while (0)
