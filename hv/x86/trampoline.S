/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a secondary CPU starts, in real mode: copied to a page below 1 MiB. Goes up to long mode on the boot
 * CPU's early tables (they have the identity map), then to smp_secondary_start() on the stack given.
 */
#include <hv/arch/layout.h>

    .section .rodata
    .code16
    .globl trampoline_start, trampoline_end, trampoline_root, trampoline_stack
trampoline_start:
    cli
    cld
    mov %cs, %ax
    mov %ax, %ds
    xor %ebx, %ebx
    mov %ax, %bx
    shl $4, %ebx /* our linear address */
    lea trampoline_gdt - trampoline_start(%ebx), %eax
    mov %eax, trampoline_gdt_pointer + 2 - trampoline_start
    lea in_32bit - trampoline_start(%ebx), %eax
    mov %eax, trampoline_jump32 - trampoline_start
    lea in_64bit - trampoline_start(%ebx), %eax
    mov %eax, trampoline_jump64 - trampoline_start
    lgdtl trampoline_gdt_pointer - trampoline_start
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl *(trampoline_jump32 - trampoline_start)

    .code32
in_32bit:
    mov $GDT_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov trampoline_root - trampoline_start(%ebx), %eax
    mov %eax, %cr3
    mov $0x20, %eax /* PAE */
    mov %eax, %cr4
    mov $0xc0000080, %ecx
    rdmsr
    or $0x900, %eax /* LME, NXE */
    wrmsr
    mov $0x80010033, %eax /* PG, WP, NE, ET, MP, PE; caches on */
    mov %eax, %cr0
    ljmp *(trampoline_jump64 - trampoline_start)(%ebx)

    .code64
in_64bit:
    mov %ebx, %ebx
    mov trampoline_stack - trampoline_start(%rbx), %rsp
    xor %ebp, %ebp
    movabs $smp_secondary_entry, %rax
    jmp *%rax

    .balign 8
trampoline_gdt:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
    .quad 0x00cf9b000000ffff
trampoline_gdt_pointer:
    .short 4 * 8 - 1
    .long 0
trampoline_jump32:
    .long 0
    .short GDT_CODE32
trampoline_jump64:
    .long 0
    .short GDT_CODE64
    .balign 8
trampoline_root:  .quad 0
trampoline_stack: .quad 0
trampoline_end:

    .text
smp_secondary_entry:
    mov paging_root(%rip), %rax /* the stack is mapped in the real tables only */
    mov %rax, %cr3
    call smp_secondary_start
    ud2
