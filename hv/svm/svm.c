/* SPDX-License-Identifier: Apache-2.0 */
/* Finding and switching on SVM (AMD64 APM vol. 2, 15.4), and the address space identifiers of each CPU. */
#include <hv/arch/svm_host.h>
#include <hv/print.h>

#include "svm.h"

#define CPUID_SVM        (1U << 2) /* 8000_0001 ECX */
#define SVM_NPT          (1U << 0)  /* 8000_000A EDX */
#define SVM_NEXT_RIP     (1U << 3)
#define SVM_CLEAN_BITS   (1U << 5)
#define SVM_DECODE       (1U << 7)
#define VM_CR_DIS_A20M   (1UL << 2) /* 15.30.1 */
#define VM_CR_SVMDIS     (1UL << 4)
#define CPUID_IBPB       (1U << 12) /* 8000_0008 EBX */
#define CPUID_LFENCE     (1U << 2)  /* 8000_0021 EAX: it always serializes */
#define CPUID_AUTO_IBRS  (1U << 8)
#define MSR_DE_CFG       0xc0011029U
#define DE_CFG_LFENCE    (1UL << 1) /* it does */

struct svm_features svm_features;

static struct svm_cpu svm_cpus[MAX_CPUS];

void svm_detect(void)
{
    struct cpuid_regs svm;
    uint64_t vm_cr = 0;

    if (x86_cpuid(0x80000000, 0).eax < 0x8000000a || !(x86_cpuid(0x80000001, 0).ecx & CPUID_SVM)) {
        halt_with_message("this processor has no SVM (AMD virtualization); Nether cannot run here");
    }
    if (x86_rdmsr_safe(MSR_VM_CR, &vm_cr) && (vm_cr & VM_CR_SVMDIS)) {
        halt_with_message("SVM is disabled by the firmware: enable virtualization in its setup");
    }
    svm = x86_cpuid(0x8000000a, 0);
    if (!(svm.edx & SVM_NPT)) {
        halt_with_message("this processor has SVM but no nested paging; Nether needs it");
    }
    svm_features = (struct svm_features){
        .asid_count = svm.ebx,
        .has_next_rip = svm.edx & SVM_NEXT_RIP,
        .has_decode_assist = svm.edx & SVM_DECODE,
        .has_clean_bits = svm.edx & SVM_CLEAN_BITS,
        .has_ibpb = x86_cpuid(0x80000008, 0).ebx & CPUID_IBPB,
    };
    if (svm_features.asid_count < 2) {
        halt_with_message("this processor offers no address space identifiers for guests");
    }
    pr_info("svm: nested paging, %u ASIDs%s%s%s%s\n", svm_features.asid_count,
            svm_features.has_next_rip ? ", next RIP" : "",
            svm_features.has_decode_assist ? ", decode assists" : "",
            svm_features.has_clean_bits ? ", clean bits" : "", svm_features.has_ibpb ? ", IBPB" : "");
}

/* LFENCE holds back what follows it, as guests' clocks and their guards against speculation have it: they believe that
 * they set this (exit_msr.c ignores it). */
static void make_lfence_serialize(uint32_t features)
{
    uint64_t de_cfg;

    if (!(features & CPUID_LFENCE) && x86_rdmsr_safe(MSR_DE_CFG, &de_cfg) && !(de_cfg & DE_CFG_LFENCE)) {
        x86_wrmsr(MSR_DE_CFG, de_cfg | DE_CFG_LFENCE);
    }
}

/* What CPUID 8000_0021 EAX says, on processors that know this leaf. */
static uint32_t extended_features(void)
{
    return x86_cpuid(0x80000000, 0).eax >= 0x80000021 ? x86_cpuid(0x80000021, 0).eax : 0;
}

void svm_init_cpu(void)
{
    struct cpu *c = this_cpu();
    struct svm_cpu *s = &svm_cpus[c->id];
    uint32_t features = extended_features();

    c->svm = s;
    s->host_save = frame_alloc_hv(ORDER_4K, c->node);
    if (mfn_is_none(s->host_save)) {
        halt_with_message("cpu%u: no memory for the host save area", c->id);
    }
    s->asid_generation = 1;
    s->next_asid = 1;
    /* Automatic IBRS: no branch of the hypervisor's goes where a guest's have taught the processor to guess (3.1.7). */
    x86_wrmsr(MSR_EFER, x86_rdmsr(MSR_EFER) | EFER_SVME | (features & CPUID_AUTO_IBRS ? EFER_AIBRSE : 0));
    x86_wrmsr(MSR_VM_CR, x86_rdmsr(MSR_VM_CR) | VM_CR_DIS_A20M);
    x86_wrmsr(MSR_VM_HSAVE_PA, s->host_save.n << PAGE_SHIFT);
    make_lfence_serialize(features);
    fpu_init_cpu();
    timer_init_cpu(c);
    sched_init_cpu(c);
}

void svm_asid_update(struct cpu *c, struct vcpu *v)
{
    struct svm_cpu *s = c->svm;
    struct vmcb *vmcb = v->arch.vmcb;
    uint64_t flush_gen = __atomic_load_n(&v->domain->p2m.flush_gen, __ATOMIC_SEQ_CST);

    if (likely(v->arch.last_cpu == (int)c->id && v->arch.asid_generation == s->asid_generation &&
               v->arch.flush_gen == flush_gen)) {
        return;
    }
    /* A fresh ASID has no translations: that is the flush. Only when they run out is all flushed. */
    if (s->next_asid >= svm_features.asid_count) {
        s->next_asid = 1;
        s->asid_generation++;
        vmcb->tlb_control = TLB_FLUSH_ALL;
    }
    vmcb->asid = s->next_asid++;
    if (v->arch.last_cpu != (int)c->id) {
        vmcb->clean = 0;
        v->arch.last_cpu = c->id;
    }
    vmcb->clean &= ~CLEAN_ASID;
    v->arch.asid_generation = s->asid_generation;
    __atomic_store_n(&v->arch.flush_gen, flush_gen, __ATOMIC_RELEASE);
}
