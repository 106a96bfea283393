/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state in which vCPU 0 of a PVH guest begins: 32-bit protected mode, flat segments, no paging.
 */
#pragma once

#include <stdint.h>

#include "agent/util/err.h"

struct hvcall;

/**
 * Loads vCPU 0 with the PVH entry state (docs/misc/pvh.pandoc in Xen): EIP is entry, EBX is
 * start_info_addr. The vCPU runs as soon as the domain is unpaused. All vcpus get memory types
 * with write-back as the default where the hypervisor emulates MTRRs.
 */
int vcpu_state_load(struct hvcall *hv, uint32_t domid, uint32_t vcpus, uint32_t entry,
                    uint64_t start_info_addr, struct err *err);
