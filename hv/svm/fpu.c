/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's x87, SSE and AVX registers. The hypervisor uses none of them, so they stay in the
 * processor from entry to entry and are only saved when another vCPU is loaded. With XSAVE
 * everything that a guest could reach is saved whatever its XCR0 says: disabled components keep
 * their contents. PKRU is one of them: it is not offered, but a guest that sets CR4.PKE reaches it.
 */
#include "svm.h"

#define CPUID_KEEPS_POINTERS (1u << 2) /* 8000_0008 EBX: RstrFpErrPtrs */

#define FXSAVE_FCW 0

static uint64_t host_xcr0; /* what is switched; 0: no XSAVE */
static bool keeps_pointers; /* of x87 */

uint64_t fpu_supported_xcr0(void)
{
    return host_xcr0 & ~XCR0_PKRU;
}

static void xsetbv(uint64_t value)
{
    __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

/* Not every processor exits at XSETBV: QEMU 7.2's does not. */
void fpu_read_xcr0(struct vcpu *v)
{
    uint32_t low, high;

    if (host_xcr0 != 0) {
        __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        v->arch.xcr0 = (uint64_t)high << 32 | low;
    }
}

void fpu_init_cpu(void)
{
    struct cpuid_regs features = x86_cpuid(1, 0);

    x86_write_cr(0, (x86_read_cr(0) & ~(CR0_EM | CR0_TS)) | CR0_MP);
    x86_write_cr(4, x86_read_cr(4) | CR4_OSFXSR | CR4_OSXMMEXCPT);
    if (features.ecx & (1u << 26)) {
        x86_write_cr(4, x86_read_cr(4) | CR4_OSXSAVE);
        host_xcr0 = x86_cpuid(0xd, 0).eax & (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_PKRU);
        xsetbv(host_xcr0);
    }
    keeps_pointers = x86_cpuid(0x80000008, 0).ebx & CPUID_KEEPS_POINTERS;
}

int fpu_init_vcpu(struct vcpu *v)
{
    uint8_t *area = page_alloc(); /* PKRU ends below 2816 in the standard format */

    if (area == NULL) {
        return -XEN_ENOMEM;
    }
    area[FXSAVE_FCW] = 0x7f; /* reset values: FCW 0x37f after FNINIT, MXCSR 0x1f80 */
    area[FXSAVE_FCW + 1] = 0x03;
    area[FXSAVE_MXCSR] = 0x80;
    area[FXSAVE_MXCSR + 1] = 0x1f;
    v->arch.fpu = area;
    v->arch.xcr0 = XCR0_X87;
    return 0;
}

void fpu_save(struct vcpu *v)
{
    if (host_xcr0 != 0) {
        fpu_read_xcr0(v);
        xsetbv(host_xcr0);
        __asm__ volatile("xsave64 (%0)"
                         :
                         : "r"(v->arch.fpu), "a"((uint32_t)host_xcr0), "d"((uint32_t)(host_xcr0 >> 32))
                         : "memory");
    } else {
        __asm__ volatile("fxsave64 (%0)" : : "r"(v->arch.fpu) : "memory");
    }
}

/* Where the last x87 instruction and its operand were is saved and restored only with an exception pending, on
 * processors without RstrFpErrPtrs (APM vol. 3, E.4.7): the next guest could read it. So it is one of ours. */
static void forget_pointers(void)
{
    static const int32_t operand;

    __asm__ volatile("fnclex; emms; fildl %0" : : "m"(operand));
}

void fpu_restore(struct vcpu *v)
{
    if (!keeps_pointers) {
        forget_pointers();
    }
    if (host_xcr0 != 0) {
        /* Ask for every component, so that none keeps another guest's contents. */
        xsetbv(host_xcr0);
        __asm__ volatile("xrstor64 (%0)"
                         :
                         : "r"(v->arch.fpu), "a"((uint32_t)host_xcr0), "d"((uint32_t)(host_xcr0 >> 32))
                         : "memory");
        xsetbv(v->arch.xcr0);
    } else {
        __asm__ volatile("fxrstor64 (%0)" : : "r"(v->arch.fpu) : "memory");
    }
}

void fpu_set_xcr0(struct vcpu *v, uint64_t xcr0)
{
    v->arch.xcr0 = xcr0;
    xsetbv(xcr0);
}
