/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What CPUID says to a domain. A policy is a table of leaves: the host's, filtered by the list of
 * features that guests may have, and narrowed further by the toolstack (XEN_DOMCTL_set_cpu_policy).
 * Topology and the few bits that mirror a vCPU's control state are put in when a leaf is asked for.
 */
#pragma once

#include <hv/arch/x86.h>
#include <xen/xen.h>

struct domain;
struct vcpu;

#define XEN_ABI_VERSION (4U << 16 | 17U) /* the Xen whose ABI this is */

#define CPUID_EXT_BASE        0x80000000U
#define CPUID_HYPERVISOR_BASE 0x40000000U
#define CPUID_BASIC_COUNT   0xeU  /* leaves 0 - 0xd */
#define CPUID_FEAT_COUNT    3U    /* subleaves of leaf 7 */
#define CPUID_XSTATE_COUNT  10U   /* subleaves of leaf 0xd */
#define CPUID_EXT_COUNT     0x22U /* leaves 0x80000000 - 0x80000021 */
#define CPUID_FEATURE_WORDS 19U   /* of a featureset (xen/arch-x86/cpufeatureset.h) */

/* Most entries that cpuid_policy_serialise() writes. */
#define CPUID_MAX_LEAVES                                                                           \
    (CPUID_BASIC_COUNT + CPUID_FEAT_COUNT + CPUID_XSTATE_COUNT + 2 + CPUID_EXT_COUNT)
#define CPUID_MAX_MSRS 2U

struct cpuid_policy {
    struct cpuid_regs basic[CPUID_BASIC_COUNT]; /* 7, 0xb and 0xd are not here */
    struct cpuid_regs feat[CPUID_FEAT_COUNT];
    struct cpuid_regs xstate[CPUID_XSTATE_COUNT];
    struct cpuid_regs ext[CPUID_EXT_COUNT];
    uint32_t hypervisor_max; /* highest hypervisor leaf */
};

/* Reads the host with `read` (x86_cpuid) and derives the system policies. Once, at boot, after the
 * hypervisor has set its CR4: without CR4.OSXSAVE guests get no XSAVE state either. */
void cpuid_policy_init_system(struct cpuid_regs (*read)(uint32_t leaf, uint32_t subleaf));

/* XEN_SYSCTL_cpu_policy_*: raw, host, HVM maximum and default; NULL for the PV ones and beyond. */
const struct cpuid_policy *cpuid_policy_system(uint32_t index);

/* The state components (XCR0 bits) that a guest may switch on. */
uint64_t cpuid_policy_xcr0(const struct cpuid_policy *p);

/* Gives d the default policy (the hardware domain: the maximum), a page. 0 or -XEN_ENOMEM. */
int cpuid_policy_init_domain(struct domain *d);

/* Answers CPUID for v. */
void cpuid_policy_query(struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out);

/* The policy as featureset words. */
void cpuid_policy_featureset(const struct cpuid_policy *p, uint32_t words[CPUID_FEATURE_WORDS]);

/* core/cpuid_serialise.c: the ABI's form of a policy. Writes at most *nr_* entries and stores how
 * many were written: 0, or -XEN_ENOBUFS when they do not fit. */
int cpuid_policy_serialise(const struct cpuid_policy *p, xen_cpuid_leaf_t *leaves,
                           uint32_t *nr_leaves, xen_msr_entry_t *msrs, uint32_t *nr_msrs);

/* What cpuid_policy_set() objected to; ~0: nothing in particular. */
struct cpuid_policy_error {
    uint32_t leaf, subleaf, msr;
};

/* Overlays d's policy (its vCPUs have not run yet) with these entries. All or nothing: 0,
 * -XEN_ERANGE for a leaf or MSR that no policy has, -XEN_EINVAL for one that gives more than the
 * maximum policy. */
int cpuid_policy_set(struct domain *d, const xen_cpuid_leaf_t *leaves, uint32_t nr_leaves,
                     const xen_msr_entry_t *msrs, uint32_t nr_msrs,
                     struct cpuid_policy_error *error);

/* Shared by the two files. A word of a featureset: where CPUID has it, where a policy does, and its bits that are
 * made at query time, whatever a policy says. */
struct cpuid_feature_word {
    uint32_t leaf, subleaf;
    uint16_t offset; /* 0: in no policy */
    uint32_t dynamic;
};
extern const struct cpuid_feature_word cpuid_feature_words[CPUID_FEATURE_WORDS];

/* The register of a policy that holds featureset word n; NULL where none does. */
uint32_t *cpuid_policy_feature_word(struct cpuid_policy *p, unsigned word);

/* Makes a policy consistent after features were taken away: dependent features, state sizes,
 * limits. */
void cpuid_policy_settle(struct cpuid_policy *p);
