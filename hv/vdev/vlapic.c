/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC's registers: what is pending (IRR), what is in service (ISR), which priority that
 * gives, and the two ways to reach them, the xAPIC page and the x2APIC MSRs (APM vol. 2, chapter
 * 16). No lock: other CPUs only set IRR bits and leave notes, atomically; the rest is the vCPU's
 * own.
 */
#include <hv/vlapic.h>

#include <hv/arch/x86.h>
#include <hv/vcpu.h>
#include <hv/vioapic.h>

#include "vlapic_state.h"

#define VLAPIC_VERSION 0x00050014U /* integrated APIC, six LVT entries, no EOI-broadcast suppression */

_Static_assert(sizeof(struct vlapic) <= PAGE_SIZE, "a vlapic is one page");

/* Two neighbouring 32-bit registers at once. */
typedef uint64_t __attribute__((may_alias)) register_pair;

_Static_assert(offsetof(struct vlapic, regs) % 8 == 0, "register pairs are aligned");

int vlapic_highest_vector(const struct vlapic *l, uint32_t offset)
{
    const register_pair *pairs = (const register_pair *)&l->regs[offset >> 4];

    for (int pair = 3; pair >= 0; pair--) {
        uint64_t bits = READ_ONCE(pairs[pair]);

        if (bits != 0) {
            return pair * 64 + 63 - __builtin_clzl(bits);
        }
    }
    return -1;
}

uint8_t vlapic_ppr(const struct vlapic *l)
{
    uint8_t tpr = READ_ONCE(l->regs[APIC_TPR >> 4]);
    int isr = READ_ONCE(l->isr_highest);

    return isr < 0 || (tpr >> 4) >= (isr >> 4) ? tpr : isr & 0xf0;
}

/* --- Life --------------------------------------------------------------------------------- */

/* Id and logical id as the mode wants them; in xAPIC mode the guest sets the latter. */
static void set_identity(struct vlapic *l)
{
    if (vlapic_is_x2apic(l)) {
        *vlapic_reg(l, APIC_ID) = l->id;
        *vlapic_reg(l, APIC_LDR) = (l->id >> 4) << 16 | 1U << (l->id & 15);
    } else {
        *vlapic_reg(l, APIC_ID) = l->id << 24;
    }
}

/* Register values after reset or INIT; the mode (IA32_APIC_BASE) stays. */
void vlapic_reset(struct vcpu *v)
{
    struct vlapic *l = v->arch.vlapic;

    vlapic_timer_stop(l);
    memset(l->regs, 0, sizeof(l->regs));
    l->isr_highest = -1;
    l->pending = 0;
    l->esr_pending = 0;

    *vlapic_reg(l, APIC_VERSION) = VLAPIC_VERSION;
    *vlapic_reg(l, APIC_SVR) = 0xff;
    *vlapic_reg(l, APIC_DFR) = 0xffffffff;
    for (uint32_t lvt = APIC_LVT_TIMER; lvt <= APIC_LVT_ERROR; lvt += 0x10) {
        *vlapic_reg(l, lvt) = APIC_LVT_MASKED;
    }
    set_identity(l);
}

int vlapic_init(struct vcpu *v)
{
    struct vlapic *l = page_alloc();

    if (l == NULL) {
        return -XEN_ENOMEM;
    }
    l->id = vlapic_id_of(v->id);
    l->base = APIC_BASE_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_EXTD;
    if (v->id == 0) {
        l->base |= APIC_BASE_BSP;
    }
    v->arch.vlapic = l;
    vlapic_timer_init(v);
    vlapic_reset(v);
    return 0;
}

void vlapic_free(struct vcpu *v)
{
    if (v->arch.vlapic == NULL) {
        return;
    }
    vlapic_timer_stop(v->arch.vlapic);
    page_free(v->arch.vlapic);
    v->arch.vlapic = NULL;
}

uint64_t vlapic_base(const struct vcpu *v)
{
    return v->arch.vlapic->base;
}

