/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual local APIC of a vCPU: xAPIC page and x2APIC MSRs over one register file (AMD64 APM vol. 2,
 * chapter 16). Everything that interrupts a vCPU by vector goes through it.
 */
#pragma once

#include <hv/types.h>

struct domain;
struct vcpu;
struct vlapic;

int vlapic_init(struct vcpu *v); /* 0 or -XEN_ENOMEM; starts enabled in x2APIC mode (guest-abi 4.2) */
void vlapic_free(struct vcpu *v);
void vlapic_reset(struct vcpu *v); /* INIT */

/* APIC id of vCPU n: 2 * n, as CPUID and the MADT say too. */
static inline uint32_t vlapic_id_of(unsigned vcpu_id)
{
    return vcpu_id * 2;
}

/* Sets the vector in IRR (level: in TMR too, so that EOI reaches the IO-APIC), and kicks v. From any CPU. */
void vlapic_set_irq(struct vcpu *v, uint8_t vector, bool is_level);

/* The vector that may be delivered to v now (above PPR, APIC enabled), or -1. */
int vlapic_pending_vector(struct vcpu *v);
/* The highest vector in IRR and in ISR, for people; -1: none. */
int vlapic_requested(const struct vcpu *v);
int vlapic_in_service(const struct vcpu *v);
/* Delivery has begun: IRR -> ISR. */
void vlapic_accept(struct vcpu *v, uint8_t vector);
/* It did not come to it: ISR -> IRR. */
void vlapic_give_back(struct vcpu *v, uint8_t vector);
/* Current task priority (CR8, 0-15). */
uint8_t vlapic_get_cr8(struct vcpu *v);
void vlapic_set_cr8(struct vcpu *v, uint8_t cr8);

/* x2APIC MSR 0x800-0x8ff and IA32_APIC_BASE. 0, or -XEN_EINVAL for #GP. */
int vlapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
int vlapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t value);

/* xAPIC page: offset in the page, 32-bit registers. */
uint32_t vlapic_mmio_read(struct vcpu *v, uint32_t offset);
void vlapic_mmio_write(struct vcpu *v, uint32_t offset, uint32_t value);
bool vlapic_is_mmio_enabled(const struct vcpu *v); /* xAPIC mode */

/* Delivers an interrupt message (MSI or IO-APIC): destination, mode as in MSI address/data
 * (APM vol. 2, 16.7). Returns whether anyone took it. */
bool vlapic_deliver(struct domain *d, uint32_t dest, bool is_logical, uint8_t delivery_mode,
                    uint8_t vector, bool is_level);

/* The door calls this after it chose v and before it enters it: applies an INIT or SIPI that
 * another vCPU sent (the sender only leaves a note: v's registers are touched by v's own CPU alone).
 * After INIT v has VCPU_WAIT_SIPI set and is not to be entered: the scheduler must look again. */
void vlapic_process_init_sipi(struct vcpu *v);
/* Whether such a note waits. Who blocks v, or takes it down because it halted, sets its flag first and
 * then asks this: a SIPI that came in between must not be slept through. */
bool vlapic_has_init_sipi(const struct vcpu *v);

/* IA32_APIC_BASE as v reads it; the enable bits decide CPUID.1:EDX.APIC and the mode. */
uint64_t vlapic_base(const struct vcpu *v);
/* Enabled by IA32_APIC_BASE and by the spurious-vector register: fixed interrupts are taken. */
bool vlapic_is_enabled(const struct vcpu *v);

/* HVM context records (vdev/vlapic_save.c), in the form of hv/arch/context.h: hvm_hw_lapic, which comes first, and
 * hvm_hw_lapic_regs, of which any contents do: what a guest could not have written is left out. */
uint32_t vlapic_save(struct vcpu *v, uint64_t now_tsc, void *body);
bool vlapic_check(const void *body, uint32_t length);
void vlapic_load(struct vcpu *v, const void *body, uint32_t length);
uint32_t vlapic_save_regs(struct vcpu *v, uint64_t now_tsc, void *body);
void vlapic_load_regs(struct vcpu *v, const void *body, uint32_t length);
