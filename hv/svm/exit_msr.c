/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RDMSR and WRMSR. Every MSR a guest may touch stands in one table; what is not there raises #GP. The
 * MSRs that VMLOAD/VMSAVE switch never come here (svm/io_policy.c lets them through).
 */
#include <hv/arch/apic.h>
#include <hv/cpuid_policy.h>
#include <hv/vlapic.h>

#include "svm.h"

#define XEN_HYPERCALL_MSR 0x40000000U

/* One MSR, or a row of them: both functions return false for #GP. */
struct msr_rule {
    uint32_t first, last;
    bool (*read)(struct vcpu *v, uint32_t msr, uint64_t *value);  /* NULL: always the value below */
    bool (*write)(struct vcpu *v, uint32_t msr, uint64_t value); /* NULL: #GP */
    uint64_t value;
};

static bool write_ignored(struct vcpu *v, uint32_t msr, uint64_t value)
{
    return true;
}

static bool read_refused(struct vcpu *v, uint32_t msr, uint64_t *value)
{
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
    *value = v->arch.vmcb->efer & ~EFER_SVME;
    return true;
}

static bool write_efer(struct vcpu *v, uint32_t msr, uint64_t value)
{
    struct vmcb *vmcb = v->arch.vmcb;

    /* LME may not change while paging is on; LMA is the processor's (APM vol. 2, 3.1.7). */
    if ((value & ~EFER_ALLOWED) || (((value ^ vmcb->efer) & EFER_LME) && (vmcb->cr0 & CR0_PG))) {
        return false;
    }
    vmcb->efer = (value & ~EFER_LMA) | (vmcb->efer & EFER_LMA) | EFER_SVME;
    vmcb->clean &= ~CLEAN_CRX;
    return true;
}

static bool read_pat(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    *value = v->arch.vmcb->g_pat;
    return true;
}

static bool write_pat(struct vcpu *v, uint32_t msr, uint64_t value)
{
    if (!svm_pat_is_valid(value)) {
        return false;
    }
    v->arch.vmcb->g_pat = value;
    v->arch.vmcb->clean &= ~CLEAN_NP;
    return true;
}

static bool read_tsc(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    *value = x86_rdtsc() + v->arch.vmcb->tsc_offset;
    return true;
}

/* Kept for the guest; RDTSCP is not offered. */
static bool read_tsc_aux(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    *value = v->arch.tsc_aux;
    return true;
}

static bool write_tsc_aux(struct vcpu *v, uint32_t msr, uint64_t value)
{
    if (value > UINT32_MAX) {
        return false;
    }
    v->arch.tsc_aux = value;
    return true;
}

static bool read_patch_level(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    *value = 0;
    x86_rdmsr_safe(msr, value);
    return true;
}

#define TSC_AT_P0_FREQUENCY (1UL << 24) /* HWCR.TscFreqSel */
#define CF8_EXT_CFG         (1UL << 46) /* NB_CFG.EnableCf8ExtCfg, as Linux sets it */

/* Sorted by number. MTRRs: no variable or fixed ranges (guest-abi 2.2); what the guest writes is not kept: memory
 * types come from the host's MTRRs and the guest's PAT. */
static const struct msr_rule rules[] = {
    {0x00000010, 0x00000010, read_tsc, write_ignored, 0},
    {0x00000017, 0x00000017, NULL, NULL, 0},                /* platform id */
    {MSR_APIC_BASE, MSR_APIC_BASE, read_lapic, write_lapic, 0},
    {0x0000003b, 0x0000003b, NULL, NULL, 0},                /* TSC_ADJUST */
    {0x0000008b, 0x0000008b, read_patch_level, write_ignored, 0},
    {0x000000fe, 0x000000fe, NULL, NULL, 0},                /* MTRRcap: no variable ranges */
    {0x00000200, 0x0000020f, NULL, write_ignored, 0},       /* variable MTRRs */
    {0x00000250, 0x00000250, NULL, write_ignored, 0},       /* fixed MTRRs */
    {0x00000258, 0x00000259, NULL, write_ignored, 0},
    {0x00000268, 0x0000026f, NULL, write_ignored, 0},
    {MSR_PAT, MSR_PAT, read_pat, write_pat, 0},
    {0x000002ff, 0x000002ff, NULL, write_ignored, MTRR_WRITE_BACK},
    {MSR_X2APIC_FIRST, MSR_X2APIC_LAST, read_lapic, write_lapic, 0},
    {XEN_HYPERCALL_MSR, XEN_HYPERCALL_MSR, read_refused, svm_write_hypercall_msr, 0},
    {MSR_EFER, MSR_EFER, read_efer, write_efer, 0},
    {MSR_TSC_AUX, MSR_TSC_AUX, read_tsc_aux, write_tsc_aux, 0},
    {0xc0010010, 0xc0010010, NULL, write_ignored, 0},       /* SYSCFG */
    {0xc0010015, 0xc0010015, NULL, write_ignored, TSC_AT_P0_FREQUENCY}, /* HWCR */
    {0xc001001a, 0xc001001a, NULL, NULL, 0},                /* TOP_MEM */
    {0xc001001d, 0xc001001d, NULL, NULL, 0},                /* TOP_MEM2 */
    {0xc001001f, 0xc001001f, NULL, write_ignored, CF8_EXT_CFG}, /* NB_CFG */
    {0xc0010055, 0xc0010055, NULL, write_ignored, 0},       /* interrupt pending message */
    {0xc0010112, 0xc0010113, NULL, NULL, 0},                /* SMM base and mask */
    {0xc0010114, 0xc0010114, NULL, NULL, 0},                /* VM_CR */
    {0xc0011029, 0xc0011029, NULL, write_ignored, 0},       /* DE_CFG */
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

void svm_exit_msr(struct vcpu *v)
{
    struct guest_gprs *gprs = &v->arch.gprs;
    uint32_t msr = (uint32_t)gprs->rcx;
    const struct msr_rule *rule = rule_for(msr);
    bool is_write = v->arch.vmcb->exit_info1 & 1, ok = false;
    uint64_t value = rule != NULL ? rule->value : 0;

    if (rule != NULL && is_write) {
        ok = rule->write != NULL && rule->write(v, msr, (uint32_t)gprs->rax | gprs->rdx << 32);
    } else if (rule != NULL) {
        ok = rule->read == NULL || rule->read(v, msr, &value);
    }
    if (!ok) {
        arch_inject_exception(v, EXC_GP, true, 0);
        return;
    }
    if (!is_write) {
        gprs->rax = (uint32_t)value;
        gprs->rdx = value >> 32;
    }
    arch_vcpu_advance_rip(v, svm_insn_length(v, 2));
}
