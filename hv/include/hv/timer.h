/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One-shot timers in host nanoseconds, a queue a CPU, driven by that CPU's local APIC timer.
 * Callbacks run at the door (interrupts off, no locks held) on the CPU the timer was set on.
 */
#pragma once

#include <hv/list.h>

struct cpu;

struct timer {
    struct list link;
    uint64_t deadline_ns;
    void (*fire)(void *data);
    void *data;
    unsigned cpu;   /* queue it is in */
    bool is_queued;
    unsigned firing; /* CPUs that run the callback now */
};

void timer_init(struct timer *t, void (*fire)(void *data), void *data);

/* (Re)arms on the calling CPU. A deadline in the past fires at the next door. */
void timer_set(struct timer *t, uint64_t deadline_ns);

/* Disarms, from any CPU. When it returns the callback is not running and will not run, unless the
 * caller is the callback itself. */
void timer_stop(struct timer *t);

/* Runs what is due on this CPU and programs the hardware for the next one. */
void timer_run(void);
/* Prepares this CPU's queue. */
void timer_init_cpu(struct cpu *c);
