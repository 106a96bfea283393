/* SPDX-License-Identifier: Apache-2.0 */
/* Machine checks (AMD64 APM vol. 2, chapter 9): any that is reported ends in a panic, and each panic shows what the banks
 * hold. */
#include <hv/arch/cpu.h>
#include <hv/arch/machine.h>
#include <hv/arch/x86.h>
#include <hv/print.h>

#define MSR_MCG_CAP 0x179U
#define MSR_MCG_CTL 0x17bU
#define CTL    0U
#define STATUS 1U
#define ADDR   2U

#define CPUID_MCA          (1U << 14 | 1U << 7) /* 1 EDX: MCA, MCE */
#define CPUID_SCALABLE     (1U << 3)            /* 8000_0007 EBX: ScalableMca */
#define MCG_CAP_COUNT      0xffU
#define MCG_CAP_CTL        (1U << 8)
#define STATUS_VALID       (1UL << 63)
#define STATUS_UNCORRECTED (1UL << 61)

static unsigned bank_count(void)
{
    return (x86_cpuid(1, 0).edx & CPUID_MCA) == CPUID_MCA ? x86_rdmsr(MSR_MCG_CAP) & MCG_CAP_COUNT : 0;
}

/* The classic MSRs end after 32 banks, where a read is a #GP; the scalable ones have room for all (APM vol. 2, chapter 9). */
static uint32_t bank_msr(unsigned bank, unsigned reg)
{
    bool is_scalable = x86_cpuid(0x80000007, 0).ebx & CPUID_SCALABLE;

    return is_scalable ? 0xc0002000U + 16 * bank + reg : 0x400U + 4 * bank + reg;
}

bool machine_check_show(void)
{
    bool is_bad = false;

    for (unsigned n = 0; n < bank_count(); n++) {
        uint64_t status = x86_rdmsr(bank_msr(n, STATUS));

        if (status & STATUS_VALID) {
            printk(LOG_ERROR, "machine check bank %u: status %016lx address %016lx", n, status,
                   x86_rdmsr(bank_msr(n, ADDR)));
            is_bad = is_bad || status & STATUS_UNCORRECTED;
        }
    }
    return is_bad;
}

void machine_check_init_cpu(void)
{
    if (bank_count() == 0) {
        return;
    }
    machine_check_show(); /* of the time before the reset */
    if (x86_rdmsr(MSR_MCG_CAP) & MCG_CAP_CTL) {
        x86_wrmsr(MSR_MCG_CTL, ~0UL);
    }
    for (unsigned n = 0; n < bank_count(); n++) {
        x86_wrmsr(bank_msr(n, CTL), ~0UL);
        x86_wrmsr(bank_msr(n, STATUS), 0);
    }
    x86_write_cr(4, x86_read_cr(4) | CR4_MCE);
}
