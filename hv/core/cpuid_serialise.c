/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPUID policies as the control ABI carries them (XEN_SYSCTL_get_cpu_policy,
 * XEN_DOMCTL_{get,set}_cpu_policy): an array of leaves, one of MSRs. What comes in may only take
 * away from the maximum policy.
 */
#include <hv/cpuid_policy.h>

#include <hv/domain.h>
#include <xen/sysctl.h>

#define EXT_BASE        CPUID_EXT_BASE
#define HYPERVISOR_BASE CPUID_HYPERVISOR_BASE

/* The two MSRs a policy has in this ABI; both are all-zero here. */
#define MSR_INTEL_PLATFORM_INFO 0x000000ceU
#define MSR_ARCH_CAPABILITIES   0x0000010aU

struct leaf_writer {
    xen_cpuid_leaf_t *leaves;
    uint32_t count, limit;
};

static void write_leaf(struct leaf_writer *w, uint32_t leaf, uint32_t subleaf, struct cpuid_regs r)
{
    if (w->count < w->limit) {
        w->leaves[w->count] = (xen_cpuid_leaf_t){leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx};
    }
    w->count++;
}

static void write_basic(struct leaf_writer *w, const struct cpuid_policy *p)
{
    for (uint32_t leaf = 0; leaf < CPUID_BASIC_COUNT && leaf <= p->basic[0].eax; leaf++) {
        switch (leaf) {
        case 7:
            for (uint32_t n = 0; n < CPUID_FEAT_COUNT && n <= p->feat[0].eax; n++) {
                write_leaf(w, leaf, n, p->feat[n]);
            }
            break;
        case 0xd:
            for (uint32_t n = 0; n < CPUID_XSTATE_COUNT; n++) {
                if (n < 2 || ((cpuid_policy_xcr0(p) >> n) & 1)) {
                    write_leaf(w, leaf, n, p->xstate[n]);
                }
            }
            break;
        case 4:
        case 0xb:
            write_leaf(w, leaf, 0, p->basic[leaf]);
            break;
        default:
            write_leaf(w, leaf, XEN_CPUID_NO_SUBLEAF, p->basic[leaf]);
            break;
        }
    }
}

int cpuid_policy_serialise(const struct cpuid_policy *p, xen_cpuid_leaf_t *leaves,
                           uint32_t *nr_leaves, xen_msr_entry_t *msrs, uint32_t *nr_msrs)
{
    static const uint32_t msr_index[CPUID_MAX_MSRS] = {MSR_INTEL_PLATFORM_INFO,
                                                       MSR_ARCH_CAPABILITIES};
    struct leaf_writer w = {leaves, 0, *nr_leaves};
    uint32_t msr_limit = *nr_msrs;

    write_basic(&w, p);
    write_leaf(&w, HYPERVISOR_BASE, XEN_CPUID_NO_SUBLEAF,
               (struct cpuid_regs){.eax = p->hypervisor_max & 0xff});
    write_leaf(&w, HYPERVISOR_BASE + 0x100, XEN_CPUID_NO_SUBLEAF, (struct cpuid_regs){0});
    for (uint32_t n = 0; n < CPUID_EXT_COUNT && EXT_BASE + n <= p->ext[0].eax; n++) {
        write_leaf(&w, EXT_BASE + n, XEN_CPUID_NO_SUBLEAF, p->ext[n]);
    }
    if (w.count > w.limit || CPUID_MAX_MSRS > msr_limit) {
        return -XEN_ENOBUFS;
    }
    for (unsigned n = 0; n < CPUID_MAX_MSRS; n++) {
        msrs[n] = (xen_msr_entry_t){.idx = msr_index[n]};
    }
    *nr_leaves = w.count;
    *nr_msrs = CPUID_MAX_MSRS;
    return 0;
}

/* --- Setting ------------------------------------------------------------------------------ */

/* Where a policy keeps a leaf that a caller may give, NULL if no policy has such a leaf. */
static struct cpuid_regs *leaf_slot(struct cpuid_policy *p, uint32_t leaf, uint32_t subleaf)
{
    bool has_subleaf = subleaf != XEN_CPUID_NO_SUBLEAF;

    if (leaf == 7) {
        return subleaf < CPUID_FEAT_COUNT ? &p->feat[subleaf] : NULL;
    }
    if (leaf == 0xd) {
        return subleaf < CPUID_XSTATE_COUNT ? &p->xstate[subleaf] : NULL;
    }
    if (has_subleaf != (leaf == 4 || leaf == 0xb)) {
        return NULL;
    }
    if (leaf < CPUID_BASIC_COUNT) {
        return &p->basic[leaf];
    }
    return leaf - EXT_BASE < CPUID_EXT_COUNT ? &p->ext[leaf - EXT_BASE] : NULL;
}

/* Leaves that are ours to make whatever the toolstack thinks of them: its cache and topology
 * leaves, and the sizes of the state area, which follow from the features. */
