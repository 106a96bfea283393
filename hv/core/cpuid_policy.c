/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPUID policies: the tables of what guests may see, the system policies derived from them at boot,
 * and the answer to one CPUID (APM vol. 3, appendix E; hypervisor leaves: xen/arch-x86/cpuid.h).
 */
#include <hv/cpuid_policy.h>

#include <hv/arch/apic.h>
#include <hv/vcpu.h>
#include <hv/time.h>
#include <hv/vlapic.h>
#include <xen/arch-x86/cpufeatureset.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/sysctl.h>

#define EXT_BASE        CPUID_EXT_BASE
#define HYPERVISOR_BASE CPUID_HYPERVISOR_BASE

#define F(name) XEN_X86_FEATURE_##name

/* clang-format off */
/* Features of the host that a guest may have: what the hardware does alone under SVM and
 * nested paging, and what svm/ saves, restores or emulates. Everything else stays hidden: MCE and
 * MCA, MONITOR, TSC_DEADLINE, performance counters, IBS, SVM itself, speculation controls, RDTSCP and RDPID (their
 * MSRs are not switched), XSAVES, AVX-512, PKU, topology extensions, LA57, SGX, SEV. */
static const uint16_t guest_features[] = {
    F(FPU), F(VME), F(DE), F(PSE), F(TSC), F(MSR), F(PAE), F(CX8), F(APIC), F(SEP), F(MTRR), F(PGE),
    F(CMOV), F(PAT), F(PSE36), F(CLFLUSH), F(MMX), F(FXSR), F(SSE), F(SSE2), F(SS), F(HTT),

    F(SSE3), F(PCLMULQDQ), F(SSSE3), F(FMA), F(CX16), F(PCID), F(SSE4_1), F(SSE4_2), F(X2APIC),
    F(MOVBE), F(POPCNT), F(AESNI), F(XSAVE), F(AVX), F(F16C), F(RDRAND), F(HYPERVISOR),

    F(SYSCALL), F(NX), F(MMXEXT), F(FFXSR), F(PAGE1GB), F(LM), F(3DNOWEXT), F(3DNOW),

    F(LAHF_LM), F(CMP_LEGACY), F(CR8_LEGACY), F(ABM), F(SSE4A), F(MISALIGNSSE), F(3DNOWPREFETCH),
    F(XOP), F(FMA4), F(TBM),

    F(XSAVEOPT), F(XSAVEC), F(XGETBV1),

    F(FSGSBASE), F(BMI1), F(AVX2), F(FDP_EXCP_ONLY), F(SMEP), F(BMI2), F(ERMS), F(INVPCID),
    F(NO_FPU_SEL), F(RDSEED), F(ADX), F(SMAP), F(CLFLUSHOPT), F(CLWB), F(SHA),

    F(UMIP), F(GFNI), F(VAES), F(VPCLMULQDQ),

    F(ITSC),

    F(CLZERO), F(RSTR_FP_ERR_PTRS), F(WBNOINVD), F(NO_LMSL), F(SSB_NO), F(BTC_NO),

    F(FSRM), F(AVX_VNNI), F(FZRM), F(FSRS), F(FSRCS),

    F(LFENCE_DISPATCH), F(NSCB), F(SRSO_NO), F(TSA_SQ_NO), F(TSA_L1_NO),
};

/* Not in the default policy: a guest with an invariant TSC could not move to a host whose TSC runs
 * at another rate. */
static const uint16_t opt_in_features[] = {F(ITSC)};

/* There whatever the host has: we make them. */
static const uint16_t our_features[] = {F(APIC), F(X2APIC), F(HYPERVISOR), F(HTT), F(CMP_LEGACY)};

/* Feature, and what it cannot be without. In an order that one pass settles. */
static const struct {
    uint16_t feature, needs;
} dependencies[] = {
    {F(XSAVEOPT), F(XSAVE)},        {F(XSAVEC), F(XSAVE)},          {F(XGETBV1), F(XSAVE)},
    {F(AVX), F(XSAVE)},             {F(FMA), F(AVX)},               {F(F16C), F(AVX)},
    {F(XOP), F(AVX)},               {F(FMA4), F(AVX)},              {F(AVX2), F(AVX)},
    {F(VAES), F(AVX)},              {F(VPCLMULQDQ), F(AVX)},        {F(AVX_VNNI), F(AVX2)},
    {F(INVPCID), F(PCID)},          {F(PAGE1GB), F(LM)},            {F(PCID), F(LM)},
};
/* clang-format on */

