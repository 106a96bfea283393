/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPUID leaves a guest sees.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/util/err.h"

struct hvcall;
struct xen_cpuid_leaf;

/**
 * Gives the domain the hypervisor's default policy with a topology of vcpus single-threaded cores
 * in one package. A hypervisor without policy operations keeps its own default, which is no error.
 */
int cpu_policy_apply(struct hvcall *hv, uint32_t domid, uint32_t vcpus, struct err *err);

/** The pure part: adapts the leaves of a policy in place. */
void cpu_policy_set_topology(struct xen_cpuid_leaf *leaves, size_t count, uint32_t vcpus);
