/* SPDX-License-Identifier: Apache-2.0 */
/* A vCPU's VMCB: its making, its well-defined states (reset, SIPI, PVH entry), and the seam functions. */
#include <hv/vlapic.h>

#include "svm.h"

#define ATTR_CODE16 (SEG_ATTR_P | SEG_ATTR_S | 0xb)
#define ATTR_DATA16 (SEG_ATTR_P | SEG_ATTR_S | 0x3)
#define ATTR_CODE32 (SEG_ATTR_P | SEG_ATTR_S | 0xb | SEG_ATTR_DB | SEG_ATTR_G)
#define ATTR_DATA32 (SEG_ATTR_P | SEG_ATTR_S | 0x3 | SEG_ATTR_DB | SEG_ATTR_G)
#define ATTR_LDT    (SEG_ATTR_P | 0x2)
#define ATTR_TSS    (SEG_ATTR_P | 0xb)

#define PAT_RESET 0x0007040600070406UL

static void set_intercepts(struct vmcb *vmcb)
{
    vmcb->intercepts[0] = INTERCEPT_CR_READ(8) | INTERCEPT_CR_WRITE(8);
    vmcb->intercepts[2] = 1U << EXC_DB | 1U << EXC_AC | 1U << EXC_MC;
    vmcb->intercepts[3] = INTERCEPT3_INTR | INTERCEPT3_NMI | INTERCEPT3_SMI | INTERCEPT3_INIT |
                          INTERCEPT3_RDPMC | INTERCEPT3_CPUID | INTERCEPT3_INVD | INTERCEPT3_HLT |
                          INTERCEPT3_INVLPGA | INTERCEPT3_IOIO | INTERCEPT3_MSR |
                          INTERCEPT3_TASK_SWITCH | INTERCEPT3_SHUTDOWN;
    vmcb->intercepts[4] = INTERCEPT4_VMRUN | INTERCEPT4_VMMCALL | INTERCEPT4_VMLOAD | INTERCEPT4_VMSAVE |
                          INTERCEPT4_STGI | INTERCEPT4_CLGI | INTERCEPT4_SKINIT | INTERCEPT4_RDTSCP |
                          INTERCEPT4_WBINVD | INTERCEPT4_MONITOR | INTERCEPT4_MWAIT |
                          INTERCEPT4_XSETBV | INTERCEPT4_RDPRU;
}

/* What all states have in common. */
static void clear_state(struct vmcb *vmcb, uint16_t code_attr, uint16_t data_attr, uint32_t limit)
{
    const struct vmcb_segment data = {.attributes = data_attr, .limit = limit}, table = {.limit = 0xffff};

    vmcb->cs = (struct vmcb_segment){.attributes = code_attr, .limit = limit};
    vmcb->ds = vmcb->es = vmcb->ss = vmcb->fs = vmcb->gs = data;
    vmcb->gdtr = vmcb->idtr = table;
    vmcb->ldtr = (struct vmcb_segment){.attributes = ATTR_LDT, .limit = 0xffff};
    vmcb->tr = (struct vmcb_segment){.attributes = ATTR_TSS, .limit = 0x67};
    vmcb->cpl = 0;
    vmcb->efer = EFER_SVME;
    vmcb->cr0 = CR0_ET;
    vmcb->cr2 = vmcb->cr3 = vmcb->cr4 = 0;
    vmcb->dr6 = 0xffff0ff0;
    vmcb->dr7 = 0x400;
    vmcb->rflags = RFLAGS_RESERVED1;
    vmcb->interrupt_shadow = 0;
    vmcb->event_inj = 0;
    vmcb->clean = 0;
}

int arch_vcpu_init(struct vcpu *v)
{
    struct vmcb *vmcb = page_alloc();

    if (vmcb == NULL) {
        return -XEN_ENOMEM;
    }
    v->arch.vmcb = vmcb;
    v->arch.vmcb_mfn = virt_to_mfn(vmcb);
    v->arch.last_cpu = -1;
    v->arch.offered = -1;
    set_intercepts(vmcb);
    vmcb->iopm_base = virt_to_mfn(v->domain->io_bitmap != NULL ? v->domain->io_bitmap : svm_default_iopm).n
                      << PAGE_SHIFT;
    vmcb->msrpm_base = virt_to_mfn(svm_default_msrpm).n << PAGE_SHIFT;
    vmcb->tsc_offset = v->domain->tsc_offset;
    vmcb->vintr = VINTR_MASKING;
    vmcb->np_enable = 1;
    vmcb->np_cr3 = v->domain->p2m.root.n << PAGE_SHIFT;
    vmcb->g_pat = PAT_RESET;
    clear_state(vmcb, ATTR_CODE16, ATTR_DATA16, 0xffff);
    return fpu_init_vcpu(v);
}

void arch_vcpu_free(struct vcpu *v)
{
    page_free(v->arch.fpu);
    page_free(v->arch.vmcb);
}

void arch_vcpu_set_pvh_entry(struct vcpu *v, uint32_t eip, uint32_t ebx)
{
    struct vmcb *vmcb = v->arch.vmcb;

    clear_state(vmcb, ATTR_CODE32, ATTR_DATA32, 0xffffffff);
    vmcb->cr0 = CR0_ET | CR0_PE;
    vmcb->rip = eip;
    memset(&v->arch.gprs, 0, sizeof(v->arch.gprs));
    v->arch.gprs.rbx = ebx;
    v->is_initialised = true;
}

void arch_vcpu_reset(struct vcpu *v)
{
    clear_state(v->arch.vmcb, ATTR_CODE16, ATTR_DATA16, 0xffff);
    memset(&v->arch.gprs, 0, sizeof(v->arch.gprs));
    v->arch.nmi_pending = false;
}

void arch_vcpu_sipi(struct vcpu *v, uint8_t vector)
{
    v->arch.vmcb->cs = (struct vmcb_segment){(uint16_t)(vector << 8), ATTR_CODE16, 0xffff, (uint64_t)vector << 12};
    v->arch.vmcb->rip = 0;
    v->arch.vmcb->clean = 0;
    v->is_initialised = true;
}

unsigned arch_vcpu_cpl(const struct vcpu *v)
{
    return v->arch.vmcb->cpl;
}

uint64_t arch_vcpu_rip(const struct vcpu *v)
{
    return v->arch.vmcb->rip;
}

unsigned arch_vcpu_code_bits(const struct vcpu *v)
{
    const struct vmcb *vmcb = v->arch.vmcb;

    if ((vmcb->efer & EFER_LMA) && (vmcb->cs.attributes & SEG_ATTR_L)) {
        return 64;
    }
    if (!(vmcb->cr0 & CR0_PE) || (vmcb->rflags & RFLAGS_VM)) {
        return 16;
    }
    return vmcb->cs.attributes & SEG_ATTR_DB ? 32 : 16;
}

uint64_t arch_vcpu_rflags(const struct vcpu *v)
{
    return v->arch.vmcb->rflags;
}

void arch_vcpu_set_rflags(struct vcpu *v, uint64_t rflags)
{
    v->arch.vmcb->rflags = rflags | RFLAGS_RESERVED1;
}

uint64_t arch_vcpu_cr4(const struct vcpu *v)
{
    return v->arch.vmcb->cr4;
}

void arch_vcpu_paging(const struct vcpu *v, struct guest_paging *paging)
{
    const struct vmcb *vmcb = v->arch.vmcb;

    *paging = (struct guest_paging){vmcb->cr0, vmcb->cr3, vmcb->cr4, vmcb->efer};
}
