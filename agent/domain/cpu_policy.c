/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topology in CPUID. APIC ids are twice the vCPU number (the rule of Xen and of Nether), so every id
 * space below is twice as wide as the number of vCPUs and reads as one thread a core with the odd ids
 * absent. Leaf numbers: AMD APM volume 3, appendix E; leaf 4 and 0xB also Intel SDM volume 2.
 */
#include "agent/domain/cpu_policy.h"

#include <stdlib.h>

#define __XEN_TOOLS__ 1
#include <xen/xen.h>

#include "agent/hvcall/domctl.h"
#include "agent/hvcall/sysctl.h"

#define LEAVES_MAX 512
#define MSRS_MAX   64

#define FEATURE_HTT      (1u << 28) /* leaf 1 EDX */
#define FEATURE_CMP_LEGACY (1u << 1) /* leaf 0x80000001 ECX */

/* Bits that hold the numbers 0..count-1. */
static uint32_t bits_for(uint32_t count)
{
    uint32_t bits = 0;
    while ((1u << bits) < count) {
        bits++;
    }
    return bits;
}

void cpu_policy_set_topology(struct xen_cpuid_leaf *leaves, size_t count, uint32_t vcpus)
{
    uint32_t id_bits = bits_for(vcpus * 2);
    uint32_t ids = 1u << id_bits;

    for (size_t i = 0; i < count; i++) {
        struct xen_cpuid_leaf *leaf = &leaves[i];
        switch (leaf->leaf) {
        case 0x1:
            /* EBX[23:16]: ids in the package; meaningful with HTT set. */
            leaf->b = (leaf->b & 0xff00ffffu) | (ids < 255 ? ids : 255) << 16;
            leaf->d |= FEATURE_HTT;
            break;
        case 0x4:
            /* EAX[31:26]: core ids - 1; EAX[25:14] of the private caches: one thread. */
            if ((leaf->a & 0x1f) != 0) {
                uint32_t cores = ids < 64 ? ids : 64;
                leaf->a = (leaf->a & 0x03ffffffu) | (cores - 1) << 26;
            }
            break;
        case 0x80000001u:
            leaf->c &= ~FEATURE_CMP_LEGACY;
            if (vcpus > 1) {
                leaf->c |= FEATURE_CMP_LEGACY;
            }
            break;
        case 0x80000008u:
            /* ECX[7:0]: cores - 1; ECX[15:12]: bits of the core id. */
            leaf->c = (leaf->c & 0xffff0f00u) | (ids < 256 ? ids - 1 : 255) | id_bits << 12;
            break;
        default:
            break;
        }
    }
}

int cpu_policy_apply(struct hvcall *hv, uint32_t domid, uint32_t vcpus, struct err *err)
{
    size_t leaf_count = LEAVES_MAX;
    size_t msr_count = MSRS_MAX;
    xen_cpuid_leaf_t *leaves = calloc(LEAVES_MAX, sizeof(*leaves));
    xen_msr_entry_t *msrs = calloc(MSRS_MAX, sizeof(*msrs));
    int result;

    if (leaves == NULL || msrs == NULL) {
        result = err_set(err, ERR_NO_MEMORY, "no memory for the CPU policy");
        goto free_policy;
    }
    result = sysctl_default_cpu_policy(hv, leaves, &leaf_count, msrs, &msr_count, err);
    if (result == 0) {
        cpu_policy_set_topology(leaves, leaf_count, vcpus);
        result = domctl_set_cpu_policy(hv, domid, leaves, leaf_count, msrs, msr_count, err);
    }
    if (result == -ERR_UNAVAILABLE) {
        err_clear(err);
        result = 0;
    }
free_policy:
    free(msrs);
    free(leaves);
    return result;
}
