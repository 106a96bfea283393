/* SPDX-License-Identifier: Apache-2.0 */
/* What the SVM files share among themselves. */
#pragma once

#include <hv/arch/x86.h>
#include <hv/vcpu.h>

#include "vmcb.h"

struct cpu;

/* What this host's SVM can do (CPUID 8000_000A, APM vol. 2, 15.1.2 and appendix). */
struct svm_features {
    uint32_t asid_count;
    bool has_next_rip, has_decode_assist, has_clean_bits, has_ibpb;
};

extern struct svm_features svm_features;

/* What guests may have in EFER, and what they find in MTRRdefType: enabled, write-back for all memory. */
#define EFER_ALLOWED    (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_FFXSR)
#define MTRR_WRITE_BACK 0x806UL

#define FXSAVE_MXCSR 24U /* where MXCSR is in an FXSAVE area */

/* Per-CPU SVM state. */
struct svm_cpu {
    mfn_t host_save;
    uint64_t asid_generation; /* bumped when the ASIDs ran out: all are flushed */
    uint32_t next_asid;
    struct vcpu *loaded;      /* whose VMLOAD state and FPU this CPU holds */
    domid_t last_domid;       /* who trained its branch predictors */
};

/* Whether v, which is about to run here, must not be steered by the predictors as they are. Domids are not soon used again. */
static inline bool svm_needs_ibpb(struct svm_cpu *s, const struct vcpu *v)
{
    bool is_other = s->last_domid != v->domain->domid;

    s->last_domid = v->domain->domid;
    return is_other && svm_features.has_ibpb;
}

/* Gives v an ASID that has no stale translations on this CPU, if its present one may have. Called
 * with c->in_guest set, so that a flush that comes later sees us. */
void svm_asid_update(struct cpu *c, struct vcpu *v);

/* entry.S: loads the registers, enters the guest, returns at the next #VMEXIT with GIF set, IF clear. */
void svm_enter(struct guest_gprs *gprs, uint64_t vmcb_paddr);

/* run.c: has FS and GS of v, which is loaded here, written into its VMCB: #VMEXIT does not (15.6), VMSAVE does. */
void svm_save_segments(const struct vcpu *v);

/* exit.c: handles the exit that v has just taken. */
void svm_handle_exit(struct vcpu *v);
/* Interrupts that wait are taken here, on this CPU's own stack; no lock is held. */
static inline void svm_interrupt_window(void)
{
    __asm__ volatile("sti; nop; cli" : : : "memory");
}

/* inject.c. An exit came while an event was being delivered: it is delivered again (15.7.2). */
void svm_keep_interrupted_event(struct vmcb *vmcb);
/* Puts what is pending into the VMCB; an interrupt is offered, and v->arch.offered says which. */
void svm_inject(struct vcpu *v);
/* After the exit of a v with an offer, or when it was not entered: it was delivered, or it waits in the vLAPIC again. */
void svm_take_back(struct vcpu *v);

/* One handler a reason. */
void svm_exit_cpuid(struct vcpu *v);
void svm_exit_msr(struct vcpu *v);
void svm_exit_ioio(struct vcpu *v);
void svm_exit_npf(struct vcpu *v);
void svm_exit_hlt(struct vcpu *v);
void svm_exit_vmmcall(struct vcpu *v);
void svm_exit_cr8(struct vcpu *v, bool is_write);
void svm_exit_xsetbv(struct vcpu *v);
void svm_exit_shutdown(struct vcpu *v);

/* Length of the intercepted instruction: what the CPU says, else decoded. `usual` is its length
 * without prefixes, believed if the bytes cannot be fetched. */
unsigned svm_insn_length(struct vcpu *v, unsigned usual);

/* io_policy.c: the I/O and MSR permission maps. */
extern uint8_t *svm_default_iopm, *svm_default_msrpm;

/* A trapped port access of 1, 2 or 4 bytes. */
uint32_t svm_port_read(struct vcpu *v, uint16_t port, unsigned size);
void svm_port_write(struct vcpu *v, uint16_t port, unsigned size, uint32_t value);

/* fpu.c */
int fpu_init_vcpu(struct vcpu *v);
void fpu_init_cpu(void);
void fpu_save(struct vcpu *v);
void fpu_restore(struct vcpu *v);
/* Components guests may enable; 0 without XSAVE. */
uint64_t fpu_supported_xcr0(void);
/* v is loaded on this CPU; the value was checked. */
void fpu_set_xcr0(struct vcpu *v, uint64_t xcr0);
/* Takes the XCR0 of the vCPU that is loaded here from the processor. */
void fpu_read_xcr0(struct vcpu *v);

/* context.c: whether the processor takes this PAT. */
bool svm_pat_is_valid(uint64_t pat);

/* hypercall_page.c: the guest wants the hypercall page written at a guest-physical address. */
bool svm_write_hypercall_msr(struct vcpu *v, uint32_t msr, uint64_t value);
