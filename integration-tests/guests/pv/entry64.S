/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the PVH entry (32-bit, paging off; xen docs/misc/pvh.pandoc) to 64-bit C. Memory is mapped as a
 * kernel has it: the first 4 GiB one to one in 2 MiB pages, code among them, and a page of
 * hypercall arguments in a 4 KiB page at ARGUMENTS, as kernel stacks are. main() is given the start info.
 */
#define PTE_TABLE 0x063 /* present, writable, accessed, dirty */
#define PTE_LARGE 0x0e3 /* the same, 2 MiB */

#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define CR0_PG   0x80000000
#define CR4_PAE  0x20

    .section .text
    .code32
    .globl entry
entry:
    cld
    mov     $pml4, %eax
    mov     %eax, %cr3
    mov     %cr4, %eax
    or      $CR4_PAE, %eax
    mov     %eax, %cr4
    mov     $MSR_EFER, %ecx
    rdmsr
    or      $EFER_LME, %eax
    wrmsr
    mov     %cr0, %eax
    or      $CR0_PG, %eax
    mov     %eax, %cr0
    lgdt    gdt_pointer
    ljmp    $0x08, $1f

    .code64
1:  mov     $0x10, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    mov     $stack_end, %rsp
    mov     %ebx, %edi
    call    main
2:  hlt
    jmp     2b

    .section .data
    .balign 8
gdt:
    .quad   0
    .quad   0x00af9b000000ffff /* 0x08: 64-bit code */
    .quad   0x00cf93000000ffff /* 0x10: data */
gdt_pointer:
    .word   . - gdt - 1
    .long   gdt

    .balign 4096
pml4:
    .quad   pdpt + PTE_TABLE
    .fill   511, 8, 0
pdpt:
    .quad   directories + PTE_TABLE, directories + 0x1000 + PTE_TABLE
    .quad   directories + 0x2000 + PTE_TABLE, directories + 0x3000 + PTE_TABLE
    .fill   508, 8, 0
directories:
    .set    address, 0
    .rept   2048
    .if     address == 0x40000000 /* ARGUMENTS */
    .quad   small_pages + PTE_TABLE
    .else
    .quad   address + PTE_LARGE
    .endif
    .set    address, address + 0x200000
    .endr
small_pages:
    .quad   arguments_page + PTE_TABLE
    .fill   511, 8, 0
arguments_page:
    .fill   4096, 1, 0
stack:
    .fill   8192, 1, 0
stack_end:

#include "../note.h"
