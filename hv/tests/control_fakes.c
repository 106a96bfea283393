/* SPDX-License-Identifier: Apache-2.0 */
/* The rest of the machine that the control hypercalls ask about. */
#include "control_fakes.h"

#include <hv/acpi.h>
#include <hv/console.h>
#include <hv/hypercall.h>
#include <hv/pci.h>

#include "tests/host/fake.h"

struct acpi_info acpi_info;

struct fake_call fake_calls[16];
unsigned fake_call_count;

/* Two functions: 0:1.0 and 0:3.0. */
uint32_t pci_config_read(pci_bdf bdf, unsigned offset, unsigned size)
{
    (void)offset, (void)size;
    return bdf == PCI_BDF(0, 1, 0) || bdf == PCI_BDF(0, 3, 0) ? 0x12348086 : ~0u;
}

uint64_t hypercall_get_arg(struct vcpu *v, unsigned n)
{
    (void)v;
    return fake_restart_args[n];
}

/* Answers 100 + number; number 50 restarts once with its first argument changed. */
long hypercall_run(struct vcpu *v, uint64_t number, const uint64_t *args)
{
    struct fake_call *call = &fake_calls[fake_call_count++ % ARRAY_SIZE(fake_calls)];

    call->number = number;
    for (unsigned n = 0; n < ARRAY_SIZE(call->args); n++) {
        call->args[n] = args[n];
    }
    if (number == 50 && args[0] == 1) {
        hypercall_set_arg(v, 0, 2);
        return HYPERCALL_RESTART;
    }
    return 100 + (long)number;
}

struct cpuid_regs fake_cpuid(uint32_t leaf, uint32_t subleaf)
{
    (void)subleaf;
    switch (leaf) {
    case 0:
        return (struct cpuid_regs){0xd, 0x68747541, 0x444d4163, 0x69746e65};
    case 1:
        return (struct cpuid_regs){0x00800f12, 0x00040800, 0x80202001, 0x078bfbff};
    case 0x80000000:
        return (struct cpuid_regs){0x8000001e, 0, 0, 0};
    case 0x80000008: /* 4 threads in the package */
        return (struct cpuid_regs){0x3030, 0, 0x2003, 0};
    case 0x8000001e: /* 2 threads a core */
        return (struct cpuid_regs){0, 0x100, 0, 0};
    default:
        return (struct cpuid_regs){0, 0, 0, 0};
    }
}