/* Leaves, other than features, that guests see as the host has them, with a mask for each register.
 */
static const struct {
    uint32_t leaf;
    struct cpuid_regs mask;
} copied_leaves[] = {
    {0x00000000, {0, ~0U, ~0U, ~0U}},        /* vendor */
    {0x00000001, {~0U, 0x0000ff00, 0, 0}},   /* family, model, stepping; CLFLUSH size */
    {EXT_BASE + 0x00, {0, ~0U, ~0U, ~0U}},   /* vendor */
    {EXT_BASE + 0x01, {~0U, ~0U, 0, 0}},     /* family; package and brand */
    {EXT_BASE + 0x02, {~0U, ~0U, ~0U, ~0U}}, /* name */
    {EXT_BASE + 0x03, {~0U, ~0U, ~0U, ~0U}},  {EXT_BASE + 0x04, {~0U, ~0U, ~0U, ~0U}},
    {EXT_BASE + 0x05, {~0U, ~0U, ~0U, ~0U}},  /* L1 cache and TLBs */
    {EXT_BASE + 0x06, {~0U, ~0U, ~0U, ~0U}},  /* L2 and L3 */
    {EXT_BASE + 0x08, {0x0000ffff, 0, 0, 0}}, /* address widths */
    {EXT_BASE + 0x19, {~0U, ~0U, 0, 0}},      /* 1 GiB TLBs */
    {EXT_BASE + 0x1a, {~0U, 0, 0, 0}},        /* performance hints */
};

/* Bits that 0x80000001.EDX repeats from 1.EDX on AMD. */
#define COMMON_1D_FEATURES 0x0183f3ffU

static struct cpuid_policy raw_policy, host_policy, hvm_max_policy, hvm_default_policy;

/* --- Features ----------------------------------------------------------------------------- */

#define BIT(name)          (1U << (F(name) % 32))
#define PLAIN(leaf)        (leaf), XEN_CPUID_NO_SUBLEAF
#define AT(member)         offsetof(struct cpuid_policy, member)

const struct cpuid_feature_word cpuid_feature_words[CPUID_FEATURE_WORDS] = {
    {PLAIN(1), AT(basic[1].edx), BIT(APIC) | BIT(HTT)},
    {PLAIN(1), AT(basic[1].ecx), BIT(OSXSAVE) | BIT(X2APIC) | BIT(HYPERVISOR)},
    {PLAIN(EXT_BASE + 1), AT(ext[1].edx), COMMON_1D_FEATURES},
    {PLAIN(EXT_BASE + 1), AT(ext[1].ecx), BIT(CMP_LEGACY)},
    {0xd, 1, AT(xstate[1].eax), 0},
    {7, 0, AT(feat[0].ebx), 0},
    {7, 0, AT(feat[0].ecx), BIT(OSPKE)},
    {PLAIN(EXT_BASE + 7), AT(ext[7].edx), 0},
    {PLAIN(EXT_BASE + 8), AT(ext[8].ebx), 0},
    {7, 0, AT(feat[0].edx), 0},
    {7, 1, AT(feat[1].eax), 0},
    {PLAIN(EXT_BASE + 0x21), AT(ext[0x21].eax), 0},
    {7, 1, AT(feat[1].ebx), 0},
    {7, 2, AT(feat[2].edx), 0},
    {7, 1, AT(feat[1].ecx), 0},
    {7, 1, AT(feat[1].edx), 0},
    [18] = {PLAIN(EXT_BASE + 0x21), AT(ext[0x21].ecx), 0}, /* 16 and 17 are MSR_ARCH_CAPS */
};

uint32_t *cpuid_policy_feature_word(struct cpuid_policy *p, unsigned word)
{
    uint16_t offset = word < CPUID_FEATURE_WORDS ? cpuid_feature_words[word].offset : 0;

    return offset != 0 ? (uint32_t *)((char *)p + offset) : NULL;
}

static bool has(const struct cpuid_policy *p, unsigned feature)
{
    const uint32_t *word = cpuid_policy_feature_word((struct cpuid_policy *)p, feature / 32);

    return word != NULL && (*word >> (feature % 32)) & 1;
}

static void set_feature(struct cpuid_policy *p, unsigned feature)
{
    *cpuid_policy_feature_word(p, feature / 32) |= 1U << (feature % 32);
}

static void clear_feature(struct cpuid_policy *p, unsigned feature)
{
    *cpuid_policy_feature_word(p, feature / 32) &= ~(1U << (feature % 32));
}

