/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event injection (AMD64 APM vol. 2, 15.20). One event an entry, in this order: what an exit
 * interrupted, exceptions, NMI, the highest interrupt of the vLAPIC. What cannot go in now asks for
 * an exit as soon as it can (virtual interrupt window, 15.21.4).
 */
#include <hv/print.h>
#include <hv/trace.h>
#include <hv/vlapic.h>
#include <xen/sched.h>

#include "svm.h"

/* INT n, INT3 and INTO execute again: RIP still stands on them. The latter two come as exceptions.
 */
static bool is_instruction(uint64_t event)
{
    uint64_t type = event & EVENT_TYPE_MASK, vector = event & EVENT_VECTOR_MASK;

    return type == EVENT_TYPE_SOFT ||
           (type == EVENT_TYPE_EXC && (vector == EXC_BP || vector == EXC_OF));
}

void svm_keep_interrupted_event(struct vmcb *vmcb)
{
    uint64_t event = vmcb->exit_int_info;

    vmcb->event_inj = (event & EVENT_VALID) && !is_instruction(event) ? event : 0;
}

static bool is_contributory(unsigned vector)
{
    return vector == EXC_DE || (vector >= 10 && vector <= EXC_GP);
}

void arch_inject_exception(struct vcpu *v, unsigned vector, bool has_error, uint32_t error_code)
{
    struct vmcb *vmcb = v->arch.vmcb;

    /* A fault while delivering a fault: double fault, and triple fault (APM vol. 2, 8.2.9). */
    if ((vmcb->event_inj & EVENT_VALID) && (vmcb->event_inj & EVENT_TYPE_MASK) == EVENT_TYPE_EXC) {
        unsigned first = vmcb->event_inj & EVENT_VECTOR_MASK;

        if (first == EXC_DF) {
            domain_shutdown(v->domain, SHUTDOWN_reboot);
            return;
        }
        if ((is_contributory(first) && is_contributory(vector)) ||
            (first == EXC_PF && (is_contributory(vector) || vector == EXC_PF))) {
            vector = EXC_DF;
            has_error = true;
            error_code = 0;
        }
    }
    vmcb->event_inj = vector | EVENT_TYPE_EXC | EVENT_VALID;
    if (has_error) {
        vmcb->event_inj |= EVENT_ERROR_VALID | (uint64_t)error_code << 32;
    }
}

void arch_inject_page_fault(struct vcpu *v, uint64_t linear, uint32_t error_code)
{
    v->arch.vmcb->cr2 = linear;
    v->arch.vmcb->clean &= ~CLEAN_CR2;
    arch_inject_exception(v, EXC_PF, true, error_code);
}

static bool can_take_interrupt(const struct vmcb *vmcb)
{
    return (vmcb->rflags & RFLAGS_IF) && !(vmcb->interrupt_shadow & 1) && !(vmcb->event_inj & EVENT_VALID);
}

/* Exit as soon as the guest could take an interrupt. */
static void open_window(struct vmcb *vmcb)
{
    vmcb->vintr |= VINTR_IRQ | VINTR_IGNORE_TPR | 0xfUL << VINTR_PRIO_SHIFT;
    if (!(vmcb->intercepts[3] & INTERCEPT3_VINTR)) {
        vmcb->intercepts[3] |= INTERCEPT3_VINTR;
        vmcb->clean &= ~CLEAN_INTERCEPTS;
    }
    vmcb->clean &= ~CLEAN_TPR;
}

void svm_close_window(struct vmcb *vmcb)
{
    vmcb->vintr &= ~(VINTR_IRQ | VINTR_IGNORE_TPR);
    vmcb->intercepts[3] &= ~INTERCEPT3_VINTR;
    vmcb->clean &= ~(CLEAN_INTERCEPTS | CLEAN_TPR);
}

/* An NMI ends with IRET, which is not tracked: the next one waits only for what goes in before it, and for the
 * interrupt shadow. There is no window for NMIs. Behind an event an interrupt of our own makes the guest exit; the
 * shadow need not hold that one back (in QEMU it does not: the guest would exit again and again with the shadow still
 * there), but it does hold back the window for interrupts. With IF clear that would not open, and nobody knows when the
 * shadow ends: the NMI goes in. */
static void inject_nmi(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;

    if (vmcb->event_inj & EVENT_VALID) {
        arch_send_kick(this_cpu());
        return;
    }
    if ((vmcb->interrupt_shadow & 1) && (vmcb->rflags & RFLAGS_IF)) {
        open_window(vmcb);
        return;
    }
    WRITE_ONCE(v->arch.nmi_pending, false);
    vmcb->event_inj = EXC_NMI | EVENT_TYPE_NMI | EVENT_VALID;
}

void svm_inject(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;
    int vector, callback;

    if (unlikely(READ_ONCE(v->arch.nmi_pending))) {
        inject_nmi(v);
    }
    vector = vlapic_pending_vector(v);
    callback = vcpu_callback_is_pending(v) ? v->domain->callback_vector : -1;
    if (likely(vector < 0 && callback < 0)) {
        return;
    }
    if (!can_take_interrupt(vmcb)) {
        open_window(vmcb);
        return;
    }
    if (callback >= 0) {
        vmcb->event_inj = (uint64_t)callback | EVENT_TYPE_INTR | EVENT_VALID;
    } else {
        vlapic_accept(v, vector);
        vmcb->event_inj = (uint64_t)vector | EVENT_TYPE_INTR | EVENT_VALID;
    }
    trace(TRC_HVM_INJ_VIRQ, vmcb->event_inj & EVENT_VECTOR_MASK, 0);
    /* Another one below it may wait for the handler's end. */
    if (vlapic_pending_vector(v) >= 0) {
        open_window(vmcb);
    }
}
