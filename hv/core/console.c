/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console ring: the last 64 KiB of everything written, kept for dom0 (XEN_SYSCTL_readconsole), and
 * copied to the serial port as it comes.
 */
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/lock.h>

#define RING_SIZE 65536UL

/* Protects ring, ring_end, ring_start, and the serial port. */
static struct spinlock console_lock = SPINLOCK_INIT(LOCK_RANK_CONSOLE);
static char ring[RING_SIZE];
static uint64_t ring_start, ring_end; /* free-running */
static bool lock_broken;

void console_break_lock(void)
{
    WRITE_ONCE(lock_broken, true);
}

static void ring_put(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ring[ring_end++ % RING_SIZE] = text[i];
    }
    if (ring_end - ring_start > RING_SIZE) {
        ring_start = ring_end - RING_SIZE;
    }
}

void console_write(const char *text, size_t size)
{
    bool locked = !READ_ONCE(lock_broken);

    if (locked) {
        spin_lock(&console_lock);
    }
    ring_put(text, size);
    if (boot_options.console_serial) {
        serial_write(text, size);
    }
    if (locked) {
        spin_unlock(&console_lock);
    }
}

size_t console_ring_read(uint64_t *index, char *buf, size_t size, bool clear)
{
    size_t count = 0;

    spin_lock(&console_lock);
    if (*index < ring_start || *index > ring_end) {
        *index = ring_start;
    }
    while (count < size && *index < ring_end) {
        buf[count++] = ring[(*index)++ % RING_SIZE];
    }
    if (clear) {
        ring_start = *index;
    }
    spin_unlock(&console_lock);
    return count;
}
