/* SPDX-License-Identifier: Apache-2.0 */
/* Formatting, the console ring, the clock's arithmetic, the calendar, and bit searches. */
#include <hv/arch/cpu.h>
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/print.h>
#include <hv/rtc.h>
#include <hv/time.h>
#include <hv/timer.h>

#include "boot_fakes.h"

#include <criterion/criterion.h>
#include <string.h>

static int PRINTF(3, 4) format(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    int length;

    va_start(args, fmt);
    length = hv_vsnprintf(buf, size, fmt, args);
    va_end(args);
    return length;
}

#define FORMATS(expected, ...)                                                                     \
    do {                                                                                           \
        char buf_[64];                                                                             \
        int length_ = format(buf_, sizeof(buf_), __VA_ARGS__);                                \
        cr_assert_str_eq(buf_, expected);                                                          \
        cr_assert_eq(length_, (int)strlen(expected));                                              \
    } while (0)

Test(format, numbers_strings_and_padding)
{
    FORMATS("-5 7 ff", "%d %u %x", -5, 7u, 0xffu);
    FORMATS("-9223372036854775808", "%ld", INT64_MIN);
    FORMATS("18446744073709551615", "%lu", ~0UL);
    FORMATS("000000000000beef", "%016lx", 0xbeefUL);
    FORMATS("  42|0042|-042", "%4d|%04d|%04d", 42, 42, -42);
    FORMATS("abc|  abc", "%s|%5s", "abc", "abc");
    FORMATS("AP|100%|z", "%.*s|%d%%|%c", 2, "APIC", 100, 'z');
    FORMATS("12 34", "%zu %llx", (size_t)12, 0x34ULL);
}

Test(format, result_is_cut_and_terminated)
{
    char buf[4] = "xxx";

    cr_assert_eq(format(buf, sizeof(buf), "%s", "abcdef"), 6);
    cr_assert_str_eq(buf, "abc");
    cr_assert_eq(format(NULL, 0, "%d", 12345), 5);
}

Test(print, level_prefix_and_newline, .init = fakes_reset)
{
    boot_options.log_level = LOG_WARN;

    pr_info("hidden");
    pr_warn("seen %d", 1);
    pr_error("ended\n");

    cr_assert_str_eq(fakes_serial, "(nether) seen 1\n(nether) ended\n");
}

Test(print, guest_messages_are_limited_and_counted, .init = fakes_reset)
{
    boot_options.log_level = LOG_DEBUG;
    for (unsigned i = 0; i < 1000; i++) {
        printk_guest("noise");
    }

    unsigned lines = 0;

    for (const char *at = fakes_serial; (at = strstr(at, "noise")); at++) {
        lines++;
    }
    cr_assert_eq(lines, 10);
}

Test(console, ring_reads_what_was_written, .init = fakes_reset)
{
    char buf[16];
    uint64_t index = 0;

    console_write("hello", 5);
    cr_assert_eq(console_ring_read(&index, buf, 3, false), 3);
    cr_assert_eq(console_ring_read(&index, buf + 3, 10, false), 2);
    cr_assert_eq(memcmp(buf, "hello", 5), 0);
    cr_assert_eq(console_ring_read(&index, buf, 10, false), 0);

    index = 0;
    cr_assert_eq(console_ring_read(&index, buf, 10, true), 5);
    index = 0;
    cr_assert_eq(console_ring_read(&index, buf, 10, false), 0, "cleared");
}

Test(console, ring_keeps_the_newest, .init = fakes_reset)
{
    char text[1000], buf[4];
    uint64_t index = 0;

    boot_options.console_serial = false;
    for (unsigned i = 0; i < 100; i++) {
        memset(text, 'a' + (int)(i % 26), sizeof(text));
        console_write(text, sizeof(text));
    }

    cr_assert_eq(console_ring_read(&index, buf, 1, false), 1);
    cr_assert_eq(index, 100000 - 65536 + 1);
    index = 99999;
    cr_assert_eq(console_ring_read(&index, buf, 4, false), 1);
    cr_assert_eq(buf[0], 'a' + 99 % 26);
    index = 1UL << 60;
    cr_assert_eq(console_ring_read(&index, buf, 1, false), 1, "an index from nowhere starts over");
}

