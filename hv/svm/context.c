/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processor state to and from HVM context records. What is checked is what VMRUN (APM vol. 2, 15.5.1,
 * "canonicalization and consistency checks") and FXRSTOR or XRSTOR would stumble over: the former would cost the
 * guest its life, the latter the host.
 */
#include <hv/arch/context.h>

#include "svm.h"

#define CR0_ALLOWED    0xe005003fUL
#define CR4_ALLOWED    0x00770fffUL /* to OSXMMEXCPT, UMIP, FSGSBASE, PCIDE, OSXSAVE, SMEP, SMAP, PKE */
#define RFLAGS_ALLOWED 0x003f7fd7UL
#define MXCSR_ALLOWED  0x0000ffffU
#define SEG_ATTR_ALL   0x0fffU

#define FXSAVE_SIZE       512U
#define XSAVE_HEADER_SIZE 64U
#define XSTATE_LEGACY     (XCR0_X87 | XCR0_SSE)

uint32_t arch_cpu_signature(void)
{
    return x86_cpuid(1, 0).eax;
}

/* --- Registers ----------------------------------------------------------------------------------- */

/* Members of the record, and the same in a VMCB; then in the rest of struct vcpu_arch. */
struct field {
    uint16_t record, ours;
};

#define VMCB_FIELD(name, ours) {offsetof(struct hvm_hw_cpu, name), offsetof(struct vmcb, ours)}
#define ARCH_FIELD(name, ours) {offsetof(struct hvm_hw_cpu, name), offsetof(struct vcpu_arch, ours)}
#define GPR_FIELD(name)        ARCH_FIELD(name, gprs.name)

static const struct field vmcb_fields[] = {
    VMCB_FIELD(rip, rip), VMCB_FIELD(rflags, rflags), VMCB_FIELD(cr0, cr0), VMCB_FIELD(cr2, cr2),
    VMCB_FIELD(cr3, cr3), VMCB_FIELD(cr4, cr4), VMCB_FIELD(dr6, dr6), VMCB_FIELD(dr7, dr7),
    VMCB_FIELD(sysenter_cs, sysenter_cs), VMCB_FIELD(sysenter_esp, sysenter_esp),
    VMCB_FIELD(sysenter_eip, sysenter_eip), VMCB_FIELD(shadow_gs, kernel_gs_base),
    VMCB_FIELD(msr_lstar, lstar), VMCB_FIELD(msr_star, star), VMCB_FIELD(msr_cstar, cstar),
    VMCB_FIELD(msr_syscall_mask, sfmask), VMCB_FIELD(msr_efer, efer),
};

static const struct field arch_fields[] = {
    GPR_FIELD(rax), GPR_FIELD(rcx), GPR_FIELD(rdx), GPR_FIELD(rbx), GPR_FIELD(rsp), GPR_FIELD(rbp),
    GPR_FIELD(rsi), GPR_FIELD(rdi), GPR_FIELD(r8), GPR_FIELD(r9), GPR_FIELD(r10), GPR_FIELD(r11),
    GPR_FIELD(r12), GPR_FIELD(r13), GPR_FIELD(r14), GPR_FIELD(r15),
    ARCH_FIELD(dr0, dr[0]), ARCH_FIELD(dr1, dr[1]), ARCH_FIELD(dr2, dr[2]), ARCH_FIELD(dr3, dr[3]),
    ARCH_FIELD(msr_tsc_aux, tsc_aux),
};

static void copy_fields(void *record, void *ours, const struct field *fields, size_t count, bool is_load)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t *theirs = (uint64_t *)((char *)record + fields[i].record);
        uint64_t *own = (uint64_t *)((char *)ours + fields[i].ours);

        *(is_load ? own : theirs) = *(is_load ? theirs : own);
    }
}

/* Segments in the order of the record, which has an array of each of their four parts; of the two tables only
 * limit and base. */
static const uint16_t segments[] = {
    offsetof(struct vmcb, cs), offsetof(struct vmcb, ds), offsetof(struct vmcb, es), offsetof(struct vmcb, fs),
    offsetof(struct vmcb, gs), offsetof(struct vmcb, ss), offsetof(struct vmcb, tr), offsetof(struct vmcb, ldtr),
    offsetof(struct vmcb, idtr), offsetof(struct vmcb, gdtr),
};
#define FULL_SEGMENTS (ARRAY_SIZE(segments) - 2)

