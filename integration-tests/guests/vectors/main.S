/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills the vector registers, MXCSR and the top of the x87 stack with numbers of its own, gives the CPU away
 * again and again, and looks whether they are kept; then says so on the hypervisor's console. YMM registers where
 * the processor has AVX, XMM registers elsewhere.
 */
#define CONSOLE_IO 18 /* __HYPERVISOR_console_io; EBX is CONSOLEIO_write */
#define SCHED_OP   29 /* __HYPERVISOR_sched_op; EBX is SCHEDOP_yield */
#define LOOKS      20000

#define CR0_MP 0x2
#define CR0_EM_TS 0xc
#define CR4_OSFXSR_OSXMMEXCPT 0x600
#define CR4_OSXSAVE 0x40000
#define CPUID1_ECX_XSAVE_AVX 0x14000000
#define XCR0_X87_SSE_AVX 7
#define MXCSR_RESET 0x1f80

    .section .text
    .code32
    .globl entry
entry:
    mov     $stack_end, %esp
    mov     %cr0, %eax
    and     $~CR0_EM_TS, %eax
    or      $CR0_MP, %eax
    mov     %eax, %cr0
    mov     %cr4, %eax
    or      $CR4_OSFXSR_OSXMMEXCPT, %eax
    mov     %eax, %cr4

    mov     $1, %eax
    xor     %ecx, %ecx
    cpuid
    and     $CPUID1_ECX_XSAVE_AVX, %ecx
    cmp     $CPUID1_ECX_XSAVE_AVX, %ecx
    jne     1f
    movb    $1, has_avx
    mov     %cr4, %eax
    or      $CR4_OSXSAVE, %eax
    mov     %eax, %cr4
    xor     %ecx, %ecx
    xor     %edx, %edx
    mov     $XCR0_X87_SSE_AVX, %eax
    xsetbv

1:  rdtsc                       /* a linear congruential generator, begun with the time */
    mov     $mine, %edi
    mov     $(mine_end - mine) / 4, %ecx
2:  imul    $1103515245, %eax, %eax
    add     $12345, %eax
    stosl
    loop    2b
    and     $0x6000, %eax       /* two bits: how to round */
    or      $MXCSR_RESET, %eax
    mov     %eax, mine_mxcsr

    fninit
    fildl   mine
    ldmxcsr mine_mxcsr
    cmpb    $0, has_avx
    je      3f
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
    vmovdqu mine + 32 * \n, %ymm\n
    .endr
    jmp     4f
3:
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
    movups  mine + 32 * \n, %xmm\n
    .endr

4:  mov     $LOOKS, %ebp
5:  mov     $SCHED_OP, %eax
    xor     %ebx, %ebx
    xor     %ecx, %ecx
    vmmcall
    cmpb    $0, has_avx
    je      6f
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
    vmovdqu %ymm\n, seen + 32 * \n
    .endr
    mov     $8, %ecx            /* doublewords of each register */
    call    compare
    mov     $kept_avx, %edx
    jmp     7f
6:
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
    movups  %xmm\n, seen + 32 * \n
    .endr
    mov     $4, %ecx
    call    compare
    mov     $kept_sse, %edx
7:  stmxcsr seen_mxcsr
    mov     seen_mxcsr, %eax
    cmp     mine_mxcsr, %eax
    jne     lost
    fistl   seen_x87
    mov     seen_x87, %eax
    cmp     mine, %eax
    jne     lost
    dec     %ebp
    jnz     5b
    jmp     say

/* ECX doublewords of each register in "seen" must be those in "mine". */
compare:
    xor     %eax, %eax
8:  mov     %ecx, %ebx
    lea     mine(%eax), %esi
    lea     seen(%eax), %edi
    repe cmpsl
    jne     lost
    mov     %ebx, %ecx
    add     $32, %eax
    cmp     $mine_end - mine, %eax
    jb      8b
    ret

lost:
    mov     $others, %edx
say:
    mov     $CONSOLE_IO, %eax
    xor     %ebx, %ebx
    mov     $line_length, %ecx
    vmmcall
    sti
9:  hlt
    jmp     9b

    .section .rodata
kept_avx:
    .ascii  "vectors: kept AVX\n"
    .set    line_length, . - kept_avx
kept_sse:
    .ascii  "vectors: kept SSE\n"
others:
    .ascii  "vectors: LOST  it\n"

    .section .data
    .balign 4
mine_mxcsr: .long 0
seen_mxcsr: .long 0
seen_x87:   .long 0
has_avx:    .byte 0
    .balign 32
mine:       .space 256
mine_end:
seen:       .space 256
    .space  64
stack_end:

#include "../note.h"
