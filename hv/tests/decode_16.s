# SPDX-License-Identifier: Apache-2.0
# Instructions whose length the decoder must know in 16-bit code.
        .code16
        hlt
        insb
        rep outsw
        cpuid
        rdmsr
        wrmsr
        lgdtl 0x1234
        lidt (%bx)
        lmsw %ax
        mov %cr0, %eax
        mov %eax, %cr0
        mov %eax, %cr3
        mov %ax, (%bx,%si)
        mov %ax, (%bx,%di)
        mov %ax, 1(%bp,%si)
        mov %ax, -1(%bp,%di)
        mov %al, (%si)
        mov %eax, (%di)
        mov %ax, 0x1234
        mov 0x1234, %cx
        movw $0x1122, 0x1234
        movl $0x11223344, 0x467
        movb $1, 0x1000(%bx)
        mov %ax, %es:(%di)
        addr32 mov %ax, 0x12345678
        addr32 mov (%eax,%ebx,4), %ecx
        add $0x12, %ax
        addw $0x1234, (%bx)
        addl $0x12345678, (%bx)
        cmpb $0, (%bx)
        testw $0x1234, (%bx)
        rep stosw
        rep stosl
        lodsb
        movsw %cs:(%si), %es:(%di)
        xchg %bx, %bx
        movzbl (%bx), %eax
        wbinvd