struct segment_parts {
    uint32_t selectors[FULL_SEGMENTS], limits[ARRAY_SIZE(segments)];
    uint64_t bases[ARRAY_SIZE(segments)];
    uint32_t attributes[FULL_SEGMENTS];
};
_Static_assert(sizeof(struct segment_parts) ==
                   offsetof(struct hvm_hw_cpu, sysenter_cs) - offsetof(struct hvm_hw_cpu, cs_sel),
               "the record's segments");

static struct segment_parts *parts_of(const struct hvm_hw_cpu *cpu)
{
    return (struct segment_parts *)((const char *)cpu + offsetof(struct hvm_hw_cpu, cs_sel));
}

static void save_segments(const struct vmcb *vmcb, struct hvm_hw_cpu *cpu)
{
    struct segment_parts *parts = parts_of(cpu);

    for (unsigned i = 0; i < ARRAY_SIZE(segments); i++) {
        const struct vmcb_segment *s = (const struct vmcb_segment *)((const char *)vmcb + segments[i]);

        parts->limits[i] = s->limit;
        parts->bases[i] = s->base;
        if (i < FULL_SEGMENTS) {
            parts->selectors[i] = s->selector;
            parts->attributes[i] = s->attributes;
        }
    }
}

static void load_segments(struct vmcb *vmcb, const struct hvm_hw_cpu *cpu)
{
    const struct segment_parts *parts = parts_of(cpu);

    for (unsigned i = 0; i < ARRAY_SIZE(segments); i++) {
        struct vmcb_segment *s = (struct vmcb_segment *)((char *)vmcb + segments[i]);

        *s = (struct vmcb_segment){.limit = parts->limits[i], .base = parts->bases[i]};
        if (i < FULL_SEGMENTS) {
            s->selector = (uint16_t)parts->selectors[i];
            s->attributes = (uint16_t)parts->attributes[i];
        }
    }
}

uint32_t arch_vcpu_save(struct vcpu *v, uint64_t now_tsc, void *body)
{
    struct vmcb *vmcb = v->arch.vmcb;
    struct hvm_hw_cpu *cpu = body;

    memset(cpu, 0, sizeof(*cpu));
    memcpy(cpu->fpu_regs, v->arch.fpu, FXSAVE_SIZE);
    copy_fields(cpu, vmcb, vmcb_fields, ARRAY_SIZE(vmcb_fields), false);
    copy_fields(cpu, &v->arch, arch_fields, ARRAY_SIZE(arch_fields), false);
    save_segments(vmcb, cpu);
    cpu->flags = XEN_X86_FPU_INITIALISED;
    cpu->msr_efer &= ~EFER_SVME;
    cpu->tsc = now_tsc + vmcb->tsc_offset;
    if (vmcb->event_inj & EVENT_VALID) { /* still to be delivered: the record's bits are those of EVENTINJ */
        cpu->pending_event = (uint32_t)vmcb->event_inj;
        cpu->error_code = (uint32_t)(vmcb->event_inj >> 32);
    }
    return sizeof(*cpu);
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
    if (is_paging && is_long &&
        (!(cpu->cr4 & CR4_PAE) || ((cpu->cs_arbytes & SEG_ATTR_L) && (cpu->cs_arbytes & SEG_ATTR_DB)))) {
        return false;
    }
    if (!(cpu->msr_efer & EFER_LMA) != !(is_paging && is_long)) {
        return false;
    }
    return cpu->cr3 >> 52 == 0 && cpu->dr6 >> 32 == 0 && cpu->dr7 >> 32 == 0 &&
           (cpu->rflags & ~RFLAGS_ALLOWED) == 0;
}

static bool check_segments(const struct hvm_hw_cpu *cpu)
{
    const struct segment_parts *parts = parts_of(cpu);
    uint32_t selectors = 0, attributes = 0;

    for (unsigned i = 0; i < FULL_SEGMENTS; i++) {
        selectors |= parts->selectors[i];
        attributes |= parts->attributes[i];
    }
    return selectors <= 0xffff && attributes <= SEG_ATTR_ALL && (cpu->gdtr_limit | cpu->idtr_limit) <= 0xffff;
}

