/* SPDX-License-Identifier: Apache-2.0 */
/* core/cpuid_policy.c and core/cpuid_serialise.c, on an invented AMD host. */
#include <hv/cpuid_policy.h>
#include <hv/hypercall.h>
#include <hv/vlapic.h>

#include <criterion/criterion.h>
#include <string.h>
#include <xen/arch-x86/cpufeatureset.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/sysctl.h>

#include "vdev_fakes.h"

#define F(name)   XEN_X86_FEATURE_##name
#define BIT(name) (1U << (F(name) % 32))

/* Every bit of every feature leaf is set: whatever a guest sees beyond the list is a leak. */
static bool host_has_osxsave;

static struct cpuid_regs host_cpuid(uint32_t leaf, uint32_t subleaf)
{
    static const struct cpuid_regs components[] = {
        [2] = {256, 576, 0, 0},   [5] = {64, 1088, 0, 0}, [6] = {512, 1152, 0, 0},
        [7] = {1024, 1664, 0, 0}, [9] = {8, 2688, 0, 0},
    };

    switch (leaf) {
    case 0:
        return (struct cpuid_regs){0x10, 0x68747541, 0x444d4163, 0x69746e65};
    case 1:
        return (struct cpuid_regs){0x00a20f10, 0x05100800,
                                   ~0U ^ (host_has_osxsave ? 0 : BIT(OSXSAVE)), ~0U};
    case 7:
        return (struct cpuid_regs){subleaf == 0 ? 2 : ~0U, ~0U, ~0U, ~0U};
    case 0xd:
        if (subleaf == 0) {
            return (struct cpuid_regs){0x2e7, 2696, 2696, 0};
        }
        if (subleaf == 1) {
            return (struct cpuid_regs){0xf, 2696, 0x1800, 0};
        }
        return subleaf < ARRAY_SIZE(components) ? components[subleaf] : (struct cpuid_regs){0};
    case 0x80000000:
        return (struct cpuid_regs){0x80000023, 0x68747541, 0x444d4163, 0x69746e65};
    case 0x80000002:
        return (struct cpuid_regs){0x20444d41, 0x43595045, 0, 0};
    case 0x80000008:
        return (struct cpuid_regs){0x00303030, ~0U, 0x7fff, ~0U};
    default:
        return (struct cpuid_regs){~0U, ~0U, ~0U, ~0U};
    }
}

static struct domain *d;

static void start(unsigned vcpus, bool osxsave)
{
    host_has_osxsave = osxsave;
    d = fake_domain(vcpus);
    for (unsigned n = 0; n < vcpus; n++) {
        cr_assert_eq(vlapic_init(d->vcpus[n]), 0);
    }
    cpuid_policy_init_system(host_cpuid);
    cr_assert_eq(cpuid_policy_init_domain(d), 0);
}

static void stop(void)
{
    for (unsigned n = 0; n < d->max_vcpus; n++) {
        vlapic_free(d->vcpus[n]);
    }
    page_free(d->cpuid);
}

static struct cpuid_regs query(unsigned vcpu, uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs r = {~0U, ~0U, ~0U, ~0U};

    cpuid_policy_query(d->vcpus[vcpu], leaf, subleaf, &r);
    return r;
}

static bool is_zero(struct cpuid_regs r)
{
    return (r.eax | r.ebx | r.ecx | r.edx) == 0;
}

/* --- Features ------------------------------------------------------------------------------- */

static bool has(const struct domain *domain, unsigned feature)
{
    uint32_t words[CPUID_FEATURE_WORDS];

    cpuid_policy_featureset(domain->cpuid, words);
    return words[feature / 32] >> (feature % 32) & 1;
}

Test(cpuid_policy, hides_what_guests_may_not_have)
{
    static const uint16_t hidden[] = {
        F(MCE),          F(MCA),    F(DS),      F(ACPI),       F(MONITOR),    F(VMX),
        F(TSC_DEADLINE), F(SVM),    F(IBS),     F(LWP),        F(NODEID_MSR), F(TOPOEXT),
        F(DBEXT),        F(XSAVES), F(SGX),     F(TSC_ADJUST), F(PKU),        F(CET_SS),
        F(HW_PSTATE),    F(CPB),    F(IBPB),    F(IBRS),       F(AMD_STIBP),  F(AMD_SSBD),
        F(VIRT_SSBD),    F(PQM),    F(RTM),     F(HLE),        F(MPX),        F(AUTO_IBRS),
        F(OSVW),         F(SKINIT), F(EXTAPIC), F(ENQCMD),     F(ARCH_CAPS), F(RDTSCP),
        F(RDPID),        F(AVX512F), F(AVX512BW), F(AVX512_BF16),
    };

    start(2, true);
    for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
        cr_expect_not(has(d, hidden[i]), "feature %u", hidden[i]);
    }
    cr_expect(is_zero(query(0, 0x8000000a, 0)), "SVM leaf");
    cr_expect(is_zero(query(0, 0x8000001f, 0)), "encrypted memory");
    cr_expect(is_zero(query(0, 5, 0)), "MONITOR leaf");
    cr_expect(is_zero(query(0, 0xa, 0)), "performance counters");
    cr_expect_eq(query(0, 0x80000001, 0).ecx & 0x01800000, 0, "PERFCTR");
    stop();
}

