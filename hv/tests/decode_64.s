# SPDX-License-Identifier: Apache-2.0
# Instructions whose length the decoder must know in 64-bit code.
        .code64
        # what the hypervisor intercepts
        cpuid
        rdmsr
        wrmsr
        rdtsc
        rdtscp
        rdpmc
        hlt
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
        clts
        lmsw %ax
        lmsw (%rdi)
        smsw %eax
        xsetbv
        xgetbv
        pause
        in %dx, %al
        in %dx, %eax
        in $0x70, %al
        inw $0x70, %ax
        out %al, %dx
        out %ax, $0x80
        insb
        insw
        insl
        rep insb
        rep insl
        outsb
        outsw
        outsl
        rep outsb
        mov %cr0, %rax
        mov %cr4, %r15
        mov %rbx, %cr3
        mov %r9, %cr8
        mov %cr8, %rdi
        mov %dr7, %rax
        mov %r8, %dr6
        iretq
        iretl
        rsm
        ud2
        int3
        int $0x80
        nop
        lgdt (%rax)
        sidt 8(%rsp)
        lldt %ax
        ltr (%rbx)
        str %eax
        swapgs
        sysretl
        sysretq
        syscall
        sysenter
        invpcid (%rdi), %rsi
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
        movabs $0x1122334455667788, %r11
        mov $0x11223344, %eax
        mov $0x1122, %ax
        mov $0x11, %dl
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
        and $0x7f, %al
        and $0x11223344, %eax
        andl $0x7f, (%rdi)
        orl $0x12345678, 4(%rdi)
        orw $0x1234, 4(%rdi)
        xorb $1, (%rdi)
        subq $0x1000, (%rdi)
        cmpl $0, (%rdi)
        cmpb $0x55, 0x1234(%rip)
        lock orl $1, (%rdi)
        lock xaddl %eax, (%rdi)
        lock cmpxchg8b (%rdi)
        cmpxchg16b (%rsi)
        testb $1, (%rdi)
        testw $0x1234, (%rdi)
        testl $0x12345678, (%rdi)
        test %eax, (%rdi)
        testb $1, %al
        testl $0x12345678, %eax
        notl (%rdi)
        negb (%rdi)
        mull (%rdi)
        idivq (%rdi)
        incl (%rdi)
        decb (%rdi)
        imul $0x12, %eax, %ebx
        imul $0x12345, (%rdi), %rbx
        imul (%rdi), %ecx
        shll $3, (%rdi)
        shrl (%rdi)
        sarq %cl, (%rdi)
        shld $3, %eax, (%rdi)
        shrd %cl, %eax, (%rdi)
        bt %eax, (%rdi)
        btsl $5, (%rdi)
        bsf %eax, %ebx
        lzcnt %eax, %ebx
        popcnt (%rdi), %rax
        bswap %r9
        cmovne (%rdi), %eax
        sete (%rdi)
        # control and stack
        push %rax
        push %r12
        pushq $0x12
        pushq $0x12345678
        pushw $0x1234
        pushq (%rdi)
        popq 8(%rdi)
        pop %fs
        pushfq
        call 1f
1:      call *(%rax)
        jmp *0x12(%r11)
        jmp 1b
        jmp 1b+0x1000
        je 1b
        jne 1b+0x1000
        loop 1b
        jrcxz 1b
        ret
        ret $8
        lretq
        enter $16, $1
        leave
        nopw 0(%rax,%rax,1)
        nopw %cs:0(%rax,%rax,1)
        endbr64
        # x87, SSE
        fldl (%rdi)
        fstpt 8(%rdi)
        fninit
        fxsave (%rdi)
        fxrstor64 (%rdi)
        xsave (%rdi)
        clflush (%rdi)
        prefetcht0 (%rdi)
        prefetchw (%rdi)
        movups (%rdi), %xmm0
        movdqa %xmm1, (%rdi)
        movdqu 0x10(%rdi), %xmm9
        pshufd $0x1b, %xmm0, %xmm1
        pshufb (%rdi), %xmm1
        palignr $4, (%rdi), %xmm1
        pinsrw $1, %eax, %xmm2
        cmpps $1, %xmm0, %xmm1
        shufpd $1, (%rdi), %xmm3
        pslldq $4, %xmm1
        extrq $1, $2, %xmm1
        insertq $1, $2, %xmm1, %xmm2
        extrq %xmm1, %xmm2
        crc32b (%rdi), %eax
        crc32q (%rdi), %rax
        movbe (%rdi), %eax
        aesenc (%rdi), %xmm1
        pclmulqdq $0, (%rdi), %xmm1
        emms
        # prefixes in odd places
        .byte 0x2e, 0x8b, 0x07
        .byte 0x67, 0x66, 0xf3, 0xa4
        .byte 0x66, 0x48, 0x8b, 0x07
        .byte 0xf2, 0xf3, 0x48, 0xa5
