/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every reason for which a guest stops, as a table of contents. A handler ends with the guest's state
 * as the instruction would have left it, or with an exception queued.
 */
#include <hv/decode.h>
#include <hv/guest_copy.h>
#include <hv/trace.h>
#include <hv/vlapic.h>

#include "svm.h"

/* Enough for every intercepted instruction without prefixes, and a word. */
#define DECODE_PLAIN_BYTES 4U

unsigned svm_insn_length(struct vcpu *v, unsigned usual)
{
    struct vmcb *vmcb = v->arch.vmcb;
    uint8_t bytes[DECODE_MAX_LENGTH];
    struct decoded insn;
    unsigned length;
    size_t count;

    if (svm_features.has_next_rip && vmcb->next_rip > vmcb->rip) {
        return vmcb->next_rip - vmcb->rip;
    }
    count = guest_fetch(v, bytes, svm_code_address(v), DECODE_PLAIN_BYTES);
    length = decode_plain_length(bytes, count);
    if (likely(length != 0)) {
        return length;
    }
    count = guest_fetch(v, bytes, svm_code_address(v), sizeof(bytes));
    return decode_instruction(bytes, count, arch_vcpu_code_bits(v), &insn) == DECODE_OK ? insn.length : usual;
}

void arch_vcpu_advance_rip(struct vcpu *v, unsigned length)
{
    struct vmcb *vmcb = v->arch.vmcb;

    vmcb->rip += length;
    if (arch_vcpu_code_bits(v) != 64) {
        vmcb->rip = (uint32_t)vmcb->rip;
    }
    vmcb->interrupt_shadow &= ~1UL;
    if (unlikely(vmcb->rflags & (RFLAGS_TF | RFLAGS_RF))) {
        vmcb->rflags &= ~RFLAGS_RF;
        if (vmcb->rflags & RFLAGS_TF) {
            vmcb->dr6 |= 1UL << 14; /* BS */
            vmcb->clean &= ~CLEAN_DRX;
            arch_inject_exception(v, EXC_DB, false, 0);
        }
    }
}

/* #DB and #AC are only intercepted so that a guest cannot keep the processor in their delivery for
 * ever: they are handed straight back. */
static void exit_exception(struct vcpu *v, unsigned vector)
{
    struct vmcb *vmcb = v->arch.vmcb;
    bool has_error = vector == EXC_AC;

    arch_inject_exception(v, vector, has_error, has_error ? (uint32_t)vmcb->exit_info1 : 0);
}

static void exit_crash(struct vcpu *v, const char *why)
{
    struct vmcb *vmcb = v->arch.vmcb;

    if (vmcb->exit_code == VMEXIT_EXCEPTION + EXC_MC) { /* the host's: intercepted for that (15.12) */
        panic("machine check while d%uv%u ran", v->domain->domid, v->id);
    }
    domain_crash(v->domain, "d%uv%u: %s: #VMEXIT %lx (info %lx %lx) at %lx, cr0 %lx cr4 %lx efer %lx inj %lx",
                 v->domain->domid, v->id, why, vmcb->exit_code, vmcb->exit_info1, vmcb->exit_info2, vmcb->rip,
                 vmcb->cr0, vmcb->cr4, vmcb->efer, vmcb->event_inj);
}

void svm_handle_exit(struct vcpu *v)
{
    struct vmcb *vmcb = v->arch.vmcb;
    unsigned reason = vmcb->exit_code % COUNTERS_EXITS;

    svm_keep_interrupted_event(vmcb);
    v->exit_count[reason]++;
    this_cpu()->counters.exits[reason]++;
    trace(TRC_HVM_VMEXIT64, (uint32_t)vmcb->exit_code, (uint32_t)vmcb->rip, (uint32_t)(vmcb->rip >> 32));

    if (likely(vmcb->exit_code == VMEXIT_VMMCALL)) { /* the switch is a chain of comparisons */
        svm_exit_vmmcall(v);
        return;
    }
    switch (vmcb->exit_code) {
    case VMEXIT_INTR: /* taken in the window behind us */
    case VMEXIT_NMI:
    case VMEXIT_SMI:
    case VMEXIT_VINTR:
        return;
    case VMEXIT_HLT:
        svm_exit_hlt(v);
        return;
    case VMEXIT_CPUID:
        svm_exit_cpuid(v);
        return;
    case VMEXIT_MSR:
        svm_exit_msr(v);
        return;
    case VMEXIT_NPF:
        svm_exit_npf(v);
        return;
    case VMEXIT_IOIO:
        svm_exit_ioio(v);
        return;
    case VMEXIT_CR8_READ:
    case VMEXIT_CR8_WRITE:
        svm_exit_cr8(v, vmcb->exit_code == VMEXIT_CR8_WRITE);
        return;
    case VMEXIT_XSETBV:
        svm_exit_xsetbv(v);
        return;
    case VMEXIT_INVD: /* nothing of the host may be lost: as WBINVD, which coherent guests need not */
    case VMEXIT_WBINVD:
        arch_vcpu_advance_rip(v, svm_insn_length(v, 2));
        return;
    case VMEXIT_RDPMC: /* no performance counters are offered */
        arch_inject_exception(v, EXC_GP, true, 0);
        return;
    case VMEXIT_SHUTDOWN:
        svm_exit_shutdown(v);
        return;
    case VMEXIT_EXCEPTION + EXC_DB:
    case VMEXIT_EXCEPTION + EXC_AC:
        exit_exception(v, vmcb->exit_code - VMEXIT_EXCEPTION);
        return;
    case VMEXIT_INVALID:
    case (uint32_t)VMEXIT_INVALID: /* QEMU writes the low half alone */
        exit_crash(v, "VMRUN refused the state");
        return;
    default:
        /* SVM instructions, MONITOR, MWAIT, RDTSCP, RDPRU: not in the CPUID. */
        if ((vmcb->exit_code >= VMEXIT_VMRUN && vmcb->exit_code <= VMEXIT_RDPRU) || vmcb->exit_code == VMEXIT_INVLPGA) {
            arch_inject_exception(v, EXC_UD, false, 0);
            return;
        }
        exit_crash(v, "unexpected"); /* task switches, INIT: not offered; machine checks */
    }
}
