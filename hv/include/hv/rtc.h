/* SPDX-License-Identifier: Apache-2.0 */
/* The PC's real-time clock (MC146818) as its registers read. */
#pragma once

#include <hv/types.h>

struct rtc_time {
    uint8_t second, minute, hour, day, month, year;
    uint8_t status_b; /* bit 2: binary, not BCD; bit 1: 24 hours */
};

/* UNIX time in seconds; years 0-69 are 2000-2069. */
uint64_t rtc_to_unix(const struct rtc_time *time);
