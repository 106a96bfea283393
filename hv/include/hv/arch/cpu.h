/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host CPU, and the seam down to it. struct cpu lies at the bottom of that CPU's own stack, so that
 * this_cpu() is one mask of RSP: no segment base has to be switched between guest and host. The
 * hypervisor has one stack a CPU and runs every exit to completion on it.
 */
#pragma once

#include <hv/counters.h>
#include <hv/list.h>
#include <hv/lock.h>

#define CPU_STACK_SIZE 32768UL /* STACK_STRIDE of hv/arch/layout.h */
#define MAX_CPUS       256U

struct timer;
struct vcpu;

/* Work to be done at the door, before the next guest is entered. Bits of cpu->work, set atomically. */
enum cpu_work {
    CPU_WORK_SCHED = 1u << 0, /* someone else may have to run */
    CPU_WORK_TIMER = 1u << 1, /* the timer interrupt came */
    CPU_WORK_KICK = 1u << 2,  /* look again at the current vCPU (events, flushes) */
    CPU_WORK_TRACE = 1u << 3, /* dom0 should empty the trace ring */
    CPU_WORK_CONSOLE = 1u << 4, /* something was printed: the serial port should get it */
};

struct cpu {
    unsigned id;
    uint32_t apic_id;
    unsigned node;
    struct vcpu *current;    /* the vCPU in whose name it works; NULL: idle */
    uint32_t work;           /* atomic, enum cpu_work */
    uint64_t hypercall_tsc;  /* when the present hypercall began, or came again */
    bool in_guest;           /* in guest mode, or committed to it: an IPI makes it leave */
    bool is_online;
    struct spinlock timer_lock; /* rank TIMER */
    struct list timers;         /* sorted by deadline */
    struct timer *firing;       /* whose callback runs now */
    uint64_t timer_programmed_ns;
    uint64_t idle_ns;    /* time spent idle */
    uint64_t idle_since; /* and since when it is now, 0: it is not */
    struct svm_cpu *svm;          /* host save area, ASIDs: svm/svm.c */
    uint32_t held_ranks;          /* debug builds: a bit for each rank of which a lock is held ... */
    uint32_t held_pairs;          /* ... and of which two are */
    uint64_t nmi_count; /* NMIs that nobody sent */
    struct counters counters;
};

extern struct cpu *cpus[MAX_CPUS];
extern unsigned cpu_count; /* online CPUs, ids 0..cpu_count-1 */

#ifdef HV_HOSTED
struct cpu *this_cpu(void); /* tests/host/: the fake CPU */
#else
static inline struct cpu *this_cpu(void)
{
    uint64_t rsp;

    __asm__("mov %%rsp, %0" : "=r"(rsp));
    return (struct cpu *)(rsp & ~(CPU_STACK_SIZE - 1));
}
#endif

static inline struct vcpu *current_vcpu(void)
{
    return this_cpu()->current;
}

/* Sets work bits of a CPU and makes it come to its door (an IPI if it is another one). */
void cpu_raise(struct cpu *c, uint32_t work);

static inline void cpu_relax(void)
{
    __builtin_ia32_pause();
}

/* Machine address <-> our mapping of all RAM. */
#define DIRECTMAP_BASE 0xffff800000000000UL

#ifdef HV_HOSTED
void *mfn_to_virt(mfn_t m);
mfn_t virt_to_mfn(const void *p);
#else
static inline void *mfn_to_virt(mfn_t m)
{
    return (void *)(DIRECTMAP_BASE + (m.n << PAGE_SHIFT));
}

static inline mfn_t virt_to_mfn(const void *p)
{
    return mfn(((uint64_t)p - DIRECTMAP_BASE) >> PAGE_SHIFT);
}
#endif

static inline void *paddr_to_virt(uint64_t paddr)
{
    return (char *)mfn_to_virt(mfn(paddr >> PAGE_SHIFT)) + (paddr & (PAGE_SIZE - 1));
}

/* The VM loop: runs vCPUs for ever. Every CPU ends in it (svm/). */
void cpu_run(void) NORETURN;

/* Scrubs one page. */
void page_clear(void *page);

/* TSC; virtual in the hosted build. */
uint64_t arch_read_tsc(void);
/* Arms this CPU's timer interrupt for the given host time; ~0: never. */
void arch_timer_program(uint64_t deadline_ns);
/* Makes another CPU come to its door. */
void arch_send_kick(struct cpu *c);
