/* SPDX-License-Identifier: Apache-2.0 */
/* The vendor part of a vCPU, for unit tests: a VMCB and an FPU area that no processor ever sees. */
#include "fake.h"

#include <hv/arch/machine.h>
#include <hv/print.h>

#include "svm/svm.h"

uint64_t fake_xcr0 = 7;
struct svm_features svm_features;

int arch_vcpu_init(struct vcpu *v)
{
    v->arch.vmcb = page_alloc();
    v->arch.fpu = page_alloc();
    if (v->arch.vmcb == NULL || v->arch.fpu == NULL) {
        return -XEN_ENOMEM;
    }
    v->arch.vmcb->cr0 = CR0_ET;
    v->arch.vmcb->rflags = RFLAGS_RESERVED1;
    v->arch.xcr0 = 1;
    v->arch.offered = -1;
    return 0;
}

void arch_vcpu_free(struct vcpu *v)
{
    page_free(v->arch.vmcb);
    page_free(v->arch.fpu);
}

bool machine_check_show(void)
{
    return false;
}

uint64_t fpu_supported_xcr0(void)
{
    return fake_xcr0;
}

void arch_vcpu_reset(struct vcpu *v)
{
    v->arch.vmcb->rip = 0xfff0;
}

void arch_vcpu_sipi(struct vcpu *v, uint8_t vector)
{
    v->arch.vmcb->rip = (uint64_t)vector << 12;
}

unsigned arch_vcpu_cpl(const struct vcpu *v)
{
    return v->arch.vmcb->cpl;
}

uint64_t arch_vcpu_rip(const struct vcpu *v)
{
    return v->arch.vmcb->rip;
}

void arch_vcpu_advance_rip(struct vcpu *v, unsigned length)
{
    v->arch.vmcb->rip += length;
}

unsigned svm_insn_length(struct vcpu *v, unsigned usual)
{
    return usual;
}

void fpu_set_xcr0(struct vcpu *v, uint64_t xcr0)
{
    v->arch.xcr0 = xcr0;
}

unsigned fake_code_bits = 64;

unsigned arch_vcpu_code_bits(const struct vcpu *v)
{
    return fake_code_bits;
}

void svm_save_segments(const struct vcpu *v)
{
    (void)v;
}

uint16_t fake_port;
uint32_t fake_port_value;

uint32_t arch_port_read(struct vcpu *v, uint16_t port, unsigned size)
{
    fake_port = port;
    return fake_port_value;
}

void arch_port_write(struct vcpu *v, uint16_t port, unsigned size, uint32_t value)
{
    fake_port = port;
    fake_port_value = value;
}

uint64_t arch_vcpu_rflags(const struct vcpu *v)
{
    return v->arch.vmcb->rflags;
}

void arch_vcpu_set_rflags(struct vcpu *v, uint64_t rflags)
{
    v->arch.vmcb->rflags = rflags;
}

uint64_t arch_vcpu_cr4(const struct vcpu *v)
{
    return v->arch.vmcb->cr4;
}

void arch_vcpu_paging(const struct vcpu *v, struct guest_paging *paging)
{
    const struct vmcb *vmcb = v->arch.vmcb;

    *paging = (struct guest_paging){.cr0 = vmcb->cr0, .cr3 = vmcb->cr3, .cr4 = vmcb->cr4, .efer = vmcb->efer};
}
