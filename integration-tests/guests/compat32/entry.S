/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A 32-bit guest: the PVH entry (32-bit, paging off; xen docs/misc/pvh.pandoc), and the ways from there to each
 * paging mode and back. In all of them memory is mapped one to one, so that code and stack stay where they are.
 */
#define PTE_TABLE 0x063 /* present, writable, accessed, dirty */
#define PTE_PDPTE 0x001 /* present: all that PAE's upper level may have */
#define PTE_LARGE 0x0e3 /* present, writable, accessed, dirty, a large page */

#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define CR0_PG   0x80000000
#define CR4_PSE  0x10
#define CR4_PAE  0x20

#define CODE32 0x08
#define DATA   0x10
#define CODE64 0x18

    .section .text
    .code32
    .globl entry
entry:
    cld
    mov     $stack_end, %esp
    lgdt    gdt_pointer
    ljmp    $CODE32, $1f
1:  mov     $DATA, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    call    main
2:  hlt
    jmp     2b

/* void paging_off(void) */
    .globl paging_off
paging_off:
    mov     %cr0, %eax
    and     $~CR0_PG, %eax
    mov     %eax, %cr0
    mov     $MSR_EFER, %ecx
    rdmsr
    and     $~EFER_LME, %eax
    wrmsr
    mov     %cr4, %eax
    and     $~(CR4_PSE | CR4_PAE), %eax
    mov     %eax, %cr4
    ret

    .macro  paging_on root, cr4_bit
    mov     $\root, %eax
    mov     %eax, %cr3
    mov     %cr4, %eax
    or      $\cr4_bit, %eax
    mov     %eax, %cr4
    mov     %cr0, %eax
    or      $CR0_PG, %eax
    mov     %eax, %cr0
    ret
    .endm

/* void paging_32(void): two levels, pages of 4 MiB */
    .globl paging_32
paging_32:
    paging_on directory, CR4_PSE

/* void paging_pae(void): three levels, pages of 2 MiB */
    .globl paging_pae
paging_pae:
    paging_on pae_pointers, CR4_PAE

/* void paging_compat(void): long mode, but this code stays 32-bit code */
    .globl paging_compat
paging_compat:
    mov     $MSR_EFER, %ecx
    rdmsr
    or      $EFER_LME, %eax
    wrmsr
    paging_on pml4, CR4_PAE

/* long call_64(unsigned number, unsigned a, unsigned msr): in 64-bit mode, from paging_compat(): asks for the hypercall
 * page by the MSR, then calls it with one argument. */
    .globl call_64
call_64:
    push    %ebx
    push    %esi
    push    %edi
    mov     16(%esp), %esi
    mov     20(%esp), %edi
    mov     24(%esp), %ecx
    ljmp    $CODE64, $1f
    .code64
1:  mov     $hypercall_page, %eax
    xor     %edx, %edx
    wrmsr
    mov     %esi, %eax
    shl     $5, %eax
    add     $hypercall_page, %eax
    xor     %esi, %esi
    call    *%rax
    mov     $back, %ecx
    ljmp    *(%rcx)
    .code32
2:  pop     %edi
    pop     %esi
    pop     %ebx
    ret

    .section .data
    .balign 8
gdt:
    .quad   0
    .quad   0x00cf9b000000ffff /* CODE32 */
    .quad   0x00cf93000000ffff /* DATA */
    .quad   0x00af9b000000ffff /* CODE64 */
gdt_pointer:
    .word   . - gdt - 1
    .long   gdt
back:
    .long   2b
    .word   CODE32

    .balign 4096
    .globl  hypercall_page
hypercall_page:
    .fill   4096, 1, 0
directory:
    .set    address, 0
    .rept   1024
    .long   address + PTE_LARGE
    .set    address, address + 0x400000
    .endr
pml4:
    .long   pdpt + PTE_TABLE, 0
    .fill   511, 8, 0
pdpt:
    .long   directories + PTE_TABLE, 0, directories + 0x1000 + PTE_TABLE, 0
    .long   directories + 0x2000 + PTE_TABLE, 0, directories + 0x3000 + PTE_TABLE, 0
    .fill   508, 8, 0
directories:
    .set    address, 0
    .rept   2048
    .long   address + PTE_LARGE, 0
    .set    address, address + 0x200000
    .endr
    .balign 32
pae_pointers:
    .long   directories + PTE_PDPTE, 0, directories + 0x1000 + PTE_PDPTE, 0
    .long   directories + 0x2000 + PTE_PDPTE, 0, directories + 0x3000 + PTE_PDPTE, 0
    .balign 16
stack:
    .fill   8192, 1, 0
stack_end:

#include "../note.h"
