/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who an interrupt message is for, and what it does there: IPIs from the ICR, messages of devices
 * (MSI and IO-APIC), and INIT/SIPI, by which one vCPU starts another.
 *
 * INIT and SIPI change all of the target's state, which is its own CPU's to touch. The sender
 * leaves a note and wakes the target; the target applies it at its next door:
 *
 *   any state --INIT note, kick--> door: VCPU_WAIT_SIPI set, note taken, reset --> off the CPU
 *   waiting   --SIPI note, flags cleared--> door: reset, real mode at vector << 12 --> runs
 */
#include <hv/vlapic.h>

#include <hv/vcpu.h>

#include "vlapic_state.h"

/* --- Destinations (APM vol. 2, 16.6) ------------------------------------------------------- */

static bool matches_logical(const struct vlapic *l, uint32_t dest)
{
    uint32_t ldr = READ_ONCE(l->regs[APIC_LDR >> 4]);

    if (vlapic_is_x2apic(l)) {
        return (ldr >> 16) == (dest >> 16) && (ldr & dest & 0xffff);
    }
    if (dest > 0xff) {
        return dest == 0xffffffff;
    }
    ldr >>= 24;
    if (READ_ONCE(l->regs[APIC_DFR >> 4]) >> 28 == 0xf) {
        return ldr & dest;
    }
    return dest == 0xff || ((ldr >> 4) == (dest >> 4) && (ldr & dest & 0xf));
}

/* Ids are even and below 255, so the 8-bit broadcast is never anyone's id. */
static bool is_broadcast(uint32_t dest)
{
    return dest == 0xff || dest == 0xffffffff;
}

static bool is_hardware_enabled(const struct vlapic *l)
{
    return l->base & APIC_BASE_ENABLE;
}

static bool matches(const struct vcpu *v, uint32_t dest, bool is_logical)
{
    const struct vlapic *l = v->arch.vlapic;
    bool is_meant = is_logical ? dest == 0xffffffff || matches_logical(l, dest) : dest == l->id || is_broadcast(dest);

    return is_meant && is_hardware_enabled(l);
}

/* The only vCPU that a physical destination can mean, or NULL. */
static struct vcpu *physical_target(struct domain *d, uint32_t dest)
{
    struct vcpu *v = dest & 1 ? NULL : domain_vcpu(d, dest / 2);

    return v != NULL && is_hardware_enabled(v->arch.vlapic) ? v : NULL;
}

/* --- INIT and SIPI ------------------------------------------------------------------------- */

static void note_init(struct vcpu *target)
{
    /* An INIT undoes a SIPI that was not acted upon yet. */
    __atomic_store_n(&target->arch.vlapic->init_sipi, NOTE_INIT, __ATOMIC_SEQ_CST);
    vcpu_kick(target);
}

