/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What interrupts a guest. Exceptions, NMIs and what an exit interrupted go in at entry (EVENTINJ, AMD64 APM vol. 2,
 * 15.20). An interrupt is offered to the processor (V_IRQ, 15.21.4), which delivers it as soon as the guest can take it,
 * without an exit; at the next exit we see whether it did. One at a time: the vLAPIC's highest, whose EOI makes the
 * guest exit, then the callback vector.
 */
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

#define OFFER_CALLBACK 0x100 /* not the vLAPIC's: it comes again for as long as an event is pending */
#define OFFER_WINDOW   0x200 /* nothing: the guest exits as soon as it could take an interrupt */

static void offer(struct vcpu *v, int what)
{
    struct vmcb *vmcb = v->arch.vmcb;

    v->arch.offered = what;
    vmcb->vintr = VINTR_MASKING | VINTR_IRQ | VINTR_IGNORE_TPR | 0xfUL << VINTR_PRIO_SHIFT |
                  (uint64_t)(uint8_t)what << VINTR_VECTOR_SHIFT;
    vmcb->clean &= ~CLEAN_TPR;
}

/* An NMI ends with IRET, which is not tracked: the next one waits only for what goes in before it, and for the
 * interrupt shadow. Behind an event an interrupt of our own makes the guest exit; the shadow need not hold that one
 * back (in QEMU it does not: the guest would exit again and again with the shadow still there), but it does hold back the
 * window. With IF clear that would not open, and nobody knows when the shadow ends: the NMI goes in. */
static void inject_nmi(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;

    if (vmcb->event_inj & EVENT_VALID) {
        arch_send_kick(this_cpu());
        return;
    }
    if ((vmcb->interrupt_shadow & 1) && (vmcb->rflags & RFLAGS_IF)) {
        offer(v, OFFER_WINDOW);
        vmcb->intercepts[3] |= INTERCEPT3_VINTR;
        vmcb->clean &= ~CLEAN_INTERCEPTS;
        return;
    }
    WRITE_ONCE(v->arch.nmi_pending, false);
    vmcb->event_inj = EXC_NMI | EVENT_TYPE_NMI | EVENT_VALID;
}

void svm_inject(struct vcpu *v)
{
    int vector;

    if (unlikely(READ_ONCE(v->arch.nmi_pending))) {
        inject_nmi(v);
        if (v->arch.offered >= 0) {
            return;
        }
    }
    vector = vlapic_pending_vector(v);
    if (unlikely(vector >= 0)) {
        vlapic_accept(v, (uint8_t)vector);
        offer(v, vector);
    } else if (unlikely(vcpu_callback_is_pending(v))) {
        offer(v, v->domain->callback_vector | OFFER_CALLBACK);
    }
}

/* Whether an event is an interrupt. QEMU calls them exceptions, which have lower vectors; INT n is neither. */
static bool is_interrupt(uint64_t event)
{
    uint64_t type = event & EVENT_TYPE_MASK;

    return type == EVENT_TYPE_INTR || (type == EVENT_TYPE_EXC && (event & EVENT_VECTOR_MASK) >= 32);
}

/* Whether the processor has delivered an interrupt that it was offered. An exit in the middle of that: it did not. */
static bool was_delivered(struct vmcb *vmcb, uint8_t vector)
{
    uint64_t event = vmcb->exit_int_info;

    if ((event & (EVENT_VALID | EVENT_VECTOR_MASK)) == (EVENT_VALID | vector) && is_interrupt(event)) {
        vmcb->exit_int_info = 0;
        return false;
    }
    return !(vmcb->vintr & VINTR_IRQ);
}

void svm_take_back(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint8_t vector = (uint8_t)v->arch.offered;

    if (v->arch.offered & OFFER_WINDOW) {
        vmcb->intercepts[3] &= ~INTERCEPT3_VINTR;
        vmcb->clean &= ~CLEAN_INTERCEPTS;
    } else if (was_delivered(vmcb, vector)) {
        trace(TRC_HVM_INJ_VIRQ, vector, 0);
    } else if (!(v->arch.offered & OFFER_CALLBACK)) {
        vlapic_give_back(v, vector);
    }
    v->arch.offered = -1;
    vmcb->vintr = VINTR_MASKING;
    vmcb->clean &= ~CLEAN_TPR;
}