Test(cpuid_policy, shows_what_guests_need)
{
    struct cpuid_regs r;

    start(2, true);
    r = query(0, 0, 0);
    cr_expect_eq(r.eax, 0xd);
    cr_expect_eq(r.ebx, 0x68747541);
    cr_expect_eq(r.ecx, 0x444d4163);
    r = query(0, 1, 0);
    cr_expect_eq(r.eax, 0x00a20f10);
    cr_expect(r.ecx & BIT(HYPERVISOR));
    cr_expect(r.ecx & BIT(X2APIC));
    cr_expect(r.edx & BIT(APIC));
    cr_expect(r.edx & BIT(HTT));
    cr_expect_eq(query(0, 0x80000000, 0).eax, 0x80000021);
    cr_expect_eq(query(0, 0x80000002, 0).ebx, 0x43595045);
    cr_expect_eq(query(0, 0x80000008, 0).eax, 0x3030);
    cr_expect_eq(query(0, 0x80000001, 0).edx & 0x0183f3ff, r.edx & 0x0183f3ff, "AMD's copies");
    stop();
}

Test(cpuid_policy, x2apic_and_hypervisor_are_there_on_any_host)
{
    start(1, true);
    /* A host without x2APIC: the bit comes from our vLAPIC. */
    cr_expect(has(d, F(X2APIC)));
    cr_expect_not(query(0, 1, 0).edx & BIT(HTT), "one vCPU is no package of several");
    cr_expect_not(query(0, 0x80000001, 0).ecx & BIT(CMP_LEGACY));
    stop();
}

Test(cpuid_policy, without_osxsave_in_the_host_no_extended_state)
{
    start(1, false);

    cr_expect_not(has(d, F(XSAVE)));
    cr_expect_not(has(d, F(AVX)));
    cr_expect_not(has(d, F(AVX2)));
    cr_expect_not(has(d, F(FMA)));
    cr_expect_not(has(d, F(VAES)));
    cr_expect(has(d, F(AESNI)));
    cr_expect(is_zero(query(0, 0xd, 0)));
    cr_expect(is_zero(query(0, 0xd, 1)));
    cr_expect(is_zero(query(0, 0xd, 2)));
    stop();
}

Test(cpuid_policy, invariant_tsc_is_for_the_hardware_domain)
{
    start(1, true);
    cr_expect_not(has(d, F(ITSC)));

    page_free(d->cpuid);
    d->is_hardware = true;
    cr_assert_eq(cpuid_policy_init_domain(d), 0);
    cr_expect(has(d, F(ITSC)));
    cr_expect_eq(query(0, 0x80000007, 0).edx, 1U << 8);
    stop();
}

Test(cpuid_policy, no_memory_for_a_policy_is_reported)
{
    d = fake_domain(1);
    fake.no_memory = true;

    cr_expect_eq(cpuid_policy_init_domain(d), -XEN_ENOMEM);
}

/* --- What is made when asked for ------------------------------------------------------------ */

Test(cpuid_policy, dynamic_bits_follow_the_vcpu)
{
    start(1, true);

    cr_expect_not(query(0, 1, 0).ecx & BIT(OSXSAVE));
    fake.cr4 = CR4_OSXSAVE;
    cr_expect(query(0, 1, 0).ecx & BIT(OSXSAVE));
    cr_assert_eq(vlapic_msr_write(d->vcpus[0], 0x1b, 0xfee00100), 0);
    cr_expect_not(query(0, 1, 0).edx & BIT(APIC));
    stop();
}