bool vlapic_is_mmio_enabled(const struct vcpu *v)
{
    return (v->arch.vlapic->base & (APIC_BASE_ENABLE | APIC_BASE_EXTD)) == APIC_BASE_ENABLE;
}

bool vlapic_is_enabled(const struct vcpu *v)
{
    const struct vlapic *l = v->arch.vlapic;

    return (l->base & APIC_BASE_ENABLE) && (READ_ONCE(l->regs[APIC_SVR >> 4]) & APIC_SVR_ENABLE);
}

/* --- Interrupts in, interrupts out -------------------------------------------------------- */

void vlapic_set_irq(struct vcpu *v, uint8_t vector, bool is_level)
{
    struct vlapic *l = v->arch.vlapic;
    uint32_t word = vector / 32, mask = 1U << (vector % 32);

    if (unlikely(vector < 16)) {
        vlapic_error(v, APIC_ESR_RECEIVE_ILLEGAL);
        return;
    }
    /* A disabled APIC takes no fixed interrupts (APM vol. 2, 16.4.7). */
    if (unlikely(!vlapic_is_enabled(v))) {
        return;
    }
    if (unlikely(is_level)) {
        __atomic_fetch_or(&l->regs[(APIC_TMR >> 4) + word], mask, __ATOMIC_RELAXED);
    } else if (unlikely(READ_ONCE(l->regs[(APIC_TMR >> 4) + word]) & mask)) {
        __atomic_fetch_and(&l->regs[(APIC_TMR >> 4) + word], ~mask, __ATOMIC_RELAXED);
    }
    __atomic_fetch_or(&l->regs[(APIC_IRR >> 4) + word], mask, __ATOMIC_SEQ_CST);
    /* After the bit: whoever sees the flag clear has not missed it (see vlapic_pending_vector). */
    __atomic_store_n(&l->pending, 1, __ATOMIC_SEQ_CST);
    vcpu_kick(v);
}

/* The flag said that something is pending: finds it, or takes the flag back. Not inlined: the look at the
 * flag is small enough then to stand in the CPU loop itself. */
__attribute__((noinline)) static int find_pending(struct vcpu *v)
{
    struct vlapic *l = v->arch.vlapic;
    int vector = vlapic_highest_vector(l, APIC_IRR);

    if (vector < 0) {
        /* Clear, then look again: a bit set before the clear is seen here, one set after it sets
         * the flag again. */
        __atomic_store_n(&l->pending, 0, __ATOMIC_SEQ_CST);
        vector = vlapic_highest_vector(l, APIC_IRR);
        if (vector < 0) {
            return -1;
        }
        __atomic_store_n(&l->pending, 1, __ATOMIC_SEQ_CST);
    }
    return (vector >> 4) > (vlapic_ppr(l) >> 4) && vlapic_is_enabled(v) ? vector : -1;
}

int vlapic_pending_vector(struct vcpu *v)
{
    return likely(__atomic_load_n(&v->arch.vlapic->pending, __ATOMIC_ACQUIRE) == 0) ? -1 : find_pending(v);
}

int vlapic_requested(const struct vcpu *v)
{
    return vlapic_highest_vector(v->arch.vlapic, APIC_IRR);
}

int vlapic_in_service(const struct vcpu *v)
{
    return READ_ONCE(v->arch.vlapic->isr_highest);
}

void vlapic_accept(struct vcpu *v, uint8_t vector)
{
    struct vlapic *l = v->arch.vlapic;
    uint32_t word = vector / 32, mask = 1U << (vector % 32);

    __atomic_fetch_and(&l->regs[(APIC_IRR >> 4) + word], ~mask, __ATOMIC_SEQ_CST);
    l->regs[(APIC_ISR >> 4) + word] |= mask;
    if (vector > l->isr_highest) {
        WRITE_ONCE(l->isr_highest, vector);
    }
}

