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
    .irp reg, rax, rbx, rcx, rdx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    push %\reg
    .endr
    cld
    mov %rsp, %rdi
    call trap_handle
    .irp reg, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rdx, rcx, rbx, rax
    pop %\reg
    .endr
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
