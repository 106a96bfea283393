# SPDX-License-Identifier: Apache-2.0
# Instructions whose length the decoder must know in 64-bit code.
        .code64
        # what the hypervisor intercepts
        cpuid
        rdmsr
        wrmsr
        rdtscp
        hlt
        insb
        insw
        insl
        rep insb
        rep insl
        outsb
        outsw
        outsl
        rep outsb
        outsl %gs:(%rsi), %dx
        vmmcall
        vmrun
        vmload
        vmsave
        stgi
        clgi
        skinit
        monitor
        mwait
        invd
        wbinvd
        invlpg (%rax)
        invlpg 0x12345678(%r8,%r9,4)
        invlpga
        lmsw %ax
        lmsw (%rdi)
        smsw %eax
        xsetbv
        xgetbv
        mov %cr0, %rax
        mov %cr4, %r15
        mov %rbx, %cr3
        mov %r9, %cr8
        mov %cr8, %rdi
        lgdt (%rax)
        sidt 8(%rsp)
        swapgs
        clac
        stac
        # moves
        mov %al, (%rdi)
        mov %ax, (%rdi)
        mov %eax, (%rdi)
        mov %rax, (%rdi)
        mov %r8b, (%r9)
        mov %spl, 1(%rax)
        mov %ah, 1(%rax)
        mov (%rsi), %ebx
        mov 0x7f(%rsi), %r10d
        mov 0x80(%rsi), %r10
        mov 0x12345678(%rip), %eax
        mov %ecx, -4(%rbp,%rax,8)
        mov %ecx, (%r12)
        mov %ecx, (%r13)
        mov %ecx, 0x7ee000b0
        mov %ecx, (,%rax,4)
        mov %ecx, %fs:(%rax)
        mov %gs:0x28, %rax
        mov (%eax), %ecx
        mov 8(%r8d,%r9d,2), %ecx
        movb $0x11, (%rdi)
        movw $0x1122, (%rdi)
        movl $0x11223344, (%rdi)
        movq $0x11223344, 0x40(%rdi)
        movl $0, 0xb0(%rip)
        movabs %al, 0x1122334455667788
        movabs %eax, 0x1122334455667788
        movabs 0x1122334455667788, %rax
        movzbl (%rdi), %eax
        movzbw (%rdi), %ax
        movzbq (%rdi), %r9
        movzwl 2(%rdi), %eax
        movzwq (%rdi), %rax
        movsbl (%rdi), %eax
        movswq (%rdi), %rax
        movslq (%rdi), %rax
        movnti %eax, (%rdi)
        movnti %rax, (%rdi)
        movsb
        movsw
        movsl
        movsq
        rep movsl
        stosb
        rep stosq
        lodsl
        lodsb %gs:(%rsi)
        xchg %al, (%rdi)
        xchg %rcx, 8(%rdi)
        # arithmetic
        add %eax, (%rdi)
        or %al, (%rdi)
        adc (%rdi), %rax
        sbb %cx, (%rdi)
        andl $0x7f, (%rdi)
        orl $0x12345678, 4(%rdi)
        orw $0x1234, 4(%rdi)
        xorb $1, (%rdi)
        subq $0x1000, (%rdi)
        cmpl $0, (%rdi)
        cmpb $0x55, 0x1234(%rip)
        lock orl $1, (%rdi)
        testb $1, (%rdi)
        testw $0x1234, (%rdi)
        testl $0x12345678, (%rdi)
        test %eax, (%rdi)
        # prefixes in odd places
        .byte 0x2e, 0x8b, 0x07
        .byte 0x67, 0x66, 0xf3, 0xa4
        .byte 0x66, 0x48, 0x8b, 0x07
        .byte 0xf2, 0xf3, 0x48, 0xa5
