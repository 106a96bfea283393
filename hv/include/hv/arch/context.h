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

/* How a record is saved, which returns its length, 0 if there is nothing to save (now_tsc: the host TSC that all
 * vCPUs of one context are saved at); checked; and loaded, once it was found right. */
typedef uint32_t hvm_record_save_fn(struct vcpu *v, uint64_t now_tsc, void *body);
typedef bool hvm_record_check_fn(const void *body, uint32_t length);
typedef void hvm_record_load_fn(struct vcpu *v, const void *body, uint32_t length);

/* Registers: hvm_hw_cpu. Load does not touch the TSC: that is the domain's (time_set_tsc_offset()). */
hvm_record_save_fn arch_vcpu_save;
hvm_record_check_fn arch_vcpu_check;
hvm_record_load_fn arch_vcpu_load;

/* Takes over the domain's tsc_offset. */
void arch_vcpu_set_tsc_offset(struct vcpu *v);

/* Memory types: hvm_hw_mtrr. There are no MTRRs to set, only the PAT. */
hvm_record_save_fn arch_vcpu_save_mtrr;
hvm_record_check_fn arch_vcpu_check_mtrr;
hvm_record_load_fn arch_vcpu_load_mtrr;

/* XSAVE state: hvm_hw_cpu_xsave, with its save area so long in all; 0 without XSAVE. */
size_t arch_vcpu_xsave_size(void);
hvm_record_save_fn arch_vcpu_save_xsave;
hvm_record_check_fn arch_vcpu_check_xsave;
hvm_record_load_fn arch_vcpu_load_xsave;
