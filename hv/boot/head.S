/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first instructions: a Multiboot1 or Multiboot2 loader jumps to start32 in 32-bit protected mode
 * without paging, EAX the loader's magic, EBX its information. Builds tables that map the first 4 GiB
 * three times (identity, direct map, image), enters long mode and calls boot_main() in the high half.
 */
#include <hv/arch/layout.h>

#define PHYS(symbol) (symbol - IMAGE_OFFSET)

    .section .head, "ax"
    .code32

    .balign 8
multiboot1_header:
    .set MB1_FLAGS, 0x3 /* page-aligned modules, memory map */
    .long 0x1badb002, MB1_FLAGS, -(0x1badb002 + MB1_FLAGS)

    .balign 8
multiboot2_header:
    .long 0xe85250d6, 0, multiboot2_end - multiboot2_header
    .long -(0xe85250d6 + (multiboot2_end - multiboot2_header))
    .short 1, 0 /* what we need: command line, modules, memory map */
    .long 20
    .long 1, 3, 6
    .balign 8
    .short 6, 0 /* modules page-aligned */
    .long 8
    .short 0, 0
    .long 8
multiboot2_end:

    .globl start32
start32:
    cli
    cld
    mov %eax, %edi
    mov %ebx, %esi
    mov $PHYS(boot_stack + STACK_STRIDE), %esp

    mov $0x80000000, %eax
    cpuid
    cmp $0x80000001, %eax
    jb no_long_mode
    mov $0x80000001, %eax
    cpuid
    bt $29, %edx
    jnc no_long_mode
    bt $20, %edx
    jnc no_nx

    /* 4 page directories: 4 GiB in 2 MiB pages, present, writable */
    mov $PHYS(early_directories), %ebx
    mov $0x83, %eax
    xor %ecx, %ecx
1:  mov %eax, (%ebx, %ecx, 8)
    add $0x200000, %eax
    inc %ecx
    cmp $2048, %ecx
    jb 1b

    mov $PHYS(early_low), %ebx
    mov $PHYS(early_directories) + 3, %eax
    mov %eax, (%ebx)
    mov %eax, PHYS(early_high) + 510 * 8
    add $0x1000, %eax
    mov %eax, 8(%ebx)
    add $0x1000, %eax
    mov %eax, 16(%ebx)
    add $0x1000, %eax
    mov %eax, 24(%ebx)

    mov $PHYS(early_root), %ebx
    lea PHYS(early_low) + 3, %eax
    mov %eax, (%ebx)
    mov %eax, 256 * 8(%ebx)
    lea PHYS(early_high) + 3, %eax
    mov %eax, 511 * 8(%ebx)

    mov %ebx, %cr3
    mov %cr4, %eax
    or $0x20, %eax /* PAE */
    mov %eax, %cr4
    mov $0xc0000080, %ecx
    rdmsr
    or $0x900, %eax /* LME, NXE */
    wrmsr
    mov %cr0, %eax
    and $0x9fffffff, %eax /* caches on */
    or $0x80010023, %eax /* PG, WP, NE, MP, PE */
    mov %eax, %cr0
    lgdt gdt_pointer
    ljmp $GDT_CODE64, $start64

no_long_mode:
    mov $message_long_mode, %esi
    jmp print_and_halt
no_nx:
    mov $message_nx, %esi
print_and_halt:
    mov $0x3f8, %dx
1:  lodsb
    test %al, %al
    jz 2f
    outb %al, %dx
    jmp 1b
2:  hlt
    jmp 2b

message_long_mode: .asciz "nether: this CPU has no 64-bit mode; halted\r\n"
message_nx:        .asciz "nether: this CPU has no NX page protection; halted\r\n"

    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* 64-bit code */
    .quad 0x00cf93000000ffff /* data */
    .quad 0x00cf9b000000ffff /* 32-bit code, for the way up only */
gdt_pointer:
    .short 4 * 8 - 1
    .long boot_gdt

    .code64
start64:
    mov $GDT_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    movabs $start_high, %rax
    jmp *%rax

    .text
start_high:
    mov $boot_stack + STACK_STRIDE, %rsp
    xor %ebp, %ebp
    mov %edi, %edi
    mov %esi, %esi
    call boot_main
    ud2

    .section .bss.stack, "aw", @nobits
    .balign STACK_STRIDE
    .globl boot_stack
boot_stack:
    .skip STACK_STRIDE

    .bss
    .balign 4096
    .globl early_root
early_root: .skip 4096
early_low:  .skip 4096
early_high: .skip 4096
early_directories: .skip 4 * 4096
