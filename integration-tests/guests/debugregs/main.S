/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts a number of its own into DR0 to DR3 and looks for a while whether they keep it, then says so on the
 * hypervisor's console. Several of these on one CPU see each other's if they are not switched.
 */
#define CONSOLE_IO 18 /* __HYPERVISOR_console_io; EBX is CONSOLEIO_write */
#define LOOKS      10000000

    .section .text
    .code32
    .globl entry
entry:
    mov     $stack_end, %esp
    xor     %esi, %esi          /* what must be there: 0 at first */
    call    look
    rdtsc
    mov     %eax, %esi
    or      $1, %esi
    mov     %esi, %db0
    mov     %esi, %db1
    mov     %esi, %db2
    mov     %esi, %db3
    mov     $LOOKS, %edi
1:  call    look
    dec     %edi
    jnz     1b
    mov     $kept, %edx
    mov     $kept_length, %ecx
    jmp     say

look:
    mov     %db0, %eax
    cmp     %esi, %eax
    jne     2f
    mov     %db1, %eax
    cmp     %esi, %eax
    jne     2f
    mov     %db2, %eax
    cmp     %esi, %eax
    jne     2f
    mov     %db3, %eax
    cmp     %esi, %eax
    jne     2f
    ret
2:  mov     $lost, %edx
    mov     $lost_length, %ecx

say:
    mov     $CONSOLE_IO, %eax
    xor     %ebx, %ebx
    vmmcall
    sti
3:  hlt
    jmp     3b

    .section .rodata
kept:
    .ascii "debugregs: kept\n"
    .set kept_length, . - kept
lost:
    .ascii "debugregs: another guest's\n"
    .set lost_length, . - lost

    .section .data
    .space  64
stack_end:

#include "../note.h"