void cpuid_policy_featureset(const struct cpuid_policy *p, uint32_t words[CPUID_FEATURE_WORDS])
{
    for (unsigned n = 0; n < CPUID_FEATURE_WORDS; n++) {
        const uint32_t *word = cpuid_policy_feature_word((struct cpuid_policy *)p, n);

        words[n] = word != NULL ? *word : 0;
    }
}

/* --- Extended state ----------------------------------------------------------------------- */

uint64_t cpuid_policy_xcr0(const struct cpuid_policy *p)
{
    return (uint64_t)p->xstate[0].edx << 32 | p->xstate[0].eax;
}

/* Legacy area and header, then every component: in the standard format at its fixed place, in the compacted one
 * behind the one before, some aligned to 64 bytes. */
static uint32_t xsave_size(const struct cpuid_policy *p, uint64_t xcr0, bool is_compact)
{
    uint32_t size = 512 + 64;

    for (unsigned n = 2; n < CPUID_XSTATE_COUNT; n++) {
        const struct cpuid_regs *part = &p->xstate[n];

        if (((xcr0 >> n) & 1) && is_compact) {
            size = (part->ecx & 2 ? ROUND_UP(size, 64) : size) + part->eax;
        } else if ((xcr0 >> n) & 1) {
            size = MAX(size, part->ebx + part->eax);
        }
    }
    return size;
}

static void settle_xstate(struct cpuid_policy *p)
{
    uint64_t xcr0 = 0;

    if (has(p, F(XSAVE))) {
        xcr0 = XCR0_X87 | XCR0_SSE | (has(p, F(AVX)) ? XCR0_AVX : 0);
    }
    p->xstate[0] = (struct cpuid_regs){.eax = xcr0};
    if (xcr0 != 0) {
        p->xstate[0].ebx = p->xstate[0].ecx = xsave_size(p, xcr0, false);
    }
    p->xstate[1] = (struct cpuid_regs){.eax = xcr0 != 0 ? p->xstate[1].eax : 0};
    for (unsigned n = 2; n < CPUID_XSTATE_COUNT; n++) {
        if (!((xcr0 >> n) & 1)) {
            p->xstate[n] = (struct cpuid_regs){0};
        }
    }
}

/* --- Making policies ---------------------------------------------------------------------- */

void cpuid_policy_settle(struct cpuid_policy *p)
{
    for (unsigned i = 0; i < ARRAY_SIZE(our_features); i++) {
        set_feature(p, our_features[i]);
    }
    clear_feature(p, F(OSXSAVE));
    /* Twice: PCID may fall after INVPCID was looked at. */
    for (unsigned i = 0; i < 2 * ARRAY_SIZE(dependencies); i++) {
        if (!has(p, dependencies[i % ARRAY_SIZE(dependencies)].needs)) {
            clear_feature(p, dependencies[i % ARRAY_SIZE(dependencies)].feature);
        }
    }
    p->ext[1].edx = (p->ext[1].edx & ~COMMON_1D_FEATURES) | (p->basic[1].edx & COMMON_1D_FEATURES);
    settle_xstate(p);
}

static void read_raw(struct cpuid_policy *p, struct cpuid_regs (*read)(uint32_t, uint32_t))
{
    uint32_t max_basic = read(0, 0).eax, max_ext = read(EXT_BASE, 0).eax;

    for (uint32_t leaf = 0; leaf < CPUID_BASIC_COUNT && leaf <= max_basic; leaf++) {
        p->basic[leaf] = read(leaf, 0);
    }
    for (uint32_t subleaf = 0; max_basic >= 7 && subleaf < CPUID_FEAT_COUNT; subleaf++) {
        if (subleaf <= p->basic[7].eax) {
            p->feat[subleaf] = read(7, subleaf);
        }
    }
    for (uint32_t subleaf = 0; max_basic >= 0xd && subleaf < CPUID_XSTATE_COUNT; subleaf++) {
        p->xstate[subleaf] = read(0xd, subleaf);
    }
    for (uint32_t n = 0; n < CPUID_EXT_COUNT && max_ext >= EXT_BASE && n <= max_ext - EXT_BASE;
         n++) {
        p->ext[n] = read(EXT_BASE + n, 0);
    }
    p->basic[7] = p->basic[0xb] = p->basic[0xd] = (struct cpuid_regs){0};
}

