/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop every CPU lives in: pass the door, enter a guest, handle its exit. The door is the only
 * place where interrupts are taken, timers fire and vCPUs change, so everything between two doors runs
 * undisturbed and needs no interrupt-safe lock.
 */
#include <hv/arch/cpu.h>
#include <hv/arch/layout.h>
#include <hv/arch/traps.h>
#include <hv/arch/x86.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/frame.h>
#include <hv/print.h>
#include <hv/sched.h>
#include <hv/time.h>
#include <hv/timer.h>
#include <hv/trace.h>
#include <hv/vlapic.h>

#include "svm.h"

/* Whether TR is the host's from each exit to the next entry, for double faults (x86/descriptors.c); else it and the rest of
 * what VMLOAD loads is the guest's until another one's is needed. */
#ifdef NDEBUG
#define TR_IS_OURS 0
#else
#define TR_IS_OURS 1
#endif

/* Frames an idle CPU scrubs before it looks for work again. */
#define IDLE_SCRUB_FRAMES 64

static void vmload(mfn_t vmcb)
{
    __asm__ volatile("vmload %%rax" : : "a"(vmcb.n << PAGE_SHIFT) : "memory");
}

static void vmsave(mfn_t vmcb)
{
    __asm__ volatile("vmsave %%rax" : : "a"(vmcb.n << PAGE_SHIFT) : "memory");
}

void svm_save_segments(const struct vcpu *v)
{
    if (!TR_IS_OURS) { /* else it was done at the exit */
        vmsave(v->arch.vmcb_mfn);
    }
}

/* DR0 to DR3 are not in the VMCB; DR7 is, and no breakpoint is on outside of the guest. */
static void save_breakpoints(struct vcpu *v)
{
    uint64_t *dr = v->arch.dr;

    __asm__ volatile("mov %%db0, %0; mov %%db1, %1; mov %%db2, %2; mov %%db3, %3"
                     : "=r"(dr[0]), "=r"(dr[1]), "=r"(dr[2]), "=r"(dr[3]));
}

static void load_breakpoints(const struct vcpu *v)
{
    const uint64_t *dr = v->arch.dr;

    __asm__ volatile("mov %0, %%db0; mov %1, %%db1; mov %2, %%db2; mov %3, %%db3"
                     :
                     : "r"(dr[0]), "r"(dr[1]), "r"(dr[2]), "r"(dr[3]));
}

/* Takes the state of whoever was loaded out of the processor and puts v's in. */
static void switch_to(struct cpu *c, struct vcpu *v)
{
    struct vcpu *old = c->svm->loaded;

    if (old == v) {
        return;
    }
    if (old != NULL) {
        if (!TR_IS_OURS) {
            vmsave(old->arch.vmcb_mfn);
        }
        fpu_save(old);
        save_breakpoints(old);
        c->svm->loaded = NULL;
        sched_released(old);
    }
    if (v != NULL) {
        if (svm_needs_ibpb(c->svm, v)) {
            x86_wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
        }
        if (!TR_IS_OURS) {
            vmload(v->arch.vmcb_mfn);
        }
        fpu_restore(v);
        load_breakpoints(v);
        c->svm->loaded = v;
    }
}

static void idle(struct cpu *c)
{
    if (READ_ONCE(frame_scrubs_when_idle) && frame_scrub_some(c->node, IDLE_SCRUB_FRAMES) != 0) {
        svm_interrupt_window();
        return;
    }
    /* STI holds interrupts off until HLT has begun: nothing set before is slept through. Who sets
     * work after this look sees that we have no vCPU, and sends an interrupt. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&c->work, __ATOMIC_ACQUIRE) == 0) {
        uint64_t start = now_ns();

        WRITE_ONCE(c->idle_since, start);
        __asm__ volatile("sti; hlt; cli" : : : "memory");
        WRITE_ONCE(c->idle_since, 0);
        WRITE_ONCE(c->idle_ns, c->idle_ns + now_ns() - start);
    }
}

#define STACK_RESERVE 1024U

/* Debug: at the door nothing is held, and the end of the stack was never reached: it is zero from the start. */
static void check_door(const struct cpu *c)
{
    const uint64_t *end = (const uint64_t *)((const char *)c + STACK_LOWEST);

    if (IS_DEBUG && c->held_ranks != 0) {
        panic("door: locks of ranks 0x%x are still held", c->held_ranks);
    }
    for (unsigned i = 0; IS_DEBUG && i < STACK_RESERVE / sizeof(*end); i++) {
        if (end[i] != 0) {
            panic("door: the stack was used up to its last %u bytes", STACK_RESERVE);
        }
    }
}

/* Does the work that waits and returns the vCPU to enter. */
static struct vcpu *pass_door(struct cpu *c)
{
    check_door(c);
    for (;;) {
        uint32_t work = 0;

        if (unlikely(READ_ONCE(c->work) != 0)) {
            work = __atomic_exchange_n(&c->work, 0, __ATOMIC_ACQ_REL);
        }
        if (work & CPU_WORK_TIMER) {
            timer_run();
            work |= __atomic_exchange_n(&c->work, 0, __ATOMIC_ACQ_REL);
        }
        if (unlikely(work & (CPU_WORK_TRACE | CPU_WORK_CONSOLE))) {
            if (work & CPU_WORK_TRACE) {
                trace_notify();
            }
            if (work & CPU_WORK_CONSOLE) {
                console_drain();
            }
        }
        if ((work & CPU_WORK_SCHED) || c->current == NULL) {
            struct vcpu *next = sched_pick();

            switch_to(c, next);
            c->current = next;
        }
        if (c->current != NULL) {
            return c->current;
        }
        idle(c);
    }
}

static void enter(struct cpu *c, struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;

    vlapic_process_init_sipi(v);
    svm_inject(v);
    vmcb->rax = v->arch.gprs.rax;
    vmcb->rsp = v->arch.gprs.rsp;

    /* in_guest first, then the look at work and flush generation: who changes these afterwards
     * sees in_guest and sends an interrupt, which makes the guest exit at once. */
    __atomic_store_n(&c->in_guest, true, __ATOMIC_SEQ_CST);
    if (unlikely(READ_ONCE(c->work) != 0)) {
        /* What is in EVENTINJ stays in the VMCB for the next entry. */
        __atomic_store_n(&c->in_guest, false, __ATOMIC_RELEASE);
        if (v->arch.offered >= 0) {
            svm_take_back(v);
        }
        return;
    }
    svm_asid_update(c, v);
    trace(TRC_HVM_VMENTRY);
    if (TR_IS_OURS) {
        vmload(v->arch.vmcb_mfn);
    }
    svm_enter(&v->arch.gprs, v->arch.vmcb_mfn.n << PAGE_SHIFT);
    if (TR_IS_OURS) {
        vmsave(v->arch.vmcb_mfn);
        descriptors_load_tss();
    }
    __atomic_store_n(&c->in_guest, false, __ATOMIC_RELEASE);

    v->arch.gprs.rax = vmcb->rax;
    v->arch.gprs.rsp = vmcb->rsp;
    vmcb->tlb_control = TLB_FLUSH_NONE;
    vmcb->clean = svm_features.has_clean_bits ? CLEAN_ALL : 0;
    if (unlikely(v->arch.offered >= 0)) {
        svm_take_back(v);
    }
    if (vmcb->exit_code == VMEXIT_INTR) {
        svm_interrupt_window();
    }
    svm_handle_exit(v);
}

void cpu_run(void)
{
    struct cpu *c = this_cpu();

    for (;;) {
        enter(c, pass_door(c));
    }
}
