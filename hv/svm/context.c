/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processor state to and from HVM context records. What is checked is what VMRUN (APM vol. 2, 15.5.1,
 * "canonicalization and consistency checks") and FXRSTOR or XRSTOR would stumble over: the former would cost the
 * guest its life, the latter the host.
 */
#include <hv/arch/context.h>

#include <hv/arch/x86.h>
#include <hv/domain.h>
#include <hv/string.h>

#include "svm.h"

#define EFER_ALLOWED   (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_FFXSR)
#define CR0_ALLOWED    0xe005003fUL
#define CR4_ALLOWED    0x00770fffUL /* to OSXMMEXCPT, UMIP, FSGSBASE, PCIDE, OSXSAVE, SMEP, SMAP, PKE */
#define RFLAGS_ALLOWED 0x003f7fd7UL
#define MXCSR_ALLOWED  0x0000ffffU
#define SEG_ATTR_ALL   0x0fffU

#define FXSAVE_SIZE         512U
#define FXSAVE_MXCSR        24U
#define XSAVE_HEADER_SIZE   64U
#define XSTATE_LEGACY       3UL /* x87 and SSE */

#define MTRR_DEF_TYPE 0x806UL /* enabled, write-back: as svm/exit_msr.c says */

uint32_t arch_cpu_signature(void)
{
    return x86_cpuid(1, 0).eax;
}

/* --- Registers ----------------------------------------------------------------------------------- */

/* The record's names for a segment's four fields. */
#define SAVE_SEGMENT(cpu, name, segment)                                                           \
    do {                                                                                           \
        (cpu)->name##_sel = (segment).selector;                                                    \
        (cpu)->name##_limit = (segment).limit;                                                     \
        (cpu)->name##_base = (segment).base;                                                       \
        (cpu)->name##_arbytes = (segment).attributes;                                              \
    } while (0)

