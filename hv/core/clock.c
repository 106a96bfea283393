/* SPDX-License-Identifier: Apache-2.0 */
/* The host's clock: TSC ticks since boot as nanoseconds, and what UNIX time it was at boot. */
#include <hv/arch/cpu.h>
#include <hv/time.h>

struct tsc_scale host_tsc_scale;
uint64_t host_tsc_khz;
uint64_t host_boot_tsc;
bool host_tsc_is_unstable;

#define FARTHEST_NS (1UL << 60) /* in TSC ticks still far from 2^64 */

static uint64_t wallclock_ns; /* UNIX time at host time 0; changed atomically */

/* mul_frac gets its top bit set, so that it is as precise as 32 bits allow. */
struct tsc_scale tsc_scale_for_khz(uint64_t khz)
{
    struct tsc_scale scale = {0, 0};
    uint64_t ticks = 1000000, divisor = khz; /* ns per tick = 10^6 / kHz */

    if (khz == 0) {
        return scale;
    }
    while (ticks >= divisor) { /* bring the fraction below 1 ... */
        divisor *= 2;
        scale.shift++;
    }
    while (ticks * 2 < divisor) { /* ... and to at least one half */
        ticks *= 2;
        scale.shift--;
    }
    scale.mul_frac = (uint32_t)((ticks << 32) / divisor);
    return scale;
}

uint64_t tsc_scale_apply(struct tsc_scale scale, uint64_t delta)
{
    delta = scale.shift >= 0 ? delta << scale.shift : delta >> -scale.shift;
    return (uint64_t)(((unsigned __int128)delta * scale.mul_frac) >> 32);
}

/* The latest time that any CPU has seen. Not inlined: now_ns() is, everywhere. */
__attribute__((noinline, cold)) static uint64_t never_back(uint64_t now)
{
    static uint64_t latest;
    uint64_t seen = __atomic_load_n(&latest, __ATOMIC_RELAXED);

    while (seen < now && !__atomic_compare_exchange_n(&latest, &seen, now, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return MAX(seen, now);
}

uint64_t now_ns(void)
{
    uint64_t ticks = arch_read_tsc() - host_boot_tsc;
    /* A CPU whose TSC is a few ticks behind must not see a huge time right after boot. */
    uint64_t now = (int64_t)ticks < 0 ? 0 : tsc_scale_apply(host_tsc_scale, ticks);

    return unlikely(host_tsc_is_unstable) ? never_back(now) : now;
}

uint64_t tsc_at_ns(uint64_t ns)
{
    /* In two steps: a whole ns * kHz overflows after two hours. What is decades away fires early,
     * and looks again. */
    ns = MIN(ns, FARTHEST_NS);
    return host_boot_tsc + ns / 1000000 * host_tsc_khz + ns % 1000000 * host_tsc_khz / 1000000;
}

uint64_t wallclock_base_ns(void)
{
    return READ_ONCE(wallclock_ns);
}

void wallclock_set(uint64_t unix_ns_at_time_zero)
{
    WRITE_ONCE(wallclock_ns, unix_ns_at_time_zero);
}
