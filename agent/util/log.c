/* SPDX-License-Identifier: Apache-2.0 */
#include "util/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static atomic_int shown_level = LOG_LEVEL_INFO;
static _Thread_local char thread_context[64];

void log_set_level(enum log_level level)
{
    atomic_store(&shown_level, (int)level);
}

bool log_level_parse(const char *text, enum log_level *level)
{
    for (unsigned i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_set_context(const char *context)
{
    snprintf(thread_context, sizeof(thread_context), "%s", context != NULL ? context : "");
}

/* A line is one event whatever was put into it: control characters become '?'. */
static void flatten(char *line)
{
    for (char *p = line; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            *p = '?';
        }
    }
}

static void write_line(enum log_level level, const char *fmt, va_list args)
{
    char line[1400];
    char message[1200];
    char when[32];
    struct timespec now;
    struct tm utc;
    int length;

    if ((int)level > atomic_load(&shown_level)) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &utc);
    vsnprintf(message, sizeof(message), fmt, args);
    flatten(message);
    length = snprintf(line, sizeof(line), "%s.%03ldZ %-5s %s%s%s\n", when, now.tv_nsec / 1000000,
                      level_names[level], thread_context, thread_context[0] != '\0' ? " " : "",
                      message);
    if (length > 0) {
        /* One write() a line, so that lines of different threads never mix. */
        ssize_t written = write(STDERR_FILENO, line, (size_t)length);

        (void)written; /* nobody is left to tell */
    }
}

#define DEFINE_LOG(name, level)                                                                    \
    void name(const char *fmt, ...)                                                                \
    {                                                                                              \
        va_list args;                                                                              \
                                                                                                   \
        va_start(args, fmt);                                                                       \
        write_line(level, fmt, args);                                                              \
        va_end(args);                                                                              \
    }

DEFINE_LOG(log_error, LOG_LEVEL_ERROR)
DEFINE_LOG(log_warn, LOG_LEVEL_WARN)
DEFINE_LOG(log_info, LOG_LEVEL_INFO)
DEFINE_LOG(log_debug, LOG_LEVEL_DEBUG)
