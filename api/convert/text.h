/* SPDX-License-Identifier: Apache-2.0 */
/* Inside convert/ only: texts of messages. */
#pragma once

#include <stdint.h>

/** Set a message's text field to a copy. Out of memory leaves the empty default. */
void text_set(char **field, const char *text);

/** Set a text field to a time, RFC 3339 in UTC with milliseconds; 0 leaves it empty. */
void text_set_time(char **field, int64_t time_ms);
