/* SPDX-License-Identifier: Apache-2.0 */
/* The small exits: HLT, shutdown (triple fault), CR8 and XSETBV. */
#include <hv/arch/machine.h>
#include <hv/decode.h>
#include <hv/guest_copy.h>
#include <hv/print.h>
#include <hv/vlapic.h>
#include <xen/sched.h>

#include "svm.h"

/* HLT with interrupts off can only be ended by INIT or NMI: the guest has taken this CPU offline. The
 * last one to do so has powered off (guest-abi 1.5). */
static void halt_for_good(struct vcpu *v)
{
    WRITE_ONCE(v->is_halted, true);
    vcpu_set_flag(v, VCPU_DOWN);
    if (vlapic_has_init_sipi(v) || READ_ONCE(v->arch.nmi_pending)) { /* came while it was going down */
        vcpu_clear_flag(v, VCPU_DOWN);
        return;
    }
    domain_check_down(v->domain);
}

void svm_exit_hlt(struct vcpu *v)
{
    arch_vcpu_advance_rip(v, svm_insn_length(v, 1));
    if (v->arch.vmcb->event_inj & EVENT_VALID) {
        return;
    }
    if (!(v->arch.vmcb->rflags & RFLAGS_IF) && !READ_ONCE(v->arch.nmi_pending)) {
        halt_for_good(v);
        return;
    }
    vcpu_block(v);
}

void svm_exit_shutdown(struct vcpu *v)
{
    if (machine_check_show()) { /* becomes a shutdown where CR4.MCE is off, as the guest's is (chapter 9) */
        panic("machine check while d%uv%u ran", v->domain->domid, v->id);
    }
    printk_guest("d%uv%u: triple fault at %lx\n", v->domain->domid, v->id, v->arch.vmcb->rip);
    /* The VMCB is undefined after this exit (15.14.3): v does not run again. */
    domain_shutdown(v->domain, SHUTDOWN_reboot);
}

/* The vLAPIC's TPR is the only one: V_TPR stays 0, and nothing has to keep it in step. */
void svm_exit_cr8(struct vcpu *v, bool is_write)
{
    uint8_t bytes[DECODE_MAX_LENGTH];
    struct decoded insn;
    size_t count = guest_fetch(v, bytes, svm_code_address(v), sizeof(bytes));
    uint64_t *reg;

    if (decode_instruction(bytes, count, arch_vcpu_code_bits(v), &insn) != DECODE_OK) {
        arch_inject_exception(v, EXC_UD, false, 0);
        return;
    }
    reg = &((uint64_t *)&v->arch.gprs)[insn.rm & 15];
    if (!is_write) {
        *reg = vlapic_get_cr8(v);
    } else if (*reg <= 0xf) {
        vlapic_set_cr8(v, (uint8_t)*reg);
    } else {
        arch_inject_exception(v, EXC_GP, true, 0);
        return;
    }
    arch_vcpu_advance_rip(v, insn.length);
}

void svm_exit_xsetbv(struct vcpu *v)
{
    uint64_t value = (uint32_t)v->arch.gprs.rax | v->arch.gprs.rdx << 32;
    uint64_t supported = fpu_supported_xcr0();

    /* Only XCR0; x87 always on; AVX state needs SSE state (APM vol. 2, 11.5.2). */
    if (!(v->arch.vmcb->cr4 & CR4_OSXSAVE) || supported == 0) {
        arch_inject_exception(v, EXC_UD, false, 0);
        return;
    }
    if (v->arch.vmcb->cpl != 0 || (uint32_t)v->arch.gprs.rcx != 0 || !(value & 1) || (value & ~supported) ||
        (value & 6) == 4) {
        arch_inject_exception(v, EXC_GP, true, 0);
        return;
    }
    fpu_set_xcr0(v, value);
    arch_vcpu_advance_rip(v, svm_insn_length(v, 3));
}
