/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A local APIC to and from HVM context records: its base, and the register page at the registers' own
 * offsets (<xen/arch-x86/hvm/save.h>). A running timer starts its count over when it is loaded.
 */
#include <hv/vlapic.h>

#include <hv/vcpu.h>
#include <xen/hvm/save.h>

#include "vlapic_state.h"

#define DISABLED_BY_BASE (1U << 0)
#define DISABLED_BY_SVR  (1U << 1)

/* Registers that are taken over, and the bits of each that a guest can have set. Identity, version and
 * what is computed when read are ours. */
static const struct {
    uint32_t offset, mask;
} loaded[] = {
    {APIC_TPR, 0xff},          {APIC_DFR, 0xf0000000},    {APIC_SVR, 0x3ff},
    {APIC_ESR, 0xff},          {APIC_ICR, 0x000ccfff},    {APIC_ICR2, 0xffffffff},
    {APIC_LVT_TIMER, 0x300ff}, {APIC_LVT_THERM, 0x107ff}, {APIC_LVT_PERF, 0x107ff},
    {APIC_LVT_LINT0, 0x1a7ff}, {APIC_LVT_LINT1, 0x1a7ff}, {APIC_LVT_ERROR, 0x100ff},
    {APIC_TIMER_DIV, 0xb},     {APIC_TIMER_INIT, 0xffffffff},
};

static uint32_t read_page(const struct hvm_hw_lapic_regs *regs, uint32_t offset)
{
    uint32_t value;

    memcpy(&value, &regs->data[offset], sizeof(value));
    return value;
}

static void write_page(struct hvm_hw_lapic_regs *regs, uint32_t offset, uint32_t value)
{
    memcpy(&regs->data[offset], &value, sizeof(value));
}

uint32_t vlapic_save(struct vcpu *v, uint64_t now_tsc, void *body)
{
    struct vlapic *l = v->arch.vlapic;

    *(struct hvm_hw_lapic *)body = (struct hvm_hw_lapic){
        .apic_base_msr = l->base,
        .disabled = (l->base & APIC_BASE_ENABLE ? 0 : DISABLED_BY_BASE) |
                    (*vlapic_reg(l, APIC_SVR) & APIC_SVR_ENABLE ? 0 : DISABLED_BY_SVR),
        .timer_divisor = vlapic_timer_divisor(l),
    };
    return sizeof(struct hvm_hw_lapic);
}

uint32_t vlapic_save_regs(struct vcpu *v, uint64_t now_tsc, void *body)
{
    struct vlapic *l = v->arch.vlapic;
    struct hvm_hw_lapic_regs *regs = body;

    memset(regs, 0, sizeof(*regs));
    for (uint32_t i = 0; i < sizeof(l->regs) / sizeof(l->regs[0]); i++) {
        write_page(regs, i << 4, l->regs[i]);
    }
    write_page(regs, APIC_PPR, vlapic_ppr(l));
    write_page(regs, APIC_TIMER_NOW, vlapic_timer_count(l));
    return sizeof(*regs);
}

bool vlapic_check(const void *body, uint32_t length)
{
    uint64_t base = ((const struct hvm_hw_lapic *)body)->apic_base_msr;

    return (base & ~(APIC_BASE_BSP | APIC_BASE_EXTD | APIC_BASE_ENABLE)) == APIC_BASE_ADDRESS &&
           ((base & APIC_BASE_ENABLE) || !(base & APIC_BASE_EXTD));
}

void vlapic_load(struct vcpu *v, const void *body, uint32_t length)
{
    v->arch.vlapic->base = ((const struct hvm_hw_lapic *)body)->apic_base_msr;
    vlapic_reset(v); /* identity and logical id as the mode wants them */
}

/* ISR, TMR and IRR; vectors below 16 do not exist. */
static void load_vectors(struct vlapic *l, const struct hvm_hw_lapic_regs *regs, uint32_t first)
{
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t bits = read_page(regs, first + i * 0x10);

        *vlapic_reg(l, first + i * 0x10) = i == 0 ? bits & 0xffff0000 : bits;
    }
}

void vlapic_load_regs(struct vcpu *v, const void *body, uint32_t length)
{
    struct vlapic *l = v->arch.vlapic;
    const struct hvm_hw_lapic_regs *regs = body;

    vlapic_timer_stop(l);
    for (unsigned i = 0; i < ARRAY_SIZE(loaded); i++) {
        *vlapic_reg(l, loaded[i].offset) = read_page(regs, loaded[i].offset) & loaded[i].mask;
    }
    if (!vlapic_is_x2apic(l)) {
        *vlapic_reg(l, APIC_LDR) = read_page(regs, APIC_LDR) & 0xff000000;
    }
    *vlapic_reg(l, APIC_DFR) |= 0x0fffffff; /* reserved, read as ones */
    load_vectors(l, regs, APIC_ISR);
    load_vectors(l, regs, APIC_TMR);
    load_vectors(l, regs, APIC_IRR);
    l->isr_highest = vlapic_highest_vector(l, APIC_ISR);
    l->pending = 1; /* vlapic_pending_vector finds out */
    if (*vlapic_reg(l, APIC_TIMER_INIT) != 0) {
        vlapic_timer_start(v);
    }
}