void vlapic_give_back(struct vcpu *v, uint8_t vector)
{
    struct vlapic *l = v->arch.vlapic;
    uint32_t word = vector / 32, mask = 1U << (vector % 32);

    l->regs[(APIC_ISR >> 4) + word] &= ~mask;
    WRITE_ONCE(l->isr_highest, vlapic_highest_vector(l, APIC_ISR));
    __atomic_fetch_or(&l->regs[(APIC_IRR >> 4) + word], mask, __ATOMIC_SEQ_CST);
    __atomic_store_n(&l->pending, 1, __ATOMIC_SEQ_CST);
}

static void end_of_interrupt(struct vcpu *v)
{
    struct vlapic *l = v->arch.vlapic;
    int vector = l->isr_highest;
    uint32_t word, mask;

    if (vector < 0) {
        return;
    }
    word = vector / 32;
    mask = 1U << (vector % 32);
    l->regs[(APIC_ISR >> 4) + word] &= ~mask;
    WRITE_ONCE(l->isr_highest, vlapic_highest_vector(l, APIC_ISR));
    if (unlikely(READ_ONCE(l->regs[(APIC_TMR >> 4) + word]) & mask) && v->domain->vioapic != NULL) {
        vioapic_eoi(v->domain, vector);
    }
}

uint8_t vlapic_get_cr8(struct vcpu *v)
{
    return *vlapic_reg(v->arch.vlapic, APIC_TPR) >> 4;
}

void vlapic_set_cr8(struct vcpu *v, uint8_t cr8)
{
    WRITE_ONCE(*vlapic_reg(v->arch.vlapic, APIC_TPR), (uint32_t)(cr8 & 0xf) << 4);
}

void vlapic_lvt_deliver(struct vcpu *v, uint32_t lvt)
{
    uint32_t entry = READ_ONCE(*vlapic_reg(v->arch.vlapic, lvt));

    if (entry & APIC_LVT_MASKED) {
        return;
    }
    if (((entry >> 8) & 7) == APIC_NMI) {
        vcpu_nmi(v);
        return;
    }
    vlapic_set_irq(v, entry & 0xff, false);
}

void vlapic_error(struct vcpu *v, uint32_t errors)
{
    struct vlapic *l = v->arch.vlapic;
    uint32_t old = __atomic_fetch_or(&l->esr_pending, errors, __ATOMIC_SEQ_CST);

    /* Only news interrupt, so that an illegal vector in the error LVT itself ends here. */
    if (errors & ~old) {
        vlapic_lvt_deliver(v, APIC_LVT_ERROR);
    }
}

/* --- Registers ---------------------------------------------------------------------------- */

enum {
    REG_R = 1 << 0,   /* readable in both modes */
    REG_W = 1 << 1,   /* writable in both modes */
    REG_XR = 1 << 2,  /* readable in xAPIC mode only */
    REG_XW = 1 << 3,  /* writable in xAPIC mode only */
    REG_X2W = 1 << 4, /* writable in x2APIC mode only */
};

struct apic_register {
    uint8_t access;
    uint32_t mask; /* bits that a write changes; others are reserved: #GP in x2APIC mode */
};

