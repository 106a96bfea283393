/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of one virtual local APIC, shared by the three files that make it: vlapic.c (registers,
 * priorities, modes), vlapic_ipi.c (destinations, ICR, INIT/SIPI) and vlapic_timer.c.
 *
 * Who may touch what: IRR, TMR, pending, esr_pending and init_sipi are changed atomically from any
 * CPU; everything else only by the CPU that runs the vCPU (or while the vCPU cannot run).
 */
#pragma once

#include <hv/timer.h>

struct vcpu;

/* Register offsets in the xAPIC page (APM vol. 2, table 16-2). x2APIC MSR: 0x800 + (offset >> 4).
 */
#define APIC_ID         0x020U
#define APIC_VERSION    0x030U
#define APIC_TPR        0x080U
#define APIC_APR        0x090U
#define APIC_PPR        0x0a0U
#define APIC_EOI        0x0b0U
#define APIC_RRD        0x0c0U
#define APIC_LDR        0x0d0U
#define APIC_DFR        0x0e0U
#define APIC_SVR        0x0f0U
#define APIC_ISR        0x100U
#define APIC_TMR        0x180U
#define APIC_IRR        0x200U
#define APIC_ESR        0x280U
#define APIC_ICR        0x300U
#define APIC_ICR2       0x310U
#define APIC_LVT_TIMER  0x320U
#define APIC_LVT_THERM  0x330U
#define APIC_LVT_PERF   0x340U
#define APIC_LVT_LINT0  0x350U
#define APIC_LVT_LINT1  0x360U
#define APIC_LVT_ERROR  0x370U
#define APIC_TIMER_INIT 0x380U
#define APIC_TIMER_NOW  0x390U
#define APIC_TIMER_DIV  0x3e0U
#define APIC_SELF_IPI   0x3f0U

#define APIC_SVR_ENABLE   (1U << 8)
#define APIC_LVT_MASKED   (1U << 16)
#define APIC_LVT_PERIODIC (1U << 17)

#define APIC_ESR_SEND_ILLEGAL     (1U << 5)
#define APIC_ESR_RECEIVE_ILLEGAL  (1U << 6)
#define APIC_ESR_ILLEGAL_REGISTER (1U << 7)

#define APIC_BASE_BSP     (1UL << 8)
#define APIC_BASE_EXTD    (1UL << 10)
#define APIC_BASE_ENABLE  (1UL << 11)
#define APIC_BASE_ADDRESS 0xfee00000UL

/* Message types: delivery mode field of ICR, MSI data and IO-APIC entries. */
enum apic_delivery {
    APIC_FIXED = 0,
    APIC_LOWEST = 1,
    APIC_SMI = 2,
    APIC_NMI = 4,
    APIC_INIT = 5,
    APIC_SIPI = 6,
    APIC_EXTINT = 7,
};

/* Notes another vCPU left in init_sipi; bits 7:0 are the SIPI vector. */
#define NOTE_INIT (1U << 8)
#define NOTE_SIPI (1U << 9)

struct vlapic {
    uint32_t regs[64];    /* by offset >> 4 */
    uint64_t base;        /* IA32_APIC_BASE */
    int isr_highest;      /* highest vector in service, -1: none */
    uint32_t pending;     /* 0: IRR is empty. May be 1 with an empty IRR */
    uint32_t esr_pending; /* errors since the last write of ESR */
    uint32_t init_sipi;   /* NOTE_* for the vCPU's next door */

    struct timer timer;
    uint64_t timer_deadline_ns; /* of the running count; 0: stopped */
    uint64_t timer_period_ns;   /* length of one count */
    uint32_t id;
};

static inline uint32_t *vlapic_reg(struct vlapic *l, uint32_t offset)
{
    return &l->regs[offset >> 4];
}

static inline bool vlapic_is_x2apic(const struct vlapic *l)
{
    return l->base & APIC_BASE_EXTD;
}

/* vlapic.c */
/* Highest vector set in a 256-bit register whose first word is at `offset`, or -1. */
int vlapic_highest_vector(const struct vlapic *l, uint32_t offset);
uint8_t vlapic_ppr(const struct vlapic *l);
/* Records errors (APIC_ESR_*) and raises the error interrupt; from any CPU. */
void vlapic_error(struct vcpu *v, uint32_t errors);
/* Delivers the interrupt an LVT entry describes, unless it is masked. */
void vlapic_lvt_deliver(struct vcpu *v, uint32_t lvt);

/* vlapic_ipi.c */
/* Sends what the two halves of ICR say; v is the sender. */
void vlapic_send_ipi(struct vcpu *v, uint32_t icr, uint32_t dest);

/* vlapic_timer.c */
void vlapic_timer_init(struct vcpu *v);
void vlapic_timer_stop(struct vlapic *l);
/* A new initial count was written: starts over (0 stops). */
void vlapic_timer_start(struct vcpu *v);
/* The divide register or the mode changed while counting. */
void vlapic_timer_rescale(struct vcpu *v);
uint32_t vlapic_timer_count(const struct vlapic *l);
