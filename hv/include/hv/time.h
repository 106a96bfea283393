/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host time: nanoseconds since boot, from the TSC (calibrated against the ACPI PM timer), the same on
 * every CPU. And what guests are told of it: vcpu_time_info and the wall clock.
 */
#pragma once

#include <hv/types.h>

struct domain;
struct vcpu;

#define NS_PER_S 1000000000UL

/* How a TSC tick becomes nanoseconds: ((delta << shift, or >> -shift) * mul) >> 32 (xen/xen.h). */
struct tsc_scale {
    uint32_t mul_frac;
    int8_t shift;
};

extern struct tsc_scale host_tsc_scale;
extern uint64_t host_tsc_khz;
extern uint64_t host_boot_tsc;
extern bool host_tsc_is_unstable; /* CPUs were seen to differ: now_ns() is kept from going back */

/* Scale for a counter of the given frequency. */
struct tsc_scale tsc_scale_for_khz(uint64_t khz);
uint64_t tsc_scale_apply(struct tsc_scale scale, uint64_t delta);

/* Nanoseconds since boot. */
uint64_t now_ns(void);

/* TSC value at host time ns (for deadlines). */
uint64_t tsc_at_ns(uint64_t ns);

/* UNIX time in ns at host time 0; set from the RTC at boot and by dom0 (XENPF_settime64). */
uint64_t wallclock_base_ns(void);
void wallclock_set(uint64_t unix_ns_at_time_zero);

/* Writes the vCPU's vcpu_time_info (and its secondary copy, if registered). Called when it is placed on
 * a CPU for the first time, when its vcpu_info moves, and after restore. */
void time_update_vcpu(struct vcpu *v);
/* Sets d's TSC apart from the host's, on all its vCPUs, which are off their CPUs. */
void time_set_tsc_offset(struct domain *d, uint64_t offset);

/* A deadline in d's system time as host time. What was before the host started is 0, long past; what cannot be told
 * is never. */
uint64_t time_host_deadline(const struct domain *d, uint64_t guest_ns);

/* Writes shared_info's wall clock. */
void time_update_wallclock(struct domain *d);
