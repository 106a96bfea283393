/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void text_set(char **field, const char *text)
{
    char *copy = text[0] != '\0' ? strdup(text) : NULL;

    if (copy != NULL) {
        *field = copy;
    }
}

void text_set_time(char **field, int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    char day[32];
    char text[48];
    struct tm utc;

    if (time_ms <= 0 || gmtime_r(&seconds, &utc) == NULL) {
        return;
    }
    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, sizeof(text), "%s.%03dZ", day, (int)(time_ms % 1000));
    text_set(field, text);
}