static bool is_ignored(uint32_t leaf, uint32_t subleaf)
{
    return leaf == 4 || leaf == 0xb || (leaf == 0xd && subleaf != 1);
}

static int overlay(struct cpuid_policy *p, const xen_cpuid_leaf_t *in)
{
    struct cpuid_regs *slot = leaf_slot(p, in->leaf, in->subleaf);

    if (in->leaf == HYPERVISOR_BASE) {
        uint32_t max = in->a & 0xff;

        if (max != 0 && HYPERVISOR_BASE + max < p->hypervisor_max) {
            p->hypervisor_max = HYPERVISOR_BASE + MAX(max, 2U);
        }
        return 0;
    }
    if (in->leaf == HYPERVISOR_BASE + 0x100) {
        return 0; /* the place of a second hypervisor's leaves: there is none */
    }
    if (slot == NULL) {
        return (in->a | in->b | in->c | in->d) == 0 ? 0 : -XEN_ERANGE;
    }
    if (!is_ignored(in->leaf, in->subleaf)) {
        *slot = (struct cpuid_regs){in->a, in->b, in->c, in->d};
    }
    return 0;
}

static int check_features(struct cpuid_policy *p, struct cpuid_policy *max,
                          struct cpuid_policy_error *error)
{
    for (unsigned n = 0; n < CPUID_FEATURE_WORDS; n++) {
        const uint32_t *word = cpuid_policy_feature_word(p, n);
        const uint32_t *limit = cpuid_policy_feature_word(max, n);

        if (word != NULL && (*word & ~*limit & ~cpuid_feature_words[n].dynamic)) {
            error->leaf = cpuid_feature_words[n].leaf;
            error->subleaf = cpuid_feature_words[n].subleaf;
            return -XEN_EINVAL;
        }
    }
    return 0;
}

static int check_limits(const struct cpuid_policy *p, const struct cpuid_policy *max,
                        struct cpuid_policy_error *error)
{
    const uint32_t max_ext = p->ext[0].eax;
    const struct {
        bool is_beyond;
        uint32_t leaf, subleaf;
    } limits[] = {
        {p->basic[0].eax > max->basic[0].eax, 0, XEN_CPUID_NO_SUBLEAF},
        {max_ext > max->ext[0].eax || (max_ext != 0 && max_ext < EXT_BASE), EXT_BASE, XEN_CPUID_NO_SUBLEAF},
        {p->feat[0].eax > max->feat[0].eax, 7, 0},
        {(p->ext[8].eax & 0xff) > (max->ext[8].eax & 0xff), EXT_BASE + 8, XEN_CPUID_NO_SUBLEAF},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(limits); i++) {
        if (limits[i].is_beyond) {
            *error = (struct cpuid_policy_error){limits[i].leaf, limits[i].subleaf, ~0U};
            return -XEN_EINVAL;
        }
    }
    return 0;
}

static int check_msrs(const xen_msr_entry_t *msrs, uint32_t count, struct cpuid_policy_error *error)
{
    for (uint32_t n = 0; n < count; n++) {
        bool is_known =
            msrs[n].idx == MSR_INTEL_PLATFORM_INFO || msrs[n].idx == MSR_ARCH_CAPABILITIES;

        if (!is_known || msrs[n].flags != 0 || msrs[n].val != 0) {
            error->msr = msrs[n].idx;
            return is_known ? -XEN_EINVAL : -XEN_ERANGE;
        }
    }
    return 0;
}

int cpuid_policy_set(struct domain *d, const xen_cpuid_leaf_t *leaves, uint32_t nr_leaves,
                     const xen_msr_entry_t *msrs, uint32_t nr_msrs,
                     struct cpuid_policy_error *error)
{
    struct cpuid_policy wanted = *d->cpuid;
    struct cpuid_policy max = *cpuid_policy_system(XEN_SYSCTL_cpu_policy_hvm_max);
    int rc;

    *error = (struct cpuid_policy_error){~0U, ~0U, ~0U};
    for (uint32_t n = 0; n < nr_leaves; n++) {
        rc = overlay(&wanted, &leaves[n]);
        if (rc != 0) {
            error->leaf = leaves[n].leaf;
            error->subleaf = leaves[n].subleaf;
            return rc;
        }
    }
    rc = check_features(&wanted, &max, error);
    rc = rc != 0 ? rc : check_limits(&wanted, &max, error);
    rc = rc != 0 ? rc : check_msrs(msrs, nr_msrs, error);
    if (rc != 0) {
        return rc;
    }
    /* What only we can know is put back: CLFLUSH size stays, topology is made at query time. */
    wanted.basic[1].ebx = max.basic[1].ebx;
    wanted.ext[8].ecx = 0;
    for (unsigned n = 2; n < CPUID_XSTATE_COUNT; n++) {
        wanted.xstate[n] = max.xstate[n];
    }
    cpuid_policy_settle(&wanted);
    *d->cpuid = wanted;
    return 0;
}
