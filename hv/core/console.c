/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console ring: the last 64 KiB of everything written, kept for dom0 (XEN_SYSCTL_readconsole), and
 * copied to the serial port: at once while the host starts and ends, else as fast as the port takes it
 * without anybody waiting (a line takes it 10 ms).
 */
#include <hv/arch/cpu.h>
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/lock.h>
#include <hv/time.h>
#include <hv/timer.h>

#define RING_SIZE    65536UL
#define OFFERS       8U /* of what the port takes at once, a look */
#define LOOK_NS      1000000UL
#define GIVE_UP_NS   1000000000UL

/* Protects all below but the timer. */
static struct spinlock console_lock = SPINLOCK_INIT(LOCK_RANK_CONSOLE);
static char ring[RING_SIZE];
static uint64_t ring_start, ring_end; /* free-running */
static uint64_t serial_at;            /* up to where the serial port has it */
static uint64_t progress_ns;          /* when the port took something, or had nothing to take */
static bool is_deferred;

static struct timer drain_timer;
static bool is_armed; /* atomic: who sets it arms the timer */

/* What the port has not had when it is overwritten it never gets. */
static void skip_lost(void)
{
    if (!boot_options.console_serial) {
        serial_at = ring_end;
    } else if (ring_end - serial_at > RING_SIZE) {
        serial_at = ring_end - RING_SIZE;
    }
}

/* How much of what waits lies in one piece. */
static size_t piece(void)
{
    return MIN(ring_end - serial_at, RING_SIZE - serial_at % RING_SIZE);
}

static void send_all(void)
{
    skip_lost();
    while (serial_at < ring_end) {
        size_t size = piece();

        serial_write(&ring[serial_at % RING_SIZE], size);
        serial_at += size;
    }
}

static void offer_some(void)
{
    uint64_t before = serial_at, now = now_ns();

    skip_lost();
    for (unsigned i = 0; i < OFFERS && serial_at < ring_end; i++) {
        serial_at += serial_offer(&ring[serial_at % RING_SIZE], piece());
    }
    if (serial_at != before || serial_at == ring_end) {
        progress_ns = now;
    } else if (now - progress_ns > GIVE_UP_NS) {
        serial_at = ring_end; /* a port that takes nothing holds nobody up */
    }
}

bool console_drain(void)
{
    bool is_waiting;

    spin_lock(&console_lock);
    offer_some();
    is_waiting = serial_at != ring_end;
    spin_unlock(&console_lock);
    if (is_waiting && !__atomic_exchange_n(&is_armed, true, __ATOMIC_ACQ_REL)) {
        timer_set(&drain_timer, now_ns() + LOOK_NS);
    }
    return is_waiting;
}

static void drain_again(void *unused)
{
    (void)unused;
    __atomic_store_n(&is_armed, false, __ATOMIC_RELEASE);
    console_drain();
}

void console_defer(void)
{
    timer_init(&drain_timer, drain_again, NULL);
    progress_ns = now_ns();
    is_deferred = true;
}

void console_flush(void)
{
    spin_guard(&console_lock);
    is_deferred = false;
    send_all();
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
    spin_guard(&console_lock);
    ring_put(text, size);
    if (!is_deferred) {
        send_all();
    } else {
        /* Any lock may be held here, so the timer waits for the door. */
        __atomic_fetch_or(&this_cpu()->work, CPU_WORK_CONSOLE, __ATOMIC_SEQ_CST);
    }
}

size_t console_ring_read(uint64_t *index, char *buf, size_t size, bool clear)
{
    size_t count = 0;

    spin_guard(&console_lock);
    if (*index < ring_start || *index > ring_end) {
        *index = ring_start;
    }
    while (count < size && *index < ring_end) {
        buf[count++] = ring[(*index)++ % RING_SIZE];
    }
    if (clear) {
        ring_start = *index;
    }
    return count;
}
