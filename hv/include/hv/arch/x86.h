/* SPDX-License-Identifier: Apache-2.0 */
/* x86 instructions that C has no word for, and the architectural constants several files need. */
#pragma once

#include <hv/types.h>

#define MSR_APIC_BASE   0x0000001bU
#define MSR_PRED_CMD    0x00000049U /* APM vol. 2, 3.2 */
#define MSR_PAT         0x00000277U
#define MSR_EFER        0xc0000080U
#define MSR_TSC_AUX     0xc0000103U
#define MSR_VM_CR       0xc0010114U
#define MSR_VM_HSAVE_PA 0xc0010117U

#define PRED_CMD_IBPB 1UL

#define EFER_SCE    (1UL << 0)
#define EFER_LME    (1UL << 8)
#define EFER_LMA    (1UL << 10)
#define EFER_NXE    (1UL << 11)
#define EFER_SVME   (1UL << 12)
#define EFER_FFXSR  (1UL << 14)
#define EFER_AIBRSE (1UL << 21)

#define CR0_PE (1UL << 0)
#define CR0_MP (1UL << 1)
#define CR0_EM (1UL << 2)
#define CR0_TS (1UL << 3)
#define CR0_ET (1UL << 4)
#define CR0_WP (1UL << 16)
#define CR0_NW (1UL << 29)
#define CR0_CD (1UL << 30)
#define CR0_PG (1UL << 31)

#define CR4_PSE        (1UL << 4)
#define CR4_PAE        (1UL << 5)
#define CR4_MCE        (1UL << 6)
#define CR4_PGE        (1UL << 7)
#define CR4_OSFXSR     (1UL << 9)
#define CR4_OSXMMEXCPT (1UL << 10)
#define CR4_LA57       (1UL << 12)
#define CR4_SMEP       (1UL << 20)
#define CR4_SMAP       (1UL << 21)
#define CR4_OSXSAVE    (1UL << 18)

/* Entries of page tables (APM vol. 2, 5.4.1). */
#define PTE_P    (1UL << 0)
#define PTE_W    (1UL << 1)
#define PTE_U    (1UL << 2)
#define PTE_PWT  (1UL << 3)
#define PTE_PCD  (1UL << 4)
#define PTE_A    (1UL << 5)
#define PTE_D    (1UL << 6)
#define PTE_PS   (1UL << 7) /* a large page */
#define PTE_G    (1UL << 8)
#define PTE_NX   (1UL << 63)
#define PTE_ADDR 0x000ffffffffff000UL

/* State components of XCR0. */
#define XCR0_X87  0x01UL
#define XCR0_SSE  0x02UL
#define XCR0_AVX  0x04UL
#define XCR0_PKRU 0x200UL

#define RFLAGS_RESERVED1 (1UL << 1)
#define RFLAGS_TF        (1UL << 8)
#define RFLAGS_IF        (1UL << 9)
#define RFLAGS_DF        (1UL << 10)
#define RFLAGS_RF        (1UL << 16)
#define RFLAGS_VM        (1UL << 17)

#define EXC_DE 0
#define EXC_DB 1
#define EXC_NMI 2
#define EXC_BP 3
#define EXC_OF  4
#define EXC_UD 6
#define EXC_NM 7
#define EXC_DF 8
#define EXC_SS 12
#define EXC_GP 13
#define EXC_PF 14
#define EXC_AC 17
#define EXC_MC 18

/* Whether so many levels of page tables can translate the address: with four, bits 63:48 are as bit 47. */
static inline bool x86_is_canonical(uint64_t linear, unsigned levels)
{
    unsigned unused = 64 - 12 - 9 * levels;

    return (uint64_t)((int64_t)(linear << unused) >> unused) == linear;
}

struct cpuid_regs {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_regs x86_cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs r;

    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

static inline uint64_t x86_rdmsr(uint32_t msr)
{
    uint32_t low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void x86_wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

/* Like x86_rdmsr, but false instead of a fault where the CPU has no such MSR (x86/traps.c
 * finds the instruction in the exception table). */
bool x86_rdmsr_safe(uint32_t msr, uint64_t *value);

static inline uint64_t x86_rdtsc(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline void x86_out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t x86_in8(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

/* The same with 1, 2 or 4 bytes. */
static inline void x86_out(uint16_t port, unsigned size, uint32_t value)
{
    if (size == 1) {
        x86_out8(port, (uint8_t)value);
    } else if (size == 2) {
        __asm__ volatile("outw %0, %1" : : "a"((uint16_t)value), "Nd"(port));
    } else {
        __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
    }
}

static inline uint32_t x86_in(uint16_t port, unsigned size)
{
    uint32_t value;
    uint16_t word;

    if (size == 1) {
        return x86_in8(port);
    }
    if (size == 2) {
        __asm__ volatile("inw %1, %0" : "=a"(word) : "Nd"(port));
        return word;
    }
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

/* A device's register of 1, 2, 4 or 8 bytes. */
static inline uint64_t x86_mmio_read(const volatile void *at, unsigned size)
{
    return size == 1   ? *(const volatile uint8_t *)at
           : size == 2 ? *(const volatile uint16_t *)at
           : size == 4 ? *(const volatile uint32_t *)at
                       : *(const volatile uint64_t *)at;
}

static inline void x86_mmio_write(volatile void *at, unsigned size, uint64_t value)
{
    if (size == 1) {
        *(volatile uint8_t *)at = (uint8_t)value;
    } else if (size == 2) {
        *(volatile uint16_t *)at = (uint16_t)value;
    } else if (size == 4) {
        *(volatile uint32_t *)at = (uint32_t)value;
    } else {
        *(volatile uint64_t *)at = value;
    }
}

/* Control register n. */
#define x86_read_cr(n)                                                                             \
    ({                                                                                             \
        uint64_t cr_value_;                                                                        \
        __asm__ volatile("mov %%cr" #n ", %0" : "=r"(cr_value_));                                  \
        cr_value_;                                                                                 \
    })
#define x86_write_cr(n, value) __asm__ volatile("mov %0, %%cr" #n : : "r"((uint64_t)(value)) : "memory")