#define LOAD_SEGMENT(cpu, name, segment)                                                           \
    ((segment) = (struct vmcb_segment){(uint16_t)(cpu)->name##_sel, (uint16_t)(cpu)->name##_arbytes, \
                                       (cpu)->name##_limit, (cpu)->name##_base})

static void save_gprs(const struct guest_gprs *g, struct hvm_hw_cpu *cpu)
{
    cpu->rax = g->rax;
    cpu->rbx = g->rbx;
    cpu->rcx = g->rcx;
    cpu->rdx = g->rdx;
    cpu->rbp = g->rbp;
    cpu->rsi = g->rsi;
    cpu->rdi = g->rdi;
    cpu->rsp = g->rsp;
    cpu->r8 = g->r8;
    cpu->r9 = g->r9;
    cpu->r10 = g->r10;
    cpu->r11 = g->r11;
    cpu->r12 = g->r12;
    cpu->r13 = g->r13;
    cpu->r14 = g->r14;
    cpu->r15 = g->r15;
}

static void load_gprs(struct guest_gprs *g, const struct hvm_hw_cpu *cpu)
{
    *g = (struct guest_gprs){
        .rax = cpu->rax, .rbx = cpu->rbx, .rcx = cpu->rcx, .rdx = cpu->rdx,
        .rbp = cpu->rbp, .rsi = cpu->rsi, .rdi = cpu->rdi, .rsp = cpu->rsp,
        .r8 = cpu->r8,   .r9 = cpu->r9,   .r10 = cpu->r10, .r11 = cpu->r11,
        .r12 = cpu->r12, .r13 = cpu->r13, .r14 = cpu->r14, .r15 = cpu->r15,
    };
}

static void save_segments(const struct vmcb *vmcb, struct hvm_hw_cpu *cpu)
{
    SAVE_SEGMENT(cpu, cs, vmcb->cs);
    SAVE_SEGMENT(cpu, ds, vmcb->ds);
    SAVE_SEGMENT(cpu, es, vmcb->es);
    SAVE_SEGMENT(cpu, fs, vmcb->fs);
    SAVE_SEGMENT(cpu, gs, vmcb->gs);
    SAVE_SEGMENT(cpu, ss, vmcb->ss);
    SAVE_SEGMENT(cpu, tr, vmcb->tr);
    SAVE_SEGMENT(cpu, ldtr, vmcb->ldtr);
    cpu->gdtr_base = vmcb->gdtr.base;
    cpu->gdtr_limit = vmcb->gdtr.limit;
    cpu->idtr_base = vmcb->idtr.base;
    cpu->idtr_limit = vmcb->idtr.limit;
}

static void load_segments(struct vmcb *vmcb, const struct hvm_hw_cpu *cpu)
{
    LOAD_SEGMENT(cpu, cs, vmcb->cs);
    LOAD_SEGMENT(cpu, ds, vmcb->ds);
    LOAD_SEGMENT(cpu, es, vmcb->es);
    LOAD_SEGMENT(cpu, fs, vmcb->fs);
    LOAD_SEGMENT(cpu, gs, vmcb->gs);
    LOAD_SEGMENT(cpu, ss, vmcb->ss);
    LOAD_SEGMENT(cpu, tr, vmcb->tr);
    LOAD_SEGMENT(cpu, ldtr, vmcb->ldtr);
    vmcb->gdtr = (struct vmcb_segment){.base = cpu->gdtr_base, .limit = cpu->gdtr_limit};
    vmcb->idtr = (struct vmcb_segment){.base = cpu->idtr_base, .limit = cpu->idtr_limit};
}

static void save_msrs(const struct vcpu *v, struct hvm_hw_cpu *cpu)
{
    const struct vmcb *vmcb = v->arch.vmcb;

    cpu->sysenter_cs = vmcb->sysenter_cs;
    cpu->sysenter_esp = vmcb->sysenter_esp;
    cpu->sysenter_eip = vmcb->sysenter_eip;
    cpu->shadow_gs = vmcb->kernel_gs_base;
    cpu->msr_lstar = vmcb->lstar;
    cpu->msr_star = vmcb->star;
    cpu->msr_cstar = vmcb->cstar;
    cpu->msr_syscall_mask = vmcb->sfmask;
    cpu->msr_efer = vmcb->efer & ~EFER_SVME;
    cpu->msr_tsc_aux = v->arch.tsc_aux;
}

static void load_msrs(struct vcpu *v, const struct hvm_hw_cpu *cpu)
{
    struct vmcb *vmcb = v->arch.vmcb;

    vmcb->sysenter_cs = cpu->sysenter_cs;
    vmcb->sysenter_esp = cpu->sysenter_esp;
    vmcb->sysenter_eip = cpu->sysenter_eip;
    vmcb->kernel_gs_base = cpu->shadow_gs;
    vmcb->lstar = cpu->msr_lstar;
    vmcb->star = cpu->msr_star;
    vmcb->cstar = cpu->msr_cstar;
    vmcb->sfmask = cpu->msr_syscall_mask;
    vmcb->efer = cpu->msr_efer | EFER_SVME;
    v->arch.tsc_aux = cpu->msr_tsc_aux;
}

/* An event still to be delivered: the record's bits are those of EVENTINJ. */
static void save_event(const struct vmcb *vmcb, struct hvm_hw_cpu *cpu)
{
    if (vmcb->event_inj & EVENT_VALID) {
        cpu->pending_event = (uint32_t)vmcb->event_inj;
        cpu->error_code = (uint32_t)(vmcb->event_inj >> 32);
    }
}

void arch_vcpu_save(const struct vcpu *v, uint64_t now_tsc, struct hvm_hw_cpu *cpu)
{
    const struct vmcb *vmcb = v->arch.vmcb;

    memset(cpu, 0, sizeof(*cpu));
    memcpy(cpu->fpu_regs, v->arch.fpu, FXSAVE_SIZE);
    cpu->flags = XEN_X86_FPU_INITIALISED;
    save_gprs(&v->arch.gprs, cpu);
    save_segments(vmcb, cpu);
    save_msrs(v, cpu);
    save_event(vmcb, cpu);
    cpu->rip = vmcb->rip;
    cpu->rflags = vmcb->rflags;
    cpu->cr0 = vmcb->cr0;
    cpu->cr2 = vmcb->cr2;
    cpu->cr3 = vmcb->cr3;
    cpu->cr4 = vmcb->cr4;
    cpu->dr0 = v->arch.dr[0];
    cpu->dr1 = v->arch.dr[1];
    cpu->dr2 = v->arch.dr[2];
    cpu->dr3 = v->arch.dr[3];
    cpu->dr6 = vmcb->dr6;
    cpu->dr7 = vmcb->dr7;
    cpu->tsc = now_tsc + vmcb->tsc_offset;
}

static bool check_control(const struct hvm_hw_cpu *cpu)
{
    bool is_paging = cpu->cr0 & CR0_PG, is_long = cpu->msr_efer & EFER_LME;

    if ((cpu->cr0 & ~CR0_ALLOWED) || (cpu->cr4 & ~CR4_ALLOWED) || (cpu->msr_efer & ~EFER_ALLOWED)) {
        return false;
    }
    if ((is_paging && !(cpu->cr0 & CR0_PE)) || ((cpu->cr0 & CR0_NW) && !(cpu->cr0 & CR0_CD))) {
        return false;
    }
    if (is_paging && is_long) {
        if (!(cpu->cr4 & CR4_PAE) ||
            ((cpu->cs_arbytes & SEG_ATTR_L) && (cpu->cs_arbytes & SEG_ATTR_DB))) {
            return false;
        }
    }
    if (!(cpu->msr_efer & EFER_LMA) != !(is_paging && is_long)) {
        return false;
    }
    return cpu->cr3 >> 52 == 0 && cpu->dr6 >> 32 == 0 && cpu->dr7 >> 32 == 0 &&
           (cpu->rflags & ~RFLAGS_ALLOWED) == 0;
}

static bool check_segments(const struct hvm_hw_cpu *cpu)
{
    const uint32_t selectors = cpu->cs_sel | cpu->ds_sel | cpu->es_sel | cpu->fs_sel | cpu->gs_sel |
                               cpu->ss_sel | cpu->tr_sel | cpu->ldtr_sel;
    const uint32_t attributes = cpu->cs_arbytes | cpu->ds_arbytes | cpu->es_arbytes | cpu->fs_arbytes |
                                cpu->gs_arbytes | cpu->ss_arbytes | cpu->tr_arbytes | cpu->ldtr_arbytes;

    return selectors <= 0xffff && attributes <= SEG_ATTR_ALL && cpu->gdtr_limit <= 0xffff &&
           cpu->idtr_limit <= 0xffff;
}

/* What EVENTINJ takes (APM vol. 2, 15.20). */
static bool check_event(const struct hvm_hw_cpu *cpu)
{
    if (!cpu->pending_valid) {
        return true;
    }
    switch ((uint64_t)cpu->pending_type << 8) {
    case EVENT_TYPE_INTR:
    case EVENT_TYPE_NMI:
    case EVENT_TYPE_SOFT:
        return true;
    case EVENT_TYPE_EXC:
        return cpu->pending_vector < 32 && cpu->pending_vector != EXC_NMI;
    default:
        return false;
    }
}

static bool check_mxcsr(const void *fxsave)
{
    uint32_t mxcsr;

    memcpy(&mxcsr, (const char *)fxsave + FXSAVE_MXCSR, sizeof(mxcsr));
    return (mxcsr & ~MXCSR_ALLOWED) == 0;
}

bool arch_vcpu_check(const struct hvm_hw_cpu *cpu)
{
    if ((cpu->flags & XEN_X86_FPU_INITIALISED) && !check_mxcsr(cpu->fpu_regs)) {
        return false;
    }
    return check_control(cpu) && check_segments(cpu) && check_event(cpu);
}

static unsigned cpl_of(const struct hvm_hw_cpu *cpu)
{
    if (!(cpu->cr0 & CR0_PE)) {
        return 0;
    }
    return cpu->rflags & RFLAGS_VM ? 3 : cpu->ss_arbytes >> SEG_ATTR_DPL_SHIFT & 3;
}

/* x87 and SSE; with XSAVE they are marked as valid in the area's header. */
static void load_fpu(struct vcpu *v, const struct hvm_hw_cpu *cpu)
{
    uint8_t *area = v->arch.fpu;

    if (!(cpu->flags & XEN_X86_FPU_INITIALISED)) {
        return;
    }
    memcpy(area, cpu->fpu_regs, FXSAVE_SIZE);
    if (fpu_supported_xcr0() != 0) {
        *(uint64_t *)(area + FXSAVE_SIZE) |= XSTATE_LEGACY;
    }
}

void arch_vcpu_load(struct vcpu *v, const struct hvm_hw_cpu *cpu)
{
    struct vmcb *vmcb = v->arch.vmcb;

    load_gprs(&v->arch.gprs, cpu);
    load_segments(vmcb, cpu);
    load_msrs(v, cpu);
    load_fpu(v, cpu);
    vmcb->cpl = (uint8_t)cpl_of(cpu);
    vmcb->rip = cpu->rip;
    vmcb->rflags = cpu->rflags | RFLAGS_RESERVED1;
    vmcb->cr0 = cpu->cr0 | CR0_ET;
    vmcb->cr2 = cpu->cr2;
    vmcb->cr3 = cpu->cr3;
    vmcb->cr4 = cpu->cr4;
    v->arch.dr[0] = cpu->dr0;
    v->arch.dr[1] = cpu->dr1;
    v->arch.dr[2] = cpu->dr2;
    v->arch.dr[3] = cpu->dr3;
    vmcb->dr6 = cpu->dr6;
    vmcb->dr7 = cpu->dr7;
    vmcb->interrupt_shadow = 0;
    vmcb->event_inj = 0;
    if (cpu->pending_valid) {
        vmcb->event_inj = cpu->pending_vector | (uint64_t)cpu->pending_type << 8 | EVENT_VALID;
        if (cpu->pending_error_valid) {
            vmcb->event_inj |= EVENT_ERROR_VALID | (uint64_t)cpu->error_code << 32;
        }
    }
    vmcb->clean = 0;
    v->arch.last_cpu = -1; /* a new ASID: nothing of the old address spaces is left in a TLB */
}

void arch_vcpu_set_tsc_offset(struct vcpu *v)
{
    v->arch.vmcb->tsc_offset = v->domain->tsc_offset;
    v->arch.vmcb->clean = 0;
}

/* --- Memory types -------------------------------------------------------------------------------- */

void arch_vcpu_save_mtrr(const struct vcpu *v, struct hvm_hw_mtrr *mtrr)
{
    memset(mtrr, 0, sizeof(*mtrr));
    mtrr->msr_pat_cr = v->arch.vmcb->g_pat;
    mtrr->msr_mtrr_def_type = MTRR_DEF_TYPE;
}

bool svm_pat_is_valid(uint64_t pat)
{
    for (unsigned i = 0; i < 8; i++) {
        uint8_t type = (uint8_t)(pat >> (8 * i));

        /* UC, WC, WT, WP, WB, UC- (APM vol. 2, 7.8.1). */
        if (type > 7 || type == 2 || type == 3) {
            return false;
        }
    }
    return true;
}

bool arch_vcpu_check_mtrr(const struct hvm_hw_mtrr *mtrr)
{
    return svm_pat_is_valid(mtrr->msr_pat_cr);
}

void arch_vcpu_load_mtrr(struct vcpu *v, const struct hvm_hw_mtrr *mtrr)
{
    v->arch.vmcb->g_pat = mtrr->msr_pat_cr;
    v->arch.vmcb->clean = 0;
}

/* --- XSAVE --------------------------------------------------------------------------------------- */

static size_t area_size(void)
{
    return fpu_supported_xcr0() & ~XSTATE_LEGACY ? 832 : FXSAVE_SIZE + XSAVE_HEADER_SIZE;
}

size_t arch_vcpu_xsave_size(void)
{
    return fpu_supported_xcr0() != 0 ? offsetof(struct hvm_hw_cpu_xsave, save_area) + area_size() : 0;
}

void arch_vcpu_save_xsave(const struct vcpu *v, struct hvm_hw_cpu_xsave *xsave)
{
    xsave->xfeature_mask = xsave->xcr0_accum = fpu_supported_xcr0();
    xsave->xcr0 = v->arch.xcr0;
    memcpy(&xsave->save_area, v->arch.fpu, area_size());
    /* PKRU is switched, but not offered. */
    xsave->save_area.xsave_hdr.xstate_bv &= fpu_supported_xcr0();
}

bool arch_vcpu_check_xsave(const struct hvm_hw_cpu_xsave *xsave, size_t size)
{
    const size_t header_end = offsetof(struct hvm_hw_cpu_xsave, save_area) + FXSAVE_SIZE + XSAVE_HEADER_SIZE;
    uint64_t supported = fpu_supported_xcr0();
    uint64_t used = xsave->xcr0 | xsave->save_area.xsave_hdr.xstate_bv;

    if (supported == 0 || size < header_end || !(xsave->xcr0 & 1) || (used & ~supported) ||
        ((xsave->xcr0 & ~XSTATE_LEGACY) && !(xsave->xcr0 & 2)) ||
        xsave->save_area.xsave_hdr.xcomp_bv != 0) {
        return false;
    }
    /* A shorter record has only what its components need. */
    if ((xsave->save_area.xsave_hdr.xstate_bv & ~XSTATE_LEGACY) && size < arch_vcpu_xsave_size()) {
        return false;
    }
    return check_mxcsr(&xsave->save_area.fpu_sse);
}

void arch_vcpu_load_xsave(struct vcpu *v, const struct hvm_hw_cpu_xsave *xsave, size_t size)
{
    uint8_t *area = v->arch.fpu;
    uint64_t *header = (uint64_t *)(area + FXSAVE_SIZE);

    size = MIN(size - offsetof(struct hvm_hw_cpu_xsave, save_area), area_size());
    memset(area, 0, area_size());
    memcpy(area, &xsave->save_area, size);
    memset(header, 0, XSAVE_HEADER_SIZE);
    header[0] = xsave->save_area.xsave_hdr.xstate_bv;
    v->arch.xcr0 = xsave->xcr0;
}