Test(cpuid_policy, topology_is_one_story_in_all_leaves)
{
    static const struct {
        unsigned vcpus, bits;
    } cases[] = {{1, 1}, {2, 2}, {3, 3}, {4, 3}, {5, 4}, {8, 4}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        unsigned last = cases[i].vcpus - 1;
        struct cpuid_regs r;

        start(cases[i].vcpus, true);
        r = query(last, 1, 0);
        cr_expect_eq(r.ebx >> 24, 2 * last);
        cr_expect_eq((r.ebx >> 16) & 0xff, cases[i].vcpus);
        cr_expect_eq((r.ebx >> 8) & 0xff, 8, "CLFLUSH size");
        r = query(last, 0xb, 0);
        cr_expect(r.eax == 1 && r.ebx == 1 && r.ecx == 0x100 && r.edx == 2 * last);
        r = query(last, 0xb, 1);
        cr_expect(r.eax == cases[i].bits && r.ebx == cases[i].vcpus && r.ecx == 0x201 &&
                  r.edx == 2 * last);
        r = query(last, 0xb, 2);
        cr_expect(r.eax == 0 && r.ebx == 0 && r.ecx == 2 && r.edx == 2 * last);
        r = query(last, 0x80000008, 0);
        cr_expect_eq(r.ecx, cases[i].bits << 12 | last);
        stop();
    }
}

Test(cpuid_policy, xsave_sizes_follow_xcr0)
{
    struct cpuid_regs r;

    start(1, true);
    d->vcpus[0]->arch.xcr0 = 1;
    r = query(0, 0xd, 0);
    cr_expect_eq(r.eax, 7);
    cr_expect_eq(r.ebx, 576);
    cr_expect_eq(r.ecx, 832, "the largest, without AVX-512 and PKU");
    d->vcpus[0]->arch.xcr0 = 7;
    cr_expect_eq(query(0, 0xd, 0).ebx, 832);
    r = query(0, 0xd, 1);
    cr_expect_eq(r.eax, 7, "no XSAVES");
    cr_expect_eq(r.ebx, 576 + 256);
    cr_expect_eq(query(0, 0xd, 2).ebx, 576);
    cr_expect(is_zero(query(0, 0xd, 5)), "AVX-512");
    cr_expect(is_zero(query(0, 0xd, 9)), "PKU");
    cr_expect(is_zero(query(0, 0xd, 63)));
    cr_expect(is_zero(query(0, 0xd, ~0U)));
    cr_expect_eq(cpuid_policy_xcr0(d->cpuid), 7, "what svm/fpu.c switches");
    stop();
}

Test(cpuid_policy, leaf_7_is_bounded)
{
    start(1, true);

    cr_expect_eq(query(0, 7, 0).eax, 2);
    cr_expect(is_zero(query(0, 7, 3)));
    cr_expect(is_zero(query(0, 7, ~0U)));
    stop();
}

Test(cpuid_policy, leaves_out_of_range_are_zero)
{
    static const uint32_t leaves[] = {0xe,        0x10,       0x3fffffff, 0x40000100,
                                      0x40000006, 0x7fffffff, 0x80000022, 0x80000023,
                                      0x8fffffff, 0xffffffff, 0xc0000000};

    start(1, true);
    for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
        cr_expect(is_zero(query(0, leaves[i], 0)), "%x", leaves[i]);
    }
    stop();
}

Test(cpuid_policy, hypervisor_leaves)
{
    struct cpuid_regs r;

    start(2, true);
    d->tsc_offset = 0x1122334455667788UL;
    r = query(1, 0x40000000, 0);
    cr_expect_eq(r.eax, 0x40000005);
    cr_expect_eq(memcmp(&r.ebx, "XenVMMXenVMM", 12), 0);
    cr_expect_eq(query(1, 0x40000001, 0).eax, 4U << 16 | 17);
    r = query(1, 0x40000002, 0);
    cr_expect(r.eax == 1 && r.ebx == 0x40000000 && r.ecx == 0 && r.edx == 0);
    r = query(1, 0x40000003, 0);
    cr_expect(r.eax == 2 && r.ecx == 1000000);
    r = query(1, 0x40000003, 1);
    cr_expect(r.eax == 0x55667788 && r.ebx == 0x11223344 && r.ecx == 0x80000000 && r.edx == 1);
    r = query(1, 0x40000004, 0);
    cr_expect_eq(r.eax, XEN_HVM_CPUID_VCPU_ID_PRESENT | XEN_HVM_CPUID_DOMID_PRESENT);
    cr_expect(r.ebx == 1 && r.ecx == 3);
    cr_expect(is_zero(query(1, 0x40000004, 1)));
    stop();
}

/* --- The control ABI's form ----------------------------------------------------------------- */

