/* SPDX-License-Identifier: Apache-2.0 */
/* What tests/control_fakes.c records and makes up. */
#pragma once

#include <hv/arch/x86.h>
#include <hv/types.h>

struct fake_call {
    uint64_t number, args[5];
};

/* Every hypercall_run(), in order. */
extern struct fake_call fake_calls[16];
extern unsigned fake_call_count;

/* A processor of one package, two cores, four threads. */
struct cpuid_regs fake_cpuid(uint32_t leaf, uint32_t subleaf);
