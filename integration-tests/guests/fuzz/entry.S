/* SPDX-License-Identifier: Apache-2.0 */
/* From PVH's 32-bit entry, and from a secondary CPU's real mode, to C in long mode; and all the vectors. */
#include "fuzz.h"

#define CR0_PG_PE  0x80010013
#define CR4_PAE    0x620 /* with SSE's bits */
#define MSR_EFER   0xc0000080
#define EFER_LME   0x100

    .section .text
    .code32
    .globl entry
entry:
    cld
    mov     %ebx, start_info
    /* The first GiB and the fourth, one to one, in pages of 2 MiB; what is between belongs to wild_pt. */
    mov     $page_directories, %edi
    mov     $0x83, %eax
    xor     %ecx, %ecx
1:  mov     %eax, (%edi,%ecx,8)
    movl    $0, 4(%edi,%ecx,8)
    add     $0x200000, %eax
    inc     %ecx
    cmp     $2048, %ecx
    jne     1b
    mov     $wild_pt + 3, %eax
    mov     %eax, page_directories + 4096
    mov     $page_directories + 3, %eax
    mov     $pdpt, %edi
    mov     $4, %ecx
2:  mov     %eax, (%edi)
    add     $4096, %eax
    add     $8, %edi
    loop    2b
    movl    $pdpt + 3, pml4
    mov     $CPU_SIZE - 16, %esp
    add     $cpus, %esp
to_long_mode:
    mov     $CR4_PAE, %eax
    mov     %eax, %cr4
    mov     $pml4, %eax
    mov     %eax, %cr3
    mov     $MSR_EFER, %ecx
    mov     $EFER_LME, %eax
    xor     %edx, %edx
    wrmsr
    mov     $CR0_PG_PE, %eax
    mov     %eax, %cr0
    lgdt    boot_gdt_register
    ljmp    $SELECTOR_CODE, $3f
    .code64
3:  mov     $SELECTOR_DATA, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    mov     %esp, %eax
    and     $-CPU_SIZE, %rax
    mov     %rax, %rdi
    mov     %eax, %esp
    add     $CPU_SIZE - 16, %rsp
    call    cpu_main
    ud2

/* Copied to TRAMPOLINE. A secondary CPU takes the next of cpus. */
    .globl trampoline, trampoline_end
    .code16
trampoline:
    cli
    mov     %cs, %ax
    mov     %ax, %ds
    lgdtl   trampoline_gdt - trampoline
    mov     $0x11, %eax
    mov     %eax, %cr0
    ljmpl   $SELECTOR_CODE32, $secondary
    .balign 8
trampoline_gdt:
    .word   boot_gdt_end - boot_gdt - 1
    .long   boot_gdt
trampoline_end:

    .code32
secondary:
    mov     $SELECTOR_DATA, %eax
    mov     %eax, %ds
    mov     %eax, %ss
    mov     $1, %eax
    mov     $0, %ecx
    cpuid                       /* the APIC id, twice the vCPU's number */
    shr     $25, %ebx
    and     $(CPUS - 1), %ebx
    imul    $CPU_SIZE, %ebx, %esp
    add     $cpus + CPU_SIZE - 16, %esp
    jmp     to_long_mode

    .code64
/* int step_begin(struct cpu *cpu): 0 now, and another value each time that an exception ends a step. */
    .globl step_begin, step_abort
step_begin:
    mov     %rbx, CPU_SAVED + 0(%rdi)
    mov     %rbp, CPU_SAVED + 8(%rdi)
    mov     %r12, CPU_SAVED + 16(%rdi)
    mov     %r13, CPU_SAVED + 24(%rdi)
    mov     %r14, CPU_SAVED + 32(%rdi)
    mov     %r15, CPU_SAVED + 40(%rdi)
    lea     8(%rsp), %rax
    mov     %rax, CPU_SAVED + 48(%rdi)
    mov     (%rsp), %rax
    mov     %rax, CPU_SAVED + 56(%rdi)
    xor     %eax, %eax
    ret

/* step_abort(struct cpu *cpu): by IRET, which also lets NMIs come again. */
step_abort:
    mov     CPU_SAVED + 0(%rdi), %rbx
    mov     CPU_SAVED + 8(%rdi), %rbp
    mov     CPU_SAVED + 16(%rdi), %r12
    mov     CPU_SAVED + 24(%rdi), %r13
    mov     CPU_SAVED + 32(%rdi), %r14
    mov     CPU_SAVED + 40(%rdi), %r15
    mov     $SELECTOR_DATA, %eax
    mov     %eax, %ss
    mov     %eax, %ds
    mov     %eax, %es
    pushq   $SELECTOR_DATA
    pushq   CPU_SAVED + 48(%rdi)
    pushq   $0x202
    pushq   $SELECTOR_CODE
    pushq   CPU_SAVED + 56(%rdi)
    mov     $1, %eax
    iretq

/* run_bytes(const uint64_t gprs[16], void *code, uint64_t rflags): never returns, an exception ends it. */
    .globl run_bytes
run_bytes:
    mov     %rdi, %rax
    pushq   $SELECTOR_DATA
    pushq   32(%rax)
    pushq   %rdx
    pushq   $SELECTOR_CODE
    pushq   %rsi
    mov     8(%rax), %rcx
    mov     16(%rax), %rdx
    mov     24(%rax), %rbx
    mov     40(%rax), %rbp
    mov     48(%rax), %rsi
    mov     56(%rax), %rdi
    mov     64(%rax), %r8
    mov     72(%rax), %r9
    mov     80(%rax), %r10
    mov     88(%rax), %r11
    mov     96(%rax), %r12
    mov     104(%rax), %r13
    mov     112(%rax), %r14
    mov     120(%rax), %r15
    mov     0(%rax), %rax
    iretq

/* One stub a vector, 16 bytes each; what the processor pushes below does not matter: see trap(). */
    .globl vectors
    .balign 16
vectors:
    .set    vector, 0
    .rept   256
    .balign 16
    pushq   $vector
    jmp     trapped
    .set    vector, vector + 1
    .endr
trapped:
    push    %rax
    push    %rcx
    push    %rdx
    push    %rsi
    push    %rdi
    push    %r8
    push    %r9
    push    %r10
    push    %r11
    mov     72(%rsp), %rsi
    mov     %rsp, %rdi
    and     $-CPU_SIZE, %rdi
    cld
    call    trap
    pop     %r11
    pop     %r10
    pop     %r9
    pop     %r8
    pop     %rdi
    pop     %rsi
    pop     %rdx
    pop     %rcx
    pop     %rax
    add     $8, %rsp
    iretq

    .section .rodata
    .balign 8
boot_gdt:
    .quad   0
    .quad   0x00af9b000000ffff  /* SELECTOR_CODE */
    .quad   0x00cf93000000ffff  /* SELECTOR_DATA */
    .quad   0x00cf9b000000ffff  /* SELECTOR_CODE32 */
boot_gdt_end:
    .balign 8
boot_gdt_register:
    .word   boot_gdt_end - boot_gdt - 1
    .long   boot_gdt

    .section .bss
    .globl pml4, page_directories, image_pt, wild_pt, start_info
    .balign 4096
pml4:
    .space  4096
pdpt:
    .space  4096
page_directories:
    .space  4 * 4096
image_pt:
    .space  4096
wild_pt:
    .space  4096
start_info:
    .space  8

#include "../note.h"
