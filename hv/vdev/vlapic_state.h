/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of one virtual local APIC, shared by the files that make it: vlapic.c (registers, priorities, modes),
 * vlapic_ipi.c (destinations, ICR, INIT/SIPI), vlapic_timer.c and vlapic_save.c.
 *
 * Who may touch what: IRR, TMR, pending, esr_pending and init_sipi are changed atomically from any
 * CPU; everything else only by the CPU that runs the vCPU (or while the vCPU cannot run).
 */
#pragma once

#include <hv/arch/apic.h>
#include <hv/timer.h>

struct vcpu;

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
/* What the bus clock is divided by: bits 3, 1:0 of the divide register select 2, 4 .. 128, 1. */
uint32_t vlapic_timer_divisor(const struct vlapic *l);
