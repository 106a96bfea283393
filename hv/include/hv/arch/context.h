/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processor state as HVM context records (<xen/hvm/save.h>): the seam between core/hvm_context.c and the
 * vendor part. All of it is for a vCPU that is off its CPU. The check functions refuse what the
 * processor would refuse; the load functions then cannot fail.
 */
#pragma once

#include <hv/types.h>
#include <xen/xen.h>
#include <xen/hvm/save.h>

struct vcpu;

/* CPUID 1, EAX of this host, for the header record. */
uint32_t arch_cpu_signature(void);

/* Registers. now_tsc: host TSC that all vCPUs of one context are saved at. */
void arch_vcpu_save(const struct vcpu *v, uint64_t now_tsc, struct hvm_hw_cpu *cpu);
bool arch_vcpu_check(const struct hvm_hw_cpu *cpu);
/* Does not touch the TSC: that is the domain's (arch_vcpu_set_tsc_offset). */
void arch_vcpu_load(struct vcpu *v, const struct hvm_hw_cpu *cpu);
/* Takes over the domain's tsc_offset. */
void arch_vcpu_set_tsc_offset(struct vcpu *v);

/* Memory types. There are no MTRRs to set, only the PAT. */
void arch_vcpu_save_mtrr(const struct vcpu *v, struct hvm_hw_mtrr *mtrr);
bool arch_vcpu_check_mtrr(const struct hvm_hw_mtrr *mtrr);
void arch_vcpu_load_mtrr(struct vcpu *v, const struct hvm_hw_mtrr *mtrr);

/* XSAVE state: the record is hvm_hw_cpu_xsave, its save area `size` bytes long in all; 0 without
 * XSAVE. */
size_t arch_vcpu_xsave_size(void);
void arch_vcpu_save_xsave(const struct vcpu *v, struct hvm_hw_cpu_xsave *xsave);
bool arch_vcpu_check_xsave(const struct hvm_hw_cpu_xsave *xsave, size_t size);
void arch_vcpu_load_xsave(struct vcpu *v, const struct hvm_hw_cpu_xsave *xsave, size_t size);