static struct cpuid_regs masked(struct cpuid_regs r, struct cpuid_regs mask)
{
    return (struct cpuid_regs){r.eax & mask.eax, r.ebx & mask.ebx, r.ecx & mask.ecx,
                               r.edx & mask.edx};
}

static void make_max(struct cpuid_policy *p, const struct cpuid_policy *host)
{
    for (unsigned i = 0; i < ARRAY_SIZE(copied_leaves); i++) {
        uint32_t leaf = copied_leaves[i].leaf;

        if (leaf < EXT_BASE) {
            p->basic[leaf] = masked(host->basic[leaf], copied_leaves[i].mask);
        } else {
            p->ext[leaf - EXT_BASE] = masked(host->ext[leaf - EXT_BASE], copied_leaves[i].mask);
        }
    }
    memcpy(p->xstate, host->xstate, sizeof(p->xstate));
    p->xstate[1] = (struct cpuid_regs){0};
    for (unsigned i = 0; i < ARRAY_SIZE(guest_features); i++) {
        if (has(host, guest_features[i])) {
            set_feature(p, guest_features[i]);
        }
    }
    p->basic[0].eax = CPUID_BASIC_COUNT - 1;
    p->ext[0].eax = MIN(host->ext[0].eax, EXT_BASE + CPUID_EXT_COUNT - 1);
    p->feat[0].eax = MIN(host->feat[0].eax, CPUID_FEAT_COUNT - 1);
    p->hypervisor_max = HYPERVISOR_BASE + XEN_CPUID_MAX_NUM_LEAVES;
    cpuid_policy_settle(p);
}

void cpuid_policy_init_system(struct cpuid_regs (*read)(uint32_t leaf, uint32_t subleaf))
{
    read_raw(&raw_policy, read);

    host_policy = raw_policy;
    if (!has(&host_policy, F(OSXSAVE))) {
        clear_feature(&host_policy, F(XSAVE));
    }
    make_max(&hvm_max_policy, &host_policy);

    hvm_default_policy = hvm_max_policy;
    for (unsigned i = 0; i < ARRAY_SIZE(opt_in_features); i++) {
        clear_feature(&hvm_default_policy, opt_in_features[i]);
    }
}

const struct cpuid_policy *cpuid_policy_system(uint32_t index)
{
    static const struct cpuid_policy *const policies[] = {
        [XEN_SYSCTL_cpu_policy_raw] = &raw_policy,
        [XEN_SYSCTL_cpu_policy_host] = &host_policy,
        [XEN_SYSCTL_cpu_policy_hvm_max] = &hvm_max_policy,
        [XEN_SYSCTL_cpu_policy_hvm_default] = &hvm_default_policy,
    };

    return index < ARRAY_SIZE(policies) ? policies[index] : NULL;
}

int cpuid_policy_init_domain(struct domain *d)
{
    _Static_assert(sizeof(struct cpuid_policy) <= PAGE_SIZE, "a policy is one page");
    d->cpuid = page_alloc();
    if (d->cpuid == NULL) {
        return -XEN_ENOMEM;
    }
    *d->cpuid = d->is_hardware || d->is_privileged ? hvm_max_policy : hvm_default_policy;
    return 0;
}

/* --- Answers ------------------------------------------------------------------------------ */

/* Bits of an APIC id below the package: every vCPU is a core of one thread, with id 2 * n. */
static unsigned apic_id_bits(const struct domain *d)
{
    unsigned ids = 2 * d->max_vcpus;

    return ids <= 1 ? 0 : 32 - __builtin_clz(ids - 1);
}

static void query_leaf_1(struct vcpu *v, struct cpuid_regs *out)
{
    unsigned cores = v->domain->max_vcpus;

    out->ebx |= vlapic_id_of(v->id) << 24 | cores << 16;
    if (arch_vcpu_cr4(v) & CR4_OSXSAVE) {
        out->ecx |= BIT(OSXSAVE);
    }
    if (!(vlapic_base(v) & APIC_BASE_ENABLE)) {
        out->edx &= ~BIT(APIC);
    }
    if (cores == 1) {
        out->edx &= ~BIT(HTT);
    }
}

static void query_topology(struct vcpu *v, uint32_t subleaf, struct cpuid_regs *out)
{
    *out = (struct cpuid_regs){.ecx = subleaf & 0xff, .edx = vlapic_id_of(v->id)};
    if (subleaf == 0) {
        out->eax = 1;
        out->ebx = 1;
        out->ecx |= 1U << 8; /* thread level */
    } else if (subleaf == 1) {
        out->eax = apic_id_bits(v->domain);
        out->ebx = v->domain->max_vcpus;
        out->ecx |= 2U << 8; /* core level */
    }
}