static xen_cpuid_leaf_t leaves[CPUID_MAX_LEAVES];
static xen_msr_entry_t msrs[CPUID_MAX_MSRS];
static uint32_t nr_leaves, nr_msrs;

static void serialise(const struct cpuid_policy *p)
{
    nr_leaves = CPUID_MAX_LEAVES;
    nr_msrs = CPUID_MAX_MSRS;
    cr_assert_eq(cpuid_policy_serialise(p, leaves, &nr_leaves, msrs, &nr_msrs), 0);
}

static xen_cpuid_leaf_t *find(uint32_t leaf, uint32_t subleaf)
{
    for (uint32_t n = 0; n < nr_leaves; n++) {
        if (leaves[n].leaf == leaf && leaves[n].subleaf == subleaf) {
            return &leaves[n];
        }
    }
    cr_assert_fail("leaf %x.%x is missing", leaf, subleaf);
    return NULL;
}

static int set(struct cpuid_policy_error *error)
{
    return cpuid_policy_set(d, leaves, nr_leaves, msrs, nr_msrs, error);
}

Test(cpuid_policy, system_policies_by_index)
{
    start(1, true);

    cr_expect_not_null(cpuid_policy_system(XEN_SYSCTL_cpu_policy_raw));
    cr_expect_not_null(cpuid_policy_system(XEN_SYSCTL_cpu_policy_host));
    cr_expect_null(cpuid_policy_system(XEN_SYSCTL_cpu_policy_pv_max));
    cr_expect_null(cpuid_policy_system(XEN_SYSCTL_cpu_policy_pv_default));
    cr_expect_null(cpuid_policy_system(6));
    for (uint32_t n = 0; n < 6; n++) {
        if (cpuid_policy_system(n) != NULL) {
            serialise(cpuid_policy_system(n));
            cr_expect_leq(nr_leaves, CPUID_MAX_LEAVES);
        }
    }
    stop();
}

Test(cpuid_policy, what_get_gives_set_takes_unchanged)
{
    struct cpuid_policy before;
    struct cpuid_policy_error error;

    start(2, true);
    before = *d->cpuid;
    serialise(d->cpuid);

    cr_expect_eq(set(&error), 0);

    cr_expect_eq(memcmp(&before, d->cpuid, sizeof(before)), 0);
    cr_expect_eq(error.leaf, ~0U);
    serialise(cpuid_policy_system(XEN_SYSCTL_cpu_policy_hvm_max));
    cr_expect_eq(set(&error), 0);
    cr_expect(has(d, F(ITSC)), "an opt-in feature was opted in to");
    stop();
}

Test(cpuid_policy, buffers_that_are_too_small_are_refused)
{
    start(1, true);
    nr_leaves = 10;
    nr_msrs = CPUID_MAX_MSRS;
    cr_expect_eq(cpuid_policy_serialise(d->cpuid, leaves, &nr_leaves, msrs, &nr_msrs),
                 -XEN_ENOBUFS);
    nr_leaves = CPUID_MAX_LEAVES;
    nr_msrs = 1;
    cr_expect_eq(cpuid_policy_serialise(d->cpuid, leaves, &nr_leaves, msrs, &nr_msrs),
                 -XEN_ENOBUFS);
    stop();
}

Test(cpuid_policy, taking_features_away_takes_their_dependants_too)
{
    struct cpuid_policy_error error;

    start(1, true);
    serialise(d->cpuid);
    find(1, XEN_CPUID_NO_SUBLEAF)->c &= ~BIT(AVX);

    cr_expect_eq(set(&error), 0);

    cr_expect_not(has(d, F(AVX2)));
    cr_expect_not(has(d, F(AVX_VNNI)));
    cr_expect(has(d, F(XSAVE)));
    cr_expect_eq(cpuid_policy_xcr0(d->cpuid), 3);
    cr_expect_eq(query(0, 0xd, 0).ecx, 576);
    stop();
}

Test(cpuid_policy, the_toolstack_s_topology_is_accepted_and_ignored)
{
    struct cpuid_policy_error error;

    start(2, true);
    serialise(d->cpuid);
    find(1, XEN_CPUID_NO_SUBLEAF)->b |= 0x00800000;
    find(1, XEN_CPUID_NO_SUBLEAF)->d |= BIT(HTT);
    find(0x80000001, XEN_CPUID_NO_SUBLEAF)->c &= ~BIT(CMP_LEGACY);
    find(0x80000008, XEN_CPUID_NO_SUBLEAF)->c = 0x700f;
    find(0xb, 0)->b = 77;

    cr_expect_eq(set(&error), 0);

    cr_expect_eq((query(0, 1, 0).ebx >> 16) & 0xff, 2);
    cr_expect_eq(query(0, 0x80000008, 0).ecx, 2U << 12 | 1);
    cr_expect_eq(query(0, 0xb, 0).ebx, 1);
    stop();
}

