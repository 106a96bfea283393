/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulated device memory: who answers when a guest touches a page that nothing is mapped at. A nested
 * page fault finds the region, the decoder takes the instruction apart, and the region's functions
 * do one aligned access of 1, 2, 4 or 8 bytes at a time.
 */
#pragma once

#include <hv/types.h>

struct domain;
struct vcpu;

struct mmio_ops {
    uint64_t (*read)(struct vcpu *v, void *data, uint64_t gpa, unsigned size);
    void (*write)(struct vcpu *v, void *data, uint64_t gpa, unsigned size, uint64_t value);
};

/* Registers pages [start, end) of d; -XEN_ENOSPC when its table is full. */
int mmio_register(struct domain *d, gfn_t start, gfn_t end, const struct mmio_ops *ops, void *data);
void mmio_unregister(struct domain *d, gfn_t start);

/* Emulates the instruction that faulted at gpa. bytes: instruction bytes if the CPU gave them (decode
 * assists), count 0 otherwise: then they are fetched. Advances RIP, or injects what the
 * instruction would raise. -XEN_ENOENT: no region there (reads all-ones, writes dropped is the
 * caller's choice by fallback == true). -XEN_EOPNOTSUPP: not an instruction that we emulate. */
int mmio_emulate(struct vcpu *v, uint64_t gpa, const uint8_t *bytes, size_t count, bool fallback);
