/* SPDX-License-Identifier: Apache-2.0 */
/* One stub a vector: pushes what struct trap_frame says, calls trap_handle(), returns. The stack is the CPU's only
 * one; the CPU has aligned it to 16 bytes, and the frame is 22 quadwords. */
    .altmacro

    .macro stub number
trap_stub_\number:
    .if \number == 8 || (\number >= 10 && \number <= 14) || \number == 17 || \number == 21 || \number == 29 || \number == 30
    .else
    push $0
    .endif
    push $\number
    jmp trap_common
    .endm

    .macro stub_address number
    .quad trap_stub_\number
    .endm

    .text
    .set i, 0
    .rept 256
    stub %i
    .set i, i + 1
    .endr

trap_common:
    push %rax
    push %rbx
    push %rcx
    push %rdx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    cld
    mov %rsp, %rdi
    call trap_handle
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rdx
    pop %rcx
    pop %rbx
    pop %rax
    add $16, %rsp
    iretq

    .section .rodata
    .balign 8
    .globl trap_stubs
trap_stubs:
    .set i, 0
    .rept 256
    stub_address %i
    .set i, i + 1
    .endr
