/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual CPU: what the guest's instructions run on. The part that the processor vendor's code
 * needs stands in v->arch (hv/arch/vcpu.h); core code touches it only through the seam in hv/arch/.
 */
#pragma once

#include <hv/arch/vcpu.h>
#include <hv/domain.h>
#include <hv/guest_tlb.h>
#include <hv/sched.h>
#include <hv/timer.h>
#include <xen/vcpu.h>

/* Why a vCPU does not run. Bits of v->pause_flags, changed atomically; runnable only at 0. */
enum vcpu_pause_flag {
    VCPU_DOWN = 1u << 0,        /* not brought up, or taken down */
    VCPU_BLOCKED = 1u << 1,     /* HLT or SCHEDOP_block/poll: an event or interrupt wakes it */
    VCPU_IN_SHUTDOWN = 1u << 2, /* the domain shut down */
    VCPU_WAIT_SIPI = 1u << 3,   /* INIT received */
};

struct vcpu {
    unsigned id;
    struct domain *domain;

    bool is_initialised;   /* has state to run on: PVH entry, HVM context or SIPI */
    uint32_t pause_flags;  /* atomic, enum vcpu_pause_flag */
    bool is_halted;        /* of one that is down: by HLT with interrupts off, which an NMI ends */
    int running_on;        /* CPU id while it is on a CPU, else -1. Run queue lock, but see sched_released() */
    struct sched_vcpu sched;

    struct vcpu_runstate_info runstate; /* state, entry time, totals. Lock: rank VCPU_TIME */
    struct spinlock time_lock;
    uint64_t runstate_area;  /* guest-linear address, 0: none */
    mfn_t runstate_mfn[2];   /* its pages, pinned at registration */
    bool runstate_is_narrow; /* it has the 32-bit layout: its registrar ran such code */
    uint64_t time_area;      /* secondary vcpu_time_info, guest-linear, 0: none */
    mfn_t time_area_mfn;

    struct vcpu_info *vcpu_info; /* never NULL: in shared_info, in the registered page, or the dummy */
    mfn_t vcpu_info_mfn;         /* registered page (a reference is held), else MFN_NONE */
    uint8_t upcall_vector;       /* HVMOP_set_evtchn_upcall_vector, 0: none */

    struct timer singleshot;      /* VCPUOP_set_singleshot_timer / set_timer_op */
    struct timer poll_timer;      /* SCHEDOP_poll timeout */
    bool is_polling;              /* blocked in SCHEDOP_poll: any event sent to a polled port wakes */
    uint32_t poll_port;           /* the only polled port, or 0 when several */

    uint32_t virq_to_port[24];    /* per-vCPU VIRQs; owner: core/evtchn.c */
    void *fifo;                   /* FIFO control block state; owner: core/evtchn_fifo.c */

    struct guest_tlb_entry guest_tlb[GUEST_TLB_ENTRIES]; /* of the domain's p2m lock */

    uint64_t exit_count[COUNTERS_EXITS]; /* as the CPU's */
    uint64_t hypercall_count;
    struct vcpu_arch arch;
};

/* Allocates vCPU id of d (down, with VCPU_DOWN set). 0, -XEN_EEXIST, -XEN_EINVAL, -XEN_ENOMEM. */
int vcpu_create(struct domain *d, unsigned id);
void vcpu_free(struct vcpu *v);

/* Drops what v pins of its domain's memory: registered areas and vcpu_info. v does not run. */
void vcpu_release_areas(struct vcpu *v);

static inline bool vcpu_has_flag(const struct vcpu *v, enum vcpu_pause_flag flag)
{
    return READ_ONCE(v->pause_flags) & flag;
}

/* Sets the flag; v leaves its CPU soon (at once if v is current, at its next door). */
void vcpu_set_flag(struct vcpu *v, enum vcpu_pause_flag flag);
/* v, which is current, waits for an interrupt or event; it does not if one is pending already. */
void vcpu_block(struct vcpu *v);
/* Whether the domain-wide callback (HVM_PARAM_CALLBACK_IRQ), which is never in the vLAPIC, is to be injected:
 * level triggered by the pending byte of the vCPU, and not for a vCPU with a vector of its own. */
bool vcpu_callback_is_pending(const struct vcpu *v);
/* Clears the flag and wakes v if nothing else holds it. */
void vcpu_clear_flag(struct vcpu *v, enum vcpu_pause_flag flag);

bool vcpu_is_runnable(const struct vcpu *v);

/* Something v should see before it runs on: an interrupt, an event. Wakes it if blocked; makes it
 * leave guest mode if it is in it on another CPU. */
void vcpu_kick(struct vcpu *v);

/* An NMI for v. Its flag is there for all to see before the look whether v is halted or blocked: who becomes so looks at
 * it after that. */
static inline void vcpu_nmi(struct vcpu *v)
{
    __atomic_store_n(&v->arch.nmi_pending, true, __ATOMIC_SEQ_CST);
    if (unlikely(READ_ONCE(v->is_halted))) {
        vcpu_clear_flag(v, VCPU_DOWN);
    }
    vcpu_kick(v);
}

/* A new p2m generation: first every vCPU is told, so that all leave their guests at once; then each is
 * waited for until it does not run guest code with translations older than gen: it left guest
 * mode or entered it again since. Neither takes a lock; the caller may hold some. */
void vcpu_start_flush(struct vcpu *v);
void vcpu_wait_flushed(struct vcpu *v, uint64_t gen);

/* Whether v has a place where events are shown to it: the first 32 do, the others when they have registered one. */
bool vcpu_has_info(const struct vcpu *v);

/* v's evtchn_upcall_pending has just gone from 0 to 1: delivers the upcall vector (or the
 * domain-wide one) and wakes v. Called by core/evtchn*.c only. */
void vcpu_evtchn_upcall(struct vcpu *v);

/* Runstate: called by the scheduler at every change. */
void vcpu_runstate_change(struct vcpu *v, int state, uint64_t now);
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *info);
/* Writes the registered runstate area of v. */
void vcpu_runstate_publish(struct vcpu *v);