/* By offset >> 4. A register that is not listed does not exist. */
static const struct apic_register registers[64] = {
    [APIC_ID >> 4] = {REG_R, 0},
    [APIC_VERSION >> 4] = {REG_R, 0},
    [APIC_TPR >> 4] = {REG_R | REG_W, 0xff},
    [APIC_APR >> 4] = {REG_XR, 0},
    [APIC_PPR >> 4] = {REG_R, 0},
    [APIC_EOI >> 4] = {REG_W, 0},
    [APIC_RRD >> 4] = {REG_XR, 0},
    [APIC_LDR >> 4] = {REG_R | REG_XW, 0xff000000},
    [APIC_DFR >> 4] = {REG_XR | REG_XW, 0xf0000000},
    [APIC_SVR >> 4] = {REG_R | REG_W, 0x3ff},
    [APIC_ISR >> 4 ... (APIC_IRR >> 4) + 7] = {REG_R, 0}, /* and TMR, eight each */
    [APIC_ESR >> 4] = {REG_R | REG_W, 0},
    [APIC_ICR >> 4] = {REG_R | REG_W, 0x000ccfff},
    [APIC_ICR2 >> 4] = {REG_XR | REG_XW, 0xff000000},
    [APIC_LVT_TIMER >> 4] = {REG_R | REG_W, 0x000300ff},
    [APIC_LVT_THERM >> 4] = {REG_R | REG_W, 0x000107ff},
    [APIC_LVT_PERF >> 4] = {REG_R | REG_W, 0x000107ff},
    [APIC_LVT_LINT0 >> 4] = {REG_R | REG_W, 0x0001a7ff},
    [APIC_LVT_LINT1 >> 4] = {REG_R | REG_W, 0x0001a7ff},
    [APIC_LVT_ERROR >> 4] = {REG_R | REG_W, 0x000100ff},
    [APIC_TIMER_INIT >> 4] = {REG_R | REG_W, 0xffffffff},
    [APIC_TIMER_NOW >> 4] = {REG_R, 0},
    [APIC_TIMER_DIV >> 4] = {REG_R | REG_W, 0xb},
    [APIC_SELF_IPI >> 4] = {REG_X2W, 0xff},
};

/* Registers whose value is made when they are read; the others are what was stored. */
static uint32_t read_register(struct vlapic *l, uint32_t offset)
{
    switch (offset) {
    case APIC_PPR:
    case APIC_APR:
        return vlapic_ppr(l);
    case APIC_TIMER_NOW:
        return vlapic_timer_count(l);
    default:
        return READ_ONCE(*vlapic_reg(l, offset));
    }
}

static void write_svr(struct vcpu *v, uint32_t value)
{
    struct vlapic *l = v->arch.vlapic;
    bool was_enabled = *vlapic_reg(l, APIC_SVR) & APIC_SVR_ENABLE;

    WRITE_ONCE(*vlapic_reg(l, APIC_SVR), value);
    if (!(value & APIC_SVR_ENABLE)) {
        for (uint32_t lvt = APIC_LVT_TIMER; lvt <= APIC_LVT_ERROR; lvt += 0x10) {
            *vlapic_reg(l, lvt) |= APIC_LVT_MASKED;
        }
        return;
    }
    /* The edge of evtchn_upcall_pending may have come while nothing could be taken. */
    if (!was_enabled && READ_ONCE(v->vcpu_info->evtchn_upcall_pending)) {
        vcpu_evtchn_upcall(v);
    }
}

static void write_lvt(struct vcpu *v, uint32_t offset, uint32_t value)
{
    struct vlapic *l = v->arch.vlapic;

    if (!(*vlapic_reg(l, APIC_SVR) & APIC_SVR_ENABLE)) {
        value |= APIC_LVT_MASKED;
    }
    WRITE_ONCE(*vlapic_reg(l, offset), value);
    if (offset == APIC_LVT_TIMER) {
        vlapic_timer_rescale(v);
    }
}

/* A write that the table allows, reserved bits already removed. */
static void write_register(struct vcpu *v, uint32_t offset, uint32_t value)
{
    struct vlapic *l = v->arch.vlapic;

    switch (offset) {
    case APIC_EOI:
        end_of_interrupt(v);
        break;
    case APIC_DFR:
        *vlapic_reg(l, offset) = value | 0x0fffffff;
        break;
    case APIC_SVR:
        write_svr(v, value);
        break;
    case APIC_ESR:
        *vlapic_reg(l, offset) = __atomic_exchange_n(&l->esr_pending, 0, __ATOMIC_SEQ_CST);
        break;
    case APIC_ICR:
        *vlapic_reg(l, offset) = value;
        vlapic_send_ipi(v, value,
                        vlapic_is_x2apic(l) ? *vlapic_reg(l, APIC_ICR2)
                                            : *vlapic_reg(l, APIC_ICR2) >> 24);
        break;
    case APIC_SELF_IPI:
        vlapic_send_ipi(v, 1U << 18 | value, 0);
        break;
    case APIC_LVT_TIMER ... APIC_LVT_ERROR:
        write_lvt(v, offset, value);
        break;
    case APIC_TIMER_INIT:
        *vlapic_reg(l, offset) = value;
        vlapic_timer_start(v);
        break;
    case APIC_TIMER_DIV:
        *vlapic_reg(l, offset) = value;
        vlapic_timer_rescale(v);
        break;
    default: /* TPR, LDR, ICR2 */
        WRITE_ONCE(*vlapic_reg(l, offset), value);
        break;
    }
}

