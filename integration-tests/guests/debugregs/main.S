/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts a number of its own into DR0 to DR3 and looks for a while whether they keep it, then says so on the
 * hypervisor's console. Several of these on one CPU see each other's if they are not switched. Then a string move
 * takes the local APIC's TPR from memory in FS, whose base is not in the VMCB either unless it was put there.
 */
#define CONSOLE_IO 18 /* __HYPERVISOR_console_io; EBX is CONSOLEIO_write */
#define LOOKS      10000000

#define MSR_APIC_BASE    0x1b
#define MSR_FS_BASE      0xc0000100
#define APIC_OFF         0xfee00000
#define APIC_XAPIC       0xfee00800
#define APIC_TPR_ADDRESS 0xfee00080
#define PRIORITY         0x50

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

    mov     $MSR_APIC_BASE, %ecx /* from x2APIC mode to registers in memory, by way of off */
    rdmsr
    and     $0x100, %eax         /* the boot processor's bit stays */
    or      $APIC_OFF, %eax
    wrmsr
    or      $APIC_XAPIC, %eax
    wrmsr
    mov     $MSR_FS_BASE, %ecx
    mov     $priority - 4, %eax
    xor     %edx, %edx
    wrmsr
    mov     $4, %esi
    mov     $APIC_TPR_ADDRESS, %edi
    fs movsl
    cmpl    $PRIORITY, APIC_TPR_ADDRESS
    jne     2f
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
priority:
    .long   PRIORITY
    .space  64
stack_end:

#include "../note.h"
