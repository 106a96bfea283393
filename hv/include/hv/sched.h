/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler's narrow interface. Core code says what a vCPU wants (wake, sleep, yield); the
 * scheduler says who runs. It knows nothing of VMCBs or hypercalls.
 */
#pragma once

#include <hv/arch/cpu.h>
#include <hv/bitmap.h>

struct domain;
struct vcpu;

/* Shortest turn of one who does not give up by itself. */
#define SCHED_RATE_LIMIT_NS 1000000UL

/* Shares of CPU time are as weights; this one is a new domain's. */
#define SCHED_WEIGHT_DEFAULT 256U

/* What the scheduler keeps in each vCPU. Protected by the run queue's lock. */
struct sched_vcpu {
    struct list link;      /* in a run queue while runnable and not running */
    uint64_t virtual_ns;   /* weighted CPU time: the smallest runs next */
    uint64_t slice_start;  /* host ns at which it was put on the CPU */
    uint64_t charged_ns;   /* host ns up to which its time is in virtual_ns */
    unsigned cpu;          /* CPU it last ran on */
    uint16_t weight;       /* 1-65535 */
    bool is_queued;
    unsigned long hard_affinity[BITMAP_LONGS(MAX_CPUS)]; /* CPUs it may run on; at least one is online */
    unsigned long soft_affinity[BITMAP_LONGS(MAX_CPUS)]; /* CPUs it would rather run on */
};

/* CPUs below this one run no vCPU: they are left to what interrupts them (idle_cpus=, boot/options.c). */
extern unsigned sched_first_cpu;

void sched_init_cpu(struct cpu *c);
void sched_init_vcpu(struct vcpu *v);
/* Takes a vCPU out for good (it is not running). */
void sched_remove_vcpu(struct vcpu *v);

/* v may have become runnable: queues it if it is and makes a CPU look. */
void sched_wake(struct vcpu *v);

/* v may no longer run (paused, blocked, down): takes it off its queue; if it is running elsewhere
 * that CPU is made to look. sync waits until it is off the CPU; the caller is not v itself. */
void sched_sleep(struct vcpu *v, bool sync);

/* Sets its share, for the time from now on. */
void sched_set_weight(struct vcpu *v, unsigned weight);

/* Sets the CPUs it may run on (one of them is online) and would rather run on; NULL: as before. It leaves a
 * CPU that it may no longer run on soon. */
void sched_set_affinity(struct vcpu *v, const unsigned long *hard, const unsigned long *soft);

/* The current vCPU gives up the rest of its turn. */
void sched_yield(struct vcpu *v);

/* v's state has been taken out of the CPU it ran on: another one may load it now. */
void sched_released(struct vcpu *v);

/* Picks who runs next on this CPU, does the accounting and runstates, and switches state. Called
 * at the door when CPU_WORK_SCHED is set; returns the vCPU to enter (NULL: idle). */
struct vcpu *sched_pick(void);
