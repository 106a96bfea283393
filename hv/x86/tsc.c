/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast the TSC counts (against the ACPI PM timer, 3.579545 MHz; without one against PIT channel 2,
 * 1.193182 MHz), and what time it is by the real-time clock.
 */
#include <hv/acpi.h>
#include <hv/arch/cpu.h>
#include <hv/arch/machine.h>
#include <hv/arch/x86.h>
#include <hv/print.h>
#include <hv/rtc.h>
#include <hv/time.h>

#define PM_TIMER_HZ  3579545UL
#define PIT_HZ       1193182UL
#define PIT_LATCH    0xffffU
#define SAMPLE_TICKS (PM_TIMER_HZ / 50) /* 20 ms */
#define SAMPLES      5U
#define MAX_READS    10000000U /* a timer that stands still must not hang the boot */

uint64_t arch_read_tsc(void)
{
    return x86_rdtsc();
}

/* kHz by one run of the PM timer, or 0. *uncertainty: TSC ticks that reading took. */
static uint64_t sample_pm_timer(uint64_t *uncertainty)
{
    uint32_t mask = acpi_info.pm_timer_32bit ? ~0u : 0xffffff;
    uint16_t port = (uint16_t)acpi_info.pm_timer_port;
    uint64_t before = x86_rdtsc();
    uint32_t first = x86_in(port, 4);
    uint64_t start = x86_rdtsc();

    for (unsigned i = 0; i < MAX_READS; i++) {
        uint64_t last = x86_rdtsc();
        uint32_t ticks = (x86_in(port, 4) - first) & mask;

        if (ticks >= SAMPLE_TICKS) {
            uint64_t end = x86_rdtsc();

            *uncertainty = (start - before) + (end - last);
            return (end - start) * (PM_TIMER_HZ / 1000) / ticks +
                   (end - start) * (PM_TIMER_HZ % 1000) / 1000 / ticks;
        }
    }
    return 0;
}

/* PIT channel 2, mode 0, gated by port 0x61; its output shows in bit 5. */
static uint64_t sample_pit(void)
{
    x86_out8(0x61, (uint8_t)((x86_in8(0x61) & ~0x02) | 0x01));
    x86_out8(0x43, 0xb0);
    x86_out8(0x42, PIT_LATCH & 0xff);
    x86_out8(0x42, PIT_LATCH >> 8);

    uint64_t start = x86_rdtsc();

    for (unsigned i = 0; i < MAX_READS; i++) {
        if (x86_in8(0x61) & 0x20) {
            return (x86_rdtsc() - start) * PIT_HZ / PIT_LATCH / 1000;
        }
    }
    return 0;
}

/* The sample whose reads were interrupted least (SMIs, a busy emulator). */
static uint64_t measure_khz(void)
{
    uint64_t best = 0, best_uncertainty = ~0UL;

    if (acpi_info.pm_timer_port == 0) {
        return sample_pit();
    }
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t uncertainty = 0, khz = sample_pm_timer(&uncertainty);

        if (khz != 0 && uncertainty < best_uncertainty) {
            best = khz;
            best_uncertainty = uncertainty;
        }
    }
    return best ? best : sample_pit();
}

/* Both read in turn: who reads less than the other one has read before is behind. */
static struct spinlock turn = SPINLOCK_INIT(LOCK_RANK_IRQ); /* protects the two */
static uint64_t last_read, worst_warp;
static bool is_leading;

static void compare(void)
{
    uint64_t now;

    spin_lock(&turn);
    __asm__ volatile("lfence" : : : "memory"); /* RDTSC waits for nothing else (APM vol. 3) */
    now = x86_rdtsc();
    worst_warp = MAX(worst_warp, last_read > now ? last_read - now : 0);
    last_read = now;
    spin_unlock(&turn);
    cpu_relax();
}

uint64_t tsc_lead(bool begin)
{
    uint64_t start = x86_rdtsc();

    if (begin) {
        last_read = worst_warp = 0;
    }
    while (!begin && x86_rdtsc() - start < host_tsc_khz) { /* 1 ms */
        compare();
    }
    __atomic_store_n(&is_leading, begin, __ATOMIC_SEQ_CST);
    return worst_warp;
}

void tsc_follow(void)
{
    while (__atomic_load_n(&is_leading, __ATOMIC_ACQUIRE)) {
        compare();
    }
}

static uint8_t cmos_read(uint8_t reg)
{
    x86_out8(0x70, reg | 0x80); /* NMI off meanwhile, as the port has it */

    uint8_t value = x86_in8(0x71);

    x86_out8(0x70, 0);
    return value;
}

/* Two equal readings in a row are one that no update tore. */
static void read_clock(struct rtc_time *time)
{
    struct rtc_time previous = {0};

    for (unsigned i = 0; i < 1000; i++) {
        *time = (struct rtc_time){
            .second = cmos_read(0), .minute = cmos_read(2), .hour = cmos_read(4),
            .day = cmos_read(7), .month = cmos_read(8), .year = cmos_read(9),
            .status_b = cmos_read(11),
        };
        if (!(cmos_read(10) & 0x80) && time->second == previous.second &&
            time->minute == previous.minute && time->hour == previous.hour) {
            return;
        }
        previous = *time;
    }
}

void tsc_init(void)
{
    struct rtc_time time;

    host_tsc_khz = measure_khz();
    if (host_tsc_khz == 0) {
        halt_with_message("tsc: neither the ACPI PM timer nor the PIT counts: no time base");
    }
    host_tsc_scale = tsc_scale_for_khz(host_tsc_khz);
    host_boot_tsc = x86_rdtsc();
    read_clock(&time);
    wallclock_set(rtc_to_unix(&time) * 1000000000UL - now_ns());
    pr_info("tsc: %lu.%03lu MHz, %s; UNIX time %lu", host_tsc_khz / 1000, host_tsc_khz % 1000,
            x86_cpuid(0x80000007, 0).edx >> 8 & 1 ? "invariant" : "not promised to be invariant",
            wallclock_base_ns() / 1000000000UL);
}