Test(cpuid_policy, refuses_more_than_the_maximum_and_names_it)
{
    static const struct {
        uint32_t leaf, subleaf, a, b, c, d;
        int rc;
    } bad[] = {
        {1, XEN_CPUID_NO_SUBLEAF, 0, 0, BIT(MONITOR), 0, -XEN_EINVAL},
        {7, 0, 0, BIT(SGX), 0, 0, -XEN_EINVAL},
        {7, 2, 0, 0, 0, 1, -XEN_EINVAL},
        {0xd, 1, BIT(XSAVES), 0, 0, 0, -XEN_EINVAL},
        {0x80000001, XEN_CPUID_NO_SUBLEAF, 0, 0, BIT(SVM), 0, -XEN_EINVAL},
        {0x80000007, XEN_CPUID_NO_SUBLEAF, 0, 0, 0, BIT(CPB), -XEN_EINVAL},
        {0, XEN_CPUID_NO_SUBLEAF, 0x20, 0, 0, 0, -XEN_EINVAL},
        {0x80000000, XEN_CPUID_NO_SUBLEAF, 0x80000022, 0, 0, 0, -XEN_EINVAL},
        {0x80000000, XEN_CPUID_NO_SUBLEAF, 0x7fffffff, 0, 0, 0, -XEN_EINVAL},
        {0x80000008, XEN_CPUID_NO_SUBLEAF, 0x31, 0, 0, 0, -XEN_EINVAL},
        {7, 0, 3, 0, 0, 0, -XEN_EINVAL},
        {0x14, XEN_CPUID_NO_SUBLEAF, 1, 0, 0, 0, -XEN_ERANGE},
        {0x80000100, XEN_CPUID_NO_SUBLEAF, 1, 0, 0, 0, -XEN_ERANGE},
        {7, 9, 1, 0, 0, 0, -XEN_ERANGE},
        {7, XEN_CPUID_NO_SUBLEAF, 1, 0, 0, 0, -XEN_ERANGE},
        {0xd, 40, 1, 0, 0, 0, -XEN_ERANGE},
        {1, 0, 1, 0, 0, 0, -XEN_ERANGE},
        {0x40000010, XEN_CPUID_NO_SUBLEAF, 1, 0, 0, 0, -XEN_ERANGE},
    };

    start(1, true);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct cpuid_policy before = *d->cpuid;
        struct cpuid_policy_error error;

        leaves[0] =
            (xen_cpuid_leaf_t){bad[i].leaf, bad[i].subleaf, bad[i].a, bad[i].b, bad[i].c, bad[i].d};
        cr_expect_eq(cpuid_policy_set(d, leaves, 1, msrs, 0, &error), bad[i].rc, "case %zu", i);
        cr_expect_eq(error.leaf, bad[i].leaf, "case %zu: leaf %x", i, error.leaf);
        cr_expect_eq(error.subleaf, bad[i].subleaf, "case %zu: subleaf %x", i, error.subleaf);
        cr_expect_eq(memcmp(&before, d->cpuid, sizeof(before)), 0, "case %zu changed something", i);
    }
    stop();
}

Test(cpuid_policy, msr_entries_are_checked)
{
    struct cpuid_policy_error error;

    start(1, true);
    serialise(d->cpuid);
    msrs[0].val = 1;
    cr_expect_eq(set(&error), -XEN_EINVAL);
    cr_expect_eq(error.msr, 0xce);
    msrs[0] = (xen_msr_entry_t){.idx = 0x10};
    cr_expect_eq(set(&error), -XEN_ERANGE);
    cr_expect_eq(error.msr, 0x10);
    msrs[0] = (xen_msr_entry_t){.idx = 0xce, .flags = 1};
    cr_expect_eq(set(&error), -XEN_EINVAL);
    stop();
}

Test(cpuid_policy, featureset_words_match_the_leaves)
{
    uint32_t words[CPUID_FEATURE_WORDS];

    start(1, true);

    cpuid_policy_featureset(d->cpuid, words);

    cr_expect_eq(words[0] & BIT(FPU), BIT(FPU));
    cr_expect_eq(words[5], query(0, 7, 0).ebx);
    cr_expect_eq(words[11], query(0, 0x80000021, 0).eax);
    cr_expect_eq(words[16], 0);
    stop();
}
