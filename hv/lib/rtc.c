/* SPDX-License-Identifier: Apache-2.0 */
/* Real-time clock registers -> UNIX time. */
#include <hv/rtc.h>

static unsigned from_bcd(const struct rtc_time *time, uint8_t value)
{
    return time->status_b & 4 ? value : (value >> 4) * 10u + (value & 15);
}

/* Days since 1970-01-01 of a proleptic Gregorian date; the year begins in March so that the leap day is last. */
static uint64_t days_since_epoch(unsigned year, unsigned month, unsigned day)
{
    uint64_t y = year - (month <= 2);
    uint64_t month_from_march = (month + 9) % 12;

    return y * 365 + y / 4 - y / 100 + y / 400 + (month_from_march * 153 + 2) / 5 + day - 1 - 719468;
}

uint64_t rtc_to_unix(const struct rtc_time *time)
{
    unsigned hour = from_bcd(time, time->hour & 0x7f);
    unsigned year = from_bcd(time, time->year);
    unsigned month = from_bcd(time, time->month);

    if (!(time->status_b & 2)) {
        hour = hour % 12 + (time->hour & 0x80 ? 12 : 0);
    }
    year += year < 70 ? 2000 : 1900;
    month = month < 1 || month > 12 ? 1 : month;
    return days_since_epoch(year, month, from_bcd(time, time->day)) * 86400 + hour * 3600u +
           from_bcd(time, time->minute) * 60 + from_bcd(time, time->second);
}
