/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpu_policy.c: the topology leaves for several numbers of vCPUs.
 */
#include <criterion/criterion.h>
#include <stdint.h>

#define __XEN_TOOLS__ 1
#include <xen/xen.h>

#include "agent/domain/cpu_policy.h"

Test(cpu_policy, ids_have_room_and_other_bits_stay)
{
    static const struct {
        uint32_t vcpus;
        uint32_t ids;  /* leaf 1 EBX[23:16] */
        uint32_t bits; /* leaf 0x80000008 ECX[15:12] */
    } cases[] = {{1, 2, 1}, {2, 4, 2}, {3, 8, 3}, {4, 8, 3}, {64, 128, 7}, {128, 255, 8}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct xen_cpuid_leaf leaves[] = {
            {.leaf = 0x1, .b = 0x12345678, .d = 0x1},
            {.leaf = 0x7, .b = 0xffffffff},
            {.leaf = 0x80000008u, .c = 0xabcd1f77},
        };
        cpu_policy_set_topology(leaves, 3, cases[i].vcpus);

        cr_expect_eq(leaves[0].b, 0x12005678u | cases[i].ids << 16);
        cr_expect_eq(leaves[0].d, 0x10000001u);
        cr_expect_eq(leaves[1].b, 0xffffffff);
        cr_expect_eq(leaves[2].c >> 12 & 0xf, cases[i].bits);
        cr_expect_eq(leaves[2].c & 0xffff0f00u, 0xabcd0f00u);
        cr_expect_geq((leaves[2].c & 0xff) + 1, cases[i].vcpus);
    }
}
