# SPDX-License-Identifier: Apache-2.0
# Instructions whose length the decoder must know in 32-bit code.
        .code32
        cpuid
        rdmsr
        wrmsr
        hlt
        rep insl
        rep outsb
        vmmcall
        invlpg (%eax)
        mov %cr0, %eax
        mov %ebx, %cr4
        lmsw %ax
        mov %eax, 0xfee000b0
        mov 0xfee000b0, %eax
        mov %al, 0xfee000b0
        mov %eax, (%edi)
        mov %ax, (%edi)
        mov %al, (%edi)
        mov %eax, (%bx,%si)
        mov %eax, 0x12(%bp)
        mov %eax, 0x1234(%di)
        addr16 mov %eax, 0x1234
        mov %ecx, 8(%esp)
        mov %ecx, 8(%ebp,%eax,4)
        mov %ecx, 0x1000(,%eax,4)
        movl $0x11223344, 0xfee00300
        movw $0x1122, (%edi)
        movb $1, %es:(%edi)
        mov %eax, %cs:(%edi)
        mov %eax, %gs:0x10
        movzwl (%edi), %eax
        movsbw (%edi), %ax
        add $0x12, %eax
        addl $0x12345678, (%edi)
        cmpw $0x1234, (%edi)
        .byte 0x82, 0x07, 0x05
        testl $0x12345678, (%edi)
        testb $1, 4(%edi)
        stosl
        rep movsb
        addr16 lodsl
        xchg %ebx, (%edi)