uint32_t vlapic_mmio_read(struct vcpu *v, uint32_t offset)
{
    offset &= 0xff0;
    if (offset > APIC_SELF_IPI || !(registers[offset >> 4].access & (REG_R | REG_XR))) {
        vlapic_error(v, APIC_ESR_ILLEGAL_REGISTER);
        return 0;
    }
    return read_register(v->arch.vlapic, offset);
}

void vlapic_mmio_write(struct vcpu *v, uint32_t offset, uint32_t value)
{
    offset &= 0xff0;
    if (offset > APIC_SELF_IPI || !(registers[offset >> 4].access & (REG_W | REG_XW))) {
        vlapic_error(v, APIC_ESR_ILLEGAL_REGISTER);
        return;
    }
    write_register(v, offset, value & registers[offset >> 4].mask);
}

/* --- MSRs --------------------------------------------------------------------------------- */

int vlapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    struct vlapic *l = v->arch.vlapic;
    uint32_t offset = (msr - MSR_X2APIC_FIRST) << 4;

    if (msr == MSR_APIC_BASE) {
        *value = l->base;
        return 0;
    }
    if (!vlapic_is_x2apic(l) || offset > APIC_SELF_IPI ||
        !(registers[offset >> 4].access & REG_R)) {
        return -XEN_EINVAL;
    }
    *value = read_register(l, offset);
    if (offset == APIC_ICR) {
        *value |= (uint64_t)*vlapic_reg(l, APIC_ICR2) << 32;
    }
    return 0;
}

/* Legal changes of mode: off -> xAPIC -> x2APIC -> off, xAPIC -> off (APM vol. 2, 16.9). The page
 * cannot be moved and the boot CPU stays the boot CPU. */
static int write_base(struct vcpu *v, uint64_t value)
{
    struct vlapic *l = v->arch.vlapic;
    uint64_t mode_bits = APIC_BASE_ENABLE | APIC_BASE_EXTD;
    uint64_t from = l->base & mode_bits, to = value & mode_bits;

    if ((value ^ l->base) & ~(mode_bits | APIC_BASE_BSP)) {
        return -XEN_EINVAL;
    }
    if (from == to) {
        return 0;
    }
    if (to == APIC_BASE_EXTD || (from == 0 && to == mode_bits) ||
        (from == mode_bits && to == APIC_BASE_ENABLE)) {
        return -XEN_EINVAL;
    }
    l->base = (l->base & ~mode_bits) | to;
    if (from == 0 || to == 0) {
        vlapic_reset(v);
    } else {
        set_identity(l);
        *vlapic_reg(l, APIC_ICR2) = 0;
    }
    return 0;
}

int vlapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    struct vlapic *l = v->arch.vlapic;
    uint32_t offset = (msr - MSR_X2APIC_FIRST) << 4;
    const struct apic_register *r;

    if (msr == MSR_APIC_BASE) {
        return write_base(v, value);
    }
    if (!vlapic_is_x2apic(l) || offset > APIC_SELF_IPI) {
        return -XEN_EINVAL;
    }
    r = &registers[offset >> 4];
    if (!(r->access & (REG_W | REG_X2W)) || ((uint32_t)value & ~r->mask)) {
        return -XEN_EINVAL;
    }
    if (offset == APIC_ICR) {
        *vlapic_reg(l, APIC_ICR2) = value >> 32;
    } else if (value >> 32) {
        return -XEN_EINVAL;
    }
    write_register(v, offset, value);
    return 0;
}
