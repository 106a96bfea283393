/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: formatted on the stack, marked as ours, written to the console as one piece. */
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/print.h>
#include <hv/time.h>

#define MESSAGE_MAX         256U
#define GUEST_MESSAGES_PER_S 10U

static const char prefix[] = "(nether) ";

/* One line; a message that is too long is cut, never split. */
static void print_line(const char *fmt, va_list args)
{
    char text[MESSAGE_MAX];
    size_t length = sizeof(prefix) - 1;

    memcpy(text, prefix, length);
    hv_vsnprintf(text + length, sizeof(text) - length - 1, fmt, args);
    length = strlen(text);
    if (text[length - 1] != '\n') {
        text[length++] = '\n';
    }
    console_write(text, length);
}

void printk(enum log_level level, const char *fmt, ...)
{
    va_list args;

    if ((unsigned)level > boot_options.log_level) {
        return;
    }
    va_start(args, fmt);
    print_line(fmt, args);
    va_end(args);
}

/* A bucket that is full again every second. Races between CPUs cost at most a message. */
bool print_is_due(struct print_limit *limit, unsigned per_second, uint32_t *lost)
{
    uint64_t now = now_ns() / 1000000000UL;

    *lost = 0;
    if (READ_ONCE(limit->second) != now) {
        WRITE_ONCE(limit->second, now);
        WRITE_ONCE(limit->printed, 0);
        *lost = __atomic_exchange_n(&limit->dropped, 0, __ATOMIC_RELAXED);
    }
    if (__atomic_add_fetch(&limit->printed, 1, __ATOMIC_RELAXED) > per_second) {
        __atomic_add_fetch(&limit->dropped, 1, __ATOMIC_RELAXED);
        return false;
    }
    return true;
}

void printk_guest(const char *fmt, ...)
{
    static struct print_limit limit;
    uint32_t lost;
    va_list args;

    if (!print_is_due(&limit, GUEST_MESSAGES_PER_S, &lost)) {
        return;
    }
    if (lost > 0) {
        printk(LOG_INFO, "%u messages caused by guests were dropped", lost);
    }
    va_start(args, fmt);
    print_line(fmt, args);
    va_end(args);
}