static void query_xstate(struct vcpu *v, uint32_t subleaf, struct cpuid_regs *out)
{
    const struct cpuid_policy *p = v->domain->cpuid;

    if (subleaf >= CPUID_XSTATE_COUNT) {
        *out = (struct cpuid_regs){0};
        return;
    }
    *out = p->xstate[subleaf];
    if (subleaf == 0 && out->eax != 0) {
        out->ebx = xsave_size(p, v->arch.xcr0, false);
    } else if (subleaf == 1 && has(p, F(XSAVEC))) {
        out->ebx = xsave_size(p, v->arch.xcr0, true);
    }
}

static void query_hypervisor_tsc(struct vcpu *v, uint32_t subleaf, struct cpuid_regs *out)
{
    uint64_t offset = v->domain->tsc_offset;

    if (subleaf == 0) {
        out->eax = (uint32_t)!host_tsc_is_unstable << 1;
        out->ecx = host_tsc_khz;
    } else if (subleaf == 1) {
        out->eax = offset;
        out->ebx = offset >> 32;
        out->ecx = host_tsc_scale.mul_frac;
        out->edx = (int32_t)host_tsc_scale.shift;
    } else if (subleaf == 2) {
        out->eax = host_tsc_khz;
    }
}

static void query_hypervisor(struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out)
{
    const struct domain *d = v->domain;
    uint32_t max = d->cpuid->hypervisor_max, n = leaf - HYPERVISOR_BASE;

    *out = (struct cpuid_regs){0};
    if (leaf > max) {
        return;
    }
    if (n == 0) {
        *out = (struct cpuid_regs){max, XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX};
    } else if (n == 1) {
        out->eax = XEN_ABI_VERSION;
    } else if (n == 2) { /* pages of hypercalls, and the MSR that places one */
        out->eax = 1;
        out->ebx = HYPERVISOR_BASE;
    } else if (n == 3) {
        query_hypervisor_tsc(v, subleaf, out);
    } else if (n == 4 && subleaf == 0) {
        /* UPCALL_VECTOR stays away: a vector of its own makes a vCPU's upcalls cost an exit for the EOI each, which
         * the domain's (HVM_PARAM_CALLBACK_IRQ) does not have. */
        out->eax = XEN_HVM_CPUID_VCPU_ID_PRESENT | XEN_HVM_CPUID_DOMID_PRESENT |
                   (d->p2m.has_iommu ? XEN_HVM_CPUID_IOMMU_MAPPINGS : 0);
        out->ebx = v->id;
        out->ecx = d->domid;
    }
}

static void query_basic(struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out)
{
    const struct cpuid_policy *p = v->domain->cpuid;

    if (leaf > p->basic[0].eax) {
        *out = (struct cpuid_regs){0};
        return;
    }
    *out = p->basic[leaf];
    if (leaf == 1) {
        query_leaf_1(v, out);
    } else if (leaf == 7 && subleaf <= p->feat[0].eax) {
        *out = p->feat[subleaf];
    } else if (leaf == 0xb) {
        query_topology(v, subleaf, out);
    } else if (leaf == 0xd) {
        query_xstate(v, subleaf, out);
    }
}

static void query_ext(struct vcpu *v, uint32_t n, struct cpuid_regs *out)
{
    const struct cpuid_policy *p = v->domain->cpuid;

    if (EXT_BASE + n > p->ext[0].eax) {
        *out = (struct cpuid_regs){0};
        return;
    }
    *out = p->ext[n];
    if (n == 1 && v->domain->max_vcpus == 1) {
        out->ecx &= ~BIT(CMP_LEGACY);
    } else if (n == 8) {
        out->ecx = apic_id_bits(v->domain) << 12 | (v->domain->max_vcpus - 1);
    }
}

void cpuid_policy_query(struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out)
{
    if (leaf < CPUID_BASIC_COUNT) {
        query_basic(v, leaf, subleaf, out);
    } else if (leaf - EXT_BASE < CPUID_EXT_COUNT) {
        query_ext(v, leaf - EXT_BASE, out);
    } else if (leaf - HYPERVISOR_BASE < 0x100) {
        query_hypervisor(v, leaf, subleaf, out);
    } else {
        *out = (struct cpuid_regs){0};
    }
}