/* From now on nobody waits for the port; one tick of the TSC is a nanosecond. */
static void defer(void)
{
    fakes_reset();
    host_tsc_scale = tsc_scale_for_khz(1000000);
    console_defer();
}

Test(console, nobody_waits_for_the_port, .init = defer)
{
    fakes_serial_room = 3;
    console_write("hello", 5);
    cr_assert_str_eq(fakes_serial, "", "any lock may be held");
    cr_assert(this_cpu()->work & CPU_WORK_CONSOLE);

    cr_assert(console_drain());
    cr_assert_str_eq(fakes_serial, "hel");
    cr_assert_not_null(fakes_timer);

    fakes_serial_room = 100;
    fakes_timer->fire(fakes_timer->data);
    cr_assert_str_eq(fakes_serial, "hello");
    cr_assert_not(console_drain());
}

Test(console, what_waits_comes_out_before_the_end, .init = defer)
{
    console_write("last ", 5);
    console_flush();
    console_write("words", 5);

    cr_assert_str_eq(fakes_serial, "last words");
}

Test(console, a_port_that_takes_nothing_is_given_up, .init = defer)
{
    console_write("hello", 5);
    fakes_tsc = 500000000;
    cr_assert(console_drain());
    fakes_tsc = 1500000000;
    cr_assert_not(console_drain());

    fakes_serial_room = 100;
    console_write("again", 5);
    cr_assert_not(console_drain());
    cr_assert_str_eq(fakes_serial, "again");
}

Test(console, the_port_skips_what_was_overwritten, .init = defer)
{
    char text[1001];

    for (unsigned i = 0; i < 100; i++) {
        memset(text, 'a' + (int)(i % 26), sizeof(text));
        console_write(text, 1000);
    }
    fakes_serial_room = 10;
    cr_assert(console_drain());
    cr_assert_eq(fakes_serial[0], 'a' + (100000 - 65536) / 1000 % 26);
}

Test(print, each_has_a_limit_of_its_own_and_is_told_what_was_dropped, .init = defer)
{
    struct print_limit one = {0}, other = {0};
    uint32_t lost;

    for (unsigned i = 0; i < 100; i++) {
        cr_assert_eq(print_is_due(&one, 10, &lost), i < 10);
    }
    cr_assert(print_is_due(&other, 10, &lost));
    fakes_tsc += 1000000000;
    cr_assert(print_is_due(&one, 10, &lost));
    cr_assert_eq(lost, 90);
    cr_assert(print_is_due(&one, 10, &lost));
    cr_assert_eq(lost, 0);
}

Test(clock, scales_are_exact_to_a_few_parts_in_a_billion)
{
    const uint64_t frequencies[] = {1, 999, 1000000, 1000001, 2095979, 2900000, 5700000};

    for (unsigned i = 0; i < sizeof(frequencies) / sizeof(frequencies[0]); i++) {
        uint64_t khz = frequencies[i];
        uint64_t hour = tsc_scale_apply(tsc_scale_for_khz(khz), khz * 1000 * 3600);
        int64_t error = (int64_t)(hour - 3600UL * 1000000000UL);

        cr_assert(error <= 0 && error > -4000, "%lu kHz: off by %ld ns in an hour", khz, error);
    }
    cr_assert_eq(tsc_scale_for_khz(0).mul_frac, 0);
}

Test(clock, deadlines_do_not_overflow)
{
    host_tsc_khz = 3000000;
    host_boot_tsc = 5;
    cr_assert_eq(tsc_at_ns(1000000000UL * 86400 * 365), 5 + 3000000UL * 1000 * 86400 * 365);
    cr_assert_eq(tsc_at_ns(1), 5 + 3);
}

Test(rtc, calendar)
{
    struct rtc_time bcd = {.second = 0x59, .minute = 0x59, .hour = 0x23, .day = 0x29, .month = 0x02,
                           .year = 0x24, .status_b = 2};
    struct rtc_time noon = {.hour = 0x92, .day = 0x01, .month = 0x01, .year = 0x70};
    struct rtc_time binary = {.hour = 12, .day = 31, .month = 12, .year = 99, .status_b = 6};

    cr_assert_eq(rtc_to_unix(&bcd), 1709251199);
    cr_assert_eq(rtc_to_unix(&noon), 12 * 3600);
    cr_assert_eq(rtc_to_unix(&binary), 946641600);
}
