/* SPDX-License-Identifier: Apache-2.0 */
/* CPUID: the domain's policy answers, never the host. */
#include <hv/cpuid_policy.h>

#include "svm.h"

#define CPUID_XSTATE 0xdu

void svm_exit_cpuid(struct vcpu *v)
{
    struct guest_gprs *gprs = &v->arch.gprs;
    struct cpuid_regs regs;

    if ((uint32_t)gprs->rax == CPUID_XSTATE) { /* its sizes are those of XCR0 */
        fpu_read_xcr0(v);
    }
    cpuid_policy_query(v, (uint32_t)gprs->rax, (uint32_t)gprs->rcx, &regs);
    gprs->rax = regs.eax;
    gprs->rbx = regs.ebx;
    gprs->rcx = regs.ecx;
    gprs->rdx = regs.edx;
    arch_vcpu_advance_rip(v, svm_insn_length(v, 2));
}
