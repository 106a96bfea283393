/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging of the user-space programs: one line to stderr for one event, with time and level, the
 * subject first in the sentence ("domain=web-1: started"). "error" means that we failed. A thread
 * may carry a context ("req=7f3a"), put in front of all its lines.
 */
#pragma once

#include <stdbool.h>

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
};

/** Show lines of this level and more urgent ones. The default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);

/** Parse "error", "warn", "info" or "debug". Returns false on anything else. */
bool log_level_parse(const char *text, enum log_level *level);

/** Set the calling thread's context (copied, cut at 63 bytes); NULL removes it. */
void log_set_context(const char *context);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
