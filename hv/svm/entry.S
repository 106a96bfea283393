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

    .macro load reg, offset
    mov     \offset(%rdi), %\reg
    .endm
    .macro store reg, offset
    mov     %\reg, \offset(%rax)
    .endm
/* Each register but RAX and RSP, and its offset in struct guest_gprs; RDI, the pointer, last. */
    .macro each_gpr op
    \op     rcx, 0x08
    \op     rdx, 0x10
    \op     rbx, 0x18
    \op     rbp, 0x28
    \op     rsi, 0x30
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    \op     r\n, 8*\n
    .endr
    \op     rdi, 0x38
    .endm

svm_enter:
    .irp reg, rbp, rbx, r12, r13, r14, r15, rdi
    push    %\reg
    .endr
    mov     %rsi, %rax
    clgi
    sti
    each_gpr load /* the interrupt shadow of STI ends here: QEMU would take it into the guest */
    vmrun   %rax
    cli

    /* The processor would predict the next returns from the guest's own calls: two functions are left from here
     * (and cpu_run() never is), so two calls of ours go on top. What is run ahead of these returns is INT3. */
    call    1f
    int3
1:  call    2f
    int3
2:  add     $2*8, %rsp

    /* RAX is free: the guest's is in the VMCB. */
    mov     (%rsp), %rax
    each_gpr store

    lea     6*8(%rsp), %rbp /* a frame: an NMI that waited comes at STGI, and may print the stack */
    stgi
    .irp reg, rdi, r15, r14, r13, r12, rbx, rbp
    pop     %\reg
    .endr
    ret
    .size svm_enter, . - svm_enter

    .section .note.GNU-stack, "", @progbits
