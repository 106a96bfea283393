/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RDMSR and WRMSR. Every MSR a guest may touch stands in one table; what is not there raises #GP. The
 * MSRs that VMLOAD/VMSAVE switch never come here (svm/io_policy.c lets them through).
 */
#include <hv/arch/x86.h>
#include <hv/cpuid_policy.h>
#include <hv/domain.h>
#include <hv/print.h>
#include <hv/vlapic.h>

#include "svm.h"

#define MSR_X2APIC_FIRST 0x800U
#define MSR_X2APIC_LAST  0x8ffU
#define XEN_HYPERCALL_MSR 0x40000000U

/* One MSR: both functions return false for #GP. */
struct msr_rule {
    uint32_t first, last;
    bool (*read)(struct vcpu *v, uint32_t msr, uint64_t *value);
    bool (*write)(struct vcpu *v, uint32_t msr, uint64_t value);
};

static bool read_zero(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    (void)v;
    (void)msr;
    *value = 0;
    return true;
}

static bool write_ignored(struct vcpu *v, uint32_t msr, uint64_t value)
{
    (void)v;
    (void)msr;
    (void)value;
    return true;
}

static bool read_refused(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    (void)v;
    (void)msr;
    (void)value;
    return false;
}

static bool read_lapic(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    return vlapic_msr_read(v, msr, value) == 0;
}

static bool write_lapic(struct vcpu *v, uint32_t msr, uint64_t value)
{
    return vlapic_msr_write(v, msr, value) == 0;
}

static bool read_efer(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    (void)msr;
    *value = v->arch.vmcb->efer & ~EFER_SVME;
    return true;
}

static bool write_efer(struct vcpu *v, uint32_t msr, uint64_t value)
{
    struct vmcb *vmcb = v->arch.vmcb;
    const uint64_t allowed = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_FFXSR;

    (void)msr;
    /* LME may not change while paging is on; LMA is the processor's (APM vol. 2, 3.1.7). */
    if ((value & ~allowed) || (((value ^ vmcb->efer) & EFER_LME) && (vmcb->cr0 & CR0_PG))) {
        return false;
    }
    vmcb->efer = (value & ~EFER_LMA) | (vmcb->efer & EFER_LMA) | EFER_SVME;
    vmcb->clean &= ~CLEAN_CRX;
    return true;
}

static bool read_pat(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    (void)msr;
    *value = v->arch.vmcb->g_pat;
    return true;
}

static bool write_pat(struct vcpu *v, uint32_t msr, uint64_t value)
{
    (void)msr;
    if (!svm_pat_is_valid(value)) {
        return false;
    }
    v->arch.vmcb->g_pat = value;
    v->arch.vmcb->clean &= ~CLEAN_NP;
    return true;
}

static bool read_tsc(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    (void)msr;
    *value = x86_rdtsc() + v->arch.vmcb->tsc_offset;
    return true;
}

/* Kept for the guest; RDTSCP is not offered. */
static bool read_tsc_aux(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    (void)msr;
    *value = v->arch.tsc_aux;
    return true;
}

static bool write_tsc_aux(struct vcpu *v, uint32_t msr, uint64_t value)
{
    (void)msr;
    if (value > UINT32_MAX) {
        return false;
    }
    v->arch.tsc_aux = value;
    return true;
}

/* MTRRs: write-back throughout, no variable or fixed ranges (guest-abi 2.2). What the guest writes
 * is not kept: memory types come from the host's MTRRs and the guest's PAT. */
static bool read_mtrr_def_type(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    (void)v;
    (void)msr;
    *value = 0x806;
    return true;
}

static bool read_hwcr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    (void)v;
    (void)msr;
    *value = 1UL << 24; /* TscFreqSel: the TSC runs at P0 frequency */
    return true;
}

static bool read_nb_cfg(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    (void)v;
    (void)msr;
    *value = 1UL << 46; /* EnableCf8ExtCfg, as Linux sets it */
    return true;
}