static void note_sipi(struct vcpu *target, uint8_t vector)
{
    struct vlapic *l = target->arch.vlapic;
    uint32_t old = __atomic_load_n(&l->init_sipi, __ATOMIC_SEQ_CST);

    do {
        bool is_waiting = (old & NOTE_INIT) || vcpu_has_flag(target, VCPU_DOWN) ||
                          vcpu_has_flag(target, VCPU_WAIT_SIPI);

        /* Only a vCPU that waits takes one, and only the first. */
        if (!is_waiting || (old & NOTE_SIPI)) {
            return;
        }
    } while (!__atomic_compare_exchange_n(&l->init_sipi, &old, old | NOTE_SIPI | vector, false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    vcpu_clear_flag(target, VCPU_BLOCKED);
    vcpu_clear_flag(target, VCPU_WAIT_SIPI);
    vcpu_clear_flag(target, VCPU_DOWN);
}

static void apply_init_sipi(struct vcpu *v)
{
    struct vlapic *l = v->arch.vlapic;
    uint32_t note = __atomic_load_n(&l->init_sipi, __ATOMIC_SEQ_CST);

    if (!(note & NOTE_SIPI)) {
        /* The flag first: a sender of SIPI must find v waiting from the moment the note is gone. */
        vcpu_set_flag(v, VCPU_WAIT_SIPI);
    }
    if (!__atomic_compare_exchange_n(&l->init_sipi, &note, 0, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST)) {
        return;
    }
    /* For SIPI too: v may have been taken down by a hypercall, in any state. Twice does no harm. */
    vlapic_reset(v);
    arch_vcpu_reset(v);
    if (note & NOTE_SIPI) {
        vcpu_clear_flag(v, VCPU_WAIT_SIPI);
        arch_vcpu_sipi(v, note & 0xff);
    }
}

bool vlapic_has_init_sipi(const struct vcpu *v)
{
    return __atomic_load_n(&v->arch.vlapic->init_sipi, __ATOMIC_SEQ_CST) != 0;
}

void vlapic_process_init_sipi(struct vcpu *v)
{
    while (unlikely(__atomic_load_n(&v->arch.vlapic->init_sipi, __ATOMIC_ACQUIRE) != 0)) {
        apply_init_sipi(v);
    }
}

/* --- Delivery ------------------------------------------------------------------------------ */

/* Does what a message says to one vCPU; returns whether it had a meaning there. */
static bool deliver_one(struct vcpu *v, uint8_t mode, uint8_t vector, bool is_level)
{
    switch (mode) {
    case APIC_FIXED:
    case APIC_LOWEST:
        if (!vlapic_is_enabled(v)) {
            return false;
        }
        vlapic_set_irq(v, vector, is_level);
        return true;
    case APIC_NMI:
        vcpu_nmi(v);
        return true;
    case APIC_INIT:
        note_init(v);
        return true;
    case APIC_SIPI:
        note_sipi(v, vector);
        return true;
    default: /* SMI and ExtINT: nothing here serves them */
        return false;
    }
}

/* Of the vCPUs that match, the one with the lowest priority; among equals the one after the last
 * taken, so that the load spreads. */
static struct vcpu *lowest_priority(struct domain *d, uint32_t dest, bool is_logical)
{
    static uint32_t turn; /* a hint only: races are harmless */
    uint32_t start = __atomic_fetch_add(&turn, 1, __ATOMIC_RELAXED);
    struct vcpu *best = NULL;

    for (unsigned n = 0; n < d->max_vcpus; n++) {
        struct vcpu *v = d->vcpus[(start + n) % d->max_vcpus];

        if (v == NULL || !matches(v, dest, is_logical) || !vlapic_is_enabled(v)) {
            continue;
        }
        if (best == NULL || vlapic_ppr(v->arch.vlapic) < vlapic_ppr(best->arch.vlapic)) {
            best = v;
        }
    }
    return best;
}

bool vlapic_deliver(struct domain *d, uint32_t dest, bool is_logical, uint8_t delivery_mode,
                    uint8_t vector, bool is_level)
{
    bool is_for_one = !is_logical && !is_broadcast(dest), is_taken = false;

    if (is_for_one || delivery_mode == APIC_LOWEST) {
        struct vcpu *v = is_for_one ? physical_target(d, dest) : lowest_priority(d, dest, is_logical);

        return v != NULL && deliver_one(v, delivery_mode, vector, is_level);
    }
    for_each_vcpu(d, v) {
        is_taken |= matches(v, dest, is_logical) && deliver_one(v, delivery_mode, vector, is_level);
    }
    return is_taken;
}

/* ICR's shorthand field (bits 19:18). */
enum icr_shorthand {
    ICR_BY_DEST,
    ICR_SELF,
    ICR_ALL,
    ICR_OTHERS,
};

static void send_to_all(struct vcpu *sender, bool with_sender, uint8_t mode, uint8_t vector)
{
    for_each_vcpu(sender->domain, v) {
        if ((with_sender || v != sender) && is_hardware_enabled(v->arch.vlapic)) {
            deliver_one(v, mode, vector, false);
        }
    }
}

void vlapic_send_ipi(struct vcpu *v, uint32_t icr, uint32_t dest)
{
    uint8_t vector = icr & 0xff, mode = (icr >> 8) & 7;
    bool is_assert = icr & (1U << 14), is_level = icr & (1U << 15);
    enum icr_shorthand shorthand = (icr >> 18) & 3;

    if (mode <= APIC_LOWEST && vector < 16) {
        vlapic_error(v, APIC_ESR_SEND_ILLEGAL);
        return;
    }
    /* The INIT level de-assert only matters to APICs of the last century. */
    if (mode == APIC_INIT && is_level && !is_assert) {
        return;
    }
    /* Self and all including self are for fixed messages only (APM vol. 2, table 16-4). */
    if (shorthand == ICR_SELF && mode == APIC_FIXED) {
        vlapic_set_irq(v, vector, false);
    } else if (shorthand == ICR_OTHERS || (shorthand == ICR_ALL && mode == APIC_FIXED)) {
        send_to_all(v, shorthand == ICR_ALL, mode, vector);
    } else if (shorthand == ICR_BY_DEST) {
        vlapic_deliver(v->domain, dest, icr & (1U << 11), mode, vector, false);
    }
}
