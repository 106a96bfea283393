/* SPDX-License-Identifier: Apache-2.0 */
/*
 * void svm_enter(struct guest_gprs *gprs, uint64_t vmcb_paddr)
 *
 * The way into a guest and out again (AMD64 APM vol. 2, 15.5, 15.6). RAX, RSP, RIP and RFLAGS travel
 * in the VMCB, everything else here. GIF is clear between CLGI and VMRUN and from #VMEXIT to STGI, so no
 * interrupt is lost: IF is set before VMRUN because with V_INTR_MASKING the host's IF says whether a
 * physical interrupt makes the guest exit (15.21.1).
 */
    .section .text
    .globl svm_enter
    .type svm_enter, @function

/* Offsets in struct guest_gprs. */
#define G_RCX 0x08
#define G_RDX 0x10
#define G_RBX 0x18
#define G_RBP 0x28
#define G_RSI 0x30
#define G_RDI 0x38
#define G_R8  0x40
#define G_R9  0x48
#define G_R10 0x50
#define G_R11 0x58
#define G_R12 0x60
#define G_R13 0x68
#define G_R14 0x70
#define G_R15 0x78

svm_enter:
    push    %rbp
    push    %rbx
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    push    %rdi
    mov     %rsi, %rax

    mov     G_RCX(%rdi), %rcx
    mov     G_RDX(%rdi), %rdx
    mov     G_RBX(%rdi), %rbx
    mov     G_RBP(%rdi), %rbp
    mov     G_RSI(%rdi), %rsi
    mov     G_R8(%rdi), %r8
    mov     G_R9(%rdi), %r9
    mov     G_R10(%rdi), %r10
    mov     G_R11(%rdi), %r11
    mov     G_R12(%rdi), %r12
    mov     G_R13(%rdi), %r13
    mov     G_R14(%rdi), %r14
    mov     G_R15(%rdi), %r15
    mov     G_RDI(%rdi), %rdi

    clgi
    sti
    vmrun   %rax
    cli

    /* RAX is free: the guest's is in the VMCB. */
    mov     (%rsp), %rax
    mov     %rcx, G_RCX(%rax)
    mov     %rdx, G_RDX(%rax)
    mov     %rbx, G_RBX(%rax)
    mov     %rbp, G_RBP(%rax)
    mov     %rsi, G_RSI(%rax)
    mov     %rdi, G_RDI(%rax)
    mov     %r8, G_R8(%rax)
    mov     %r9, G_R9(%rax)
    mov     %r10, G_R10(%rax)
    mov     %r11, G_R11(%rax)
    mov     %r12, G_R12(%rax)
    mov     %r13, G_R13(%rax)
    mov     %r14, G_R14(%rax)
    mov     %r15, G_R15(%rax)

    lea     6*8(%rsp), %rbp /* a frame: an NMI that waited comes at STGI, and may print the stack */
    stgi
    pop     %rdi
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbx
    pop     %rbp
    ret
    .size svm_enter, . - svm_enter

    .section .note.GNU-stack, "", @progbits
