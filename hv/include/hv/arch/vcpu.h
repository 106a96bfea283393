/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processor part keeps in each vCPU, and the seam by which core code asks for
 * things that only it can do.
 */
#pragma once

#include <hv/types.h>

struct vcpu;
struct vmcb;
struct vlapic;

/* General registers that the VMCB does not hold; RAX, RSP, RIP and RFLAGS live in the VMCB. Order is
 * the one instruction encodings use, so that a ModRM register number indexes it. */
struct guest_gprs {
    uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
};

struct vcpu_arch {
    struct guest_gprs gprs;   /* rax and rsp are kept equal to the VMCB's around a handler */
    struct vmcb *vmcb;
    mfn_t vmcb_mfn;
    void *fpu;                /* FXSAVE or XSAVE area */
    struct vlapic *vlapic;
    uint64_t flush_gen;       /* p2m generation its TLB entries are of */
    uint64_t asid_generation; /* of the CPU it last ran on */
    int offered;              /* interrupt vector that the processor may deliver (svm/inject.c); -1 */
    int last_cpu;             /* CPU its VMSAVE state and TLB entries were last loaded on; -1 */
    bool nmi_pending;
    uint64_t xcr0;
    uint64_t dr[4];           /* breakpoint addresses, while it is not loaded on a CPU */
    uint64_t tsc_aux;
};

/* Vendor part, per vCPU: a VMCB in the reset or PVH start state. 0 or -XEN_ENOMEM; to be freed in either case. */
int arch_vcpu_init(struct vcpu *v);
void arch_vcpu_free(struct vcpu *v);

/* Makes v ready to enter the guest in the PVH start state (docs/misc/pvh.pandoc of the ABI): 32-bit
 * flat protected mode, paging off, at eip with ebx. */
void arch_vcpu_set_pvh_entry(struct vcpu *v, uint32_t eip, uint32_t ebx);
/* INIT, then SIPI: real mode at vector << 12. */
void arch_vcpu_reset(struct vcpu *v);
void arch_vcpu_sipi(struct vcpu *v, uint8_t vector);

/* Queues an exception for v's next entry (v is current). */
void arch_inject_exception(struct vcpu *v, unsigned vector, bool has_error, uint32_t error_code);
void arch_inject_page_fault(struct vcpu *v, uint64_t linear, uint32_t error_code);

/* Current privilege level of v (0-3). */
unsigned arch_vcpu_cpl(const struct vcpu *v);

/* What instruction emulation needs of v, which is current and stands at a VM exit. */
uint64_t arch_vcpu_rip(const struct vcpu *v);
/* Moves RIP past an emulated instruction (wrapping at the code size), ends an interrupt shadow, and
 * queues #DB when it was single-stepped. */
void arch_vcpu_advance_rip(struct vcpu *v, unsigned length);
/* Code size by CS and EFER.LMA: 16, 32 or 64. */
unsigned arch_vcpu_code_bits(const struct vcpu *v);
/* Base of a segment, by its encoding (ES 0, CS 1, SS 2, DS 3, FS 4, GS 5); in 64-bit code 0 for the first four. */
uint64_t arch_vcpu_segment_base(const struct vcpu *v, unsigned segment);
/* Whether bytes first to last lie in a segment, which matters outside of 64-bit code. */
bool arch_vcpu_is_in_segment(const struct vcpu *v, unsigned segment, uint64_t first, uint64_t last);
uint64_t arch_vcpu_rflags(const struct vcpu *v);
void arch_vcpu_set_rflags(struct vcpu *v, uint64_t rflags);
/* Control state that shows in CPUID (OSXSAVE, OSPKE). */
uint64_t arch_vcpu_cr4(const struct vcpu *v);

/* An access of 1, 2 or 4 bytes to a port that v does not reach itself. */
uint32_t arch_port_read(struct vcpu *v, uint16_t port, unsigned size);
void arch_port_write(struct vcpu *v, uint16_t port, unsigned size, uint32_t value);