/* What EVENTINJ takes (APM vol. 2, 15.20). */
static bool check_event(const struct hvm_hw_cpu *cpu)
{
    uint64_t type = (uint64_t)cpu->pending_type << 8;

    return !cpu->pending_valid || type == EVENT_TYPE_INTR || type == EVENT_TYPE_NMI || type == EVENT_TYPE_SOFT ||
           (type == EVENT_TYPE_EXC && cpu->pending_vector < 32 && cpu->pending_vector != EXC_NMI);
}

static bool check_mxcsr(const void *fxsave)
{
    uint32_t mxcsr;

    memcpy(&mxcsr, (const char *)fxsave + FXSAVE_MXCSR, sizeof(mxcsr));
    return (mxcsr & ~MXCSR_ALLOWED) == 0;
}

bool arch_vcpu_check(const void *body, uint32_t length)
{
    const struct hvm_hw_cpu *cpu = body;

    return !((cpu->flags & XEN_X86_FPU_INITIALISED) && !check_mxcsr(cpu->fpu_regs)) && check_control(cpu) &&
           check_segments(cpu) && check_event(cpu);
}

static unsigned cpl_of(const struct hvm_hw_cpu *cpu)
{
    unsigned in_protected = cpu->rflags & RFLAGS_VM ? 3 : cpu->ss_arbytes >> SEG_ATTR_DPL_SHIFT & 3;

    return cpu->cr0 & CR0_PE ? in_protected : 0;
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

void arch_vcpu_load(struct vcpu *v, const void *body, uint32_t length)
{
    struct vmcb *vmcb = v->arch.vmcb;
    const struct hvm_hw_cpu *cpu = body;

    copy_fields((void *)body, vmcb, vmcb_fields, ARRAY_SIZE(vmcb_fields), true);
    copy_fields((void *)body, &v->arch, arch_fields, ARRAY_SIZE(arch_fields), true);
    load_segments(vmcb, cpu);
    load_fpu(v, cpu);
    vmcb->cpl = (uint8_t)cpl_of(cpu);
    vmcb->rflags |= RFLAGS_RESERVED1;
    vmcb->cr0 |= CR0_ET;
    vmcb->efer |= EFER_SVME;
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

uint32_t arch_vcpu_save_mtrr(struct vcpu *v, uint64_t now_tsc, void *body)
{
    *(struct hvm_hw_mtrr *)body =
        (struct hvm_hw_mtrr){.msr_pat_cr = v->arch.vmcb->g_pat, .msr_mtrr_def_type = MTRR_WRITE_BACK};
    return sizeof(struct hvm_hw_mtrr);
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

bool arch_vcpu_check_mtrr(const void *body, uint32_t length)
{
    return svm_pat_is_valid(((const struct hvm_hw_mtrr *)body)->msr_pat_cr);
}

void arch_vcpu_load_mtrr(struct vcpu *v, const void *body, uint32_t length)
{
    v->arch.vmcb->g_pat = ((const struct hvm_hw_mtrr *)body)->msr_pat_cr;
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

uint32_t arch_vcpu_save_xsave(struct vcpu *v, uint64_t now_tsc, void *body)
{
    struct hvm_hw_cpu_xsave *xsave = body;

    if (fpu_supported_xcr0() == 0) {
        return 0;
    }
    xsave->xfeature_mask = xsave->xcr0_accum = fpu_supported_xcr0();
    xsave->xcr0 = v->arch.xcr0;
    memcpy(&xsave->save_area, v->arch.fpu, area_size());
    /* PKRU is switched, but not offered. */
    xsave->save_area.xsave_hdr.xstate_bv &= fpu_supported_xcr0();
    return (uint32_t)arch_vcpu_xsave_size();
}

bool arch_vcpu_check_xsave(const void *body, uint32_t size)
{
    const struct hvm_hw_cpu_xsave *xsave = body;
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

void arch_vcpu_load_xsave(struct vcpu *v, const void *body, uint32_t size)
{
    const struct hvm_hw_cpu_xsave *xsave = body;
    uint8_t *area = v->arch.fpu;
    uint64_t *header = (uint64_t *)(area + FXSAVE_SIZE);

    memset(area, 0, area_size());
    memcpy(area, &xsave->save_area, MIN(size - offsetof(struct hvm_hw_cpu_xsave, save_area), area_size()));
    memset(header, 0, XSAVE_HEADER_SIZE);
    header[0] = xsave->save_area.xsave_hdr.xstate_bv;
    v->arch.xcr0 = xsave->xcr0;
}
