# SPDX-License-Identifier: Apache-2.0
# Instructions whose length the decoder must know in 16-bit code.
        .code16
        cli
        hlt
        cpuid
        rdmsr
        wrmsr
        lgdtl 0x1234
        lidt (%bx)
        lmsw %ax
        mov %cr0, %eax
        mov %eax, %cr0
        mov %eax, %cr3
        in $0x92, %al
        out %al, $0x92
        in %dx, %ax
        inl %dx, %eax
        insb
        rep outsw
        ljmp $0x8, $0x1234
        ljmpl $0x8, $0x12345678
        lcall $0xf000, $0xfff0
        mov $0x1234, %ax
        mov $0x12345678, %eax
        mov %ax, %ds
        mov %ds, %ax
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
        add $0x1234, %ax
        addw $0x1234, (%bx)
        addl $0x12345678, (%bx)
        cmpb $0, (%bx)
        testw $0x1234, (%bx)
        push $0x1234
        pushl $0x12345678
        push %ds
        popl %eax
        pushfl
        call 1f
1:      jmp 1b
        je 1b+0x400
        calll 1b
        ret $2
        lretl
        retl
        iret
        rep stosw
        rep stosl
        lodsb
        movsw %cs:(%si), %es:(%di)
        int $0x10
        les (%bx), %di
        xchg %bx, %bx
        movzbl (%bx), %eax
        enter $4, $0
        bound %ax, (%bx)
        wbinvd