static bool read_patch_level(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    (void)v;
    *value = 0;
    x86_rdmsr_safe(msr, value);
    return true;
}

/* Sorted by number. */
static const struct msr_rule rules[] = {
    {0x00000010, 0x00000010, read_tsc, write_ignored},
    {0x00000017, 0x00000017, read_zero, NULL},              /* platform id */
    {MSR_APIC_BASE, MSR_APIC_BASE, read_lapic, write_lapic},
    {0x0000003b, 0x0000003b, read_zero, NULL},              /* TSC_ADJUST */
    {0x0000008b, 0x0000008b, read_patch_level, write_ignored},
    {0x000000fe, 0x000000fe, read_zero, NULL},              /* MTRRcap: no variable ranges */
    {0x00000200, 0x0000020f, read_zero, write_ignored},     /* variable MTRRs */
    {0x00000250, 0x00000250, read_zero, write_ignored},     /* fixed MTRRs */
    {0x00000258, 0x00000259, read_zero, write_ignored},
    {0x00000268, 0x0000026f, read_zero, write_ignored},
    {MSR_PAT, MSR_PAT, read_pat, write_pat},
    {0x000002ff, 0x000002ff, read_mtrr_def_type, write_ignored},
    {MSR_X2APIC_FIRST, MSR_X2APIC_LAST, read_lapic, write_lapic},
    {XEN_HYPERCALL_MSR, XEN_HYPERCALL_MSR, read_refused, svm_write_hypercall_msr},
    {MSR_EFER, MSR_EFER, read_efer, write_efer},
    {MSR_TSC_AUX, MSR_TSC_AUX, read_tsc_aux, write_tsc_aux},
    {0xc0010010, 0xc0010010, read_zero, write_ignored},     /* SYSCFG */
    {0xc0010015, 0xc0010015, read_hwcr, write_ignored},     /* HWCR */
    {0xc001001a, 0xc001001a, read_zero, NULL},              /* TOP_MEM */
    {0xc001001d, 0xc001001d, read_zero, NULL},              /* TOP_MEM2 */
    {0xc001001f, 0xc001001f, read_nb_cfg, write_ignored},   /* NB_CFG */
    {0xc0010055, 0xc0010055, read_zero, write_ignored},     /* interrupt pending message */
    {0xc0010112, 0xc0010113, read_zero, NULL},              /* SMM base and mask */
    {0xc0010114, 0xc0010114, read_zero, NULL},              /* VM_CR */
    {0xc0011029, 0xc0011029, read_zero, write_ignored},     /* DE_CFG */
};

static const struct msr_rule *rule_for(uint32_t msr)
{
    size_t low = 0, high = ARRAY_SIZE(rules);

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (msr > rules[middle].last) {
            low = middle + 1;
        } else if (msr < rules[middle].first) {
            high = middle;
        } else {
            return &rules[middle];
        }
    }
    return NULL;
}

static bool msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    const struct msr_rule *rule = rule_for(msr);

    return rule != NULL && rule->read(v, msr, value);
}

static bool msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    const struct msr_rule *rule = rule_for(msr);

    return rule != NULL && rule->write != NULL && rule->write(v, msr, value);
}

void svm_exit_msr(struct vcpu *v)
{
    struct guest_gprs *gprs = &v->arch.gprs;
    bool is_write = v->arch.vmcb->exit_info1 & 1;
    uint32_t msr = (uint32_t)gprs->rcx;
    uint64_t value;
    bool ok;

    if (is_write) {
        value = (uint32_t)gprs->rax | gprs->rdx << 32;
        ok = msr_write(v, msr, value);
    } else {
        ok = msr_read(v, msr, &value);
        if (ok) {
            gprs->rax = (uint32_t)value;
            gprs->rdx = value >> 32;
        }
    }
    if (!ok) {
        arch_inject_exception(v, EXC_GP, true, 0);
        return;
    }
    arch_vcpu_advance_rip(v, svm_insn_length(v, 2));
}
