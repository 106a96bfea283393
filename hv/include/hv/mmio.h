/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emulated device memory: who answers when a guest touches a page that nothing is mapped at. A
 * nested page fault finds the region, the decoder takes the instruction apart, and the region's
 * functions do one aligned access of 1, 2, 4 or 8 bytes at a time.
 */
#pragma once

#include <hv/types.h>

struct domain;
struct vcpu;

struct mmio_ops {
    uint64_t (*read)(struct vcpu *v, void *data, uint64_t gpa, unsigned size);
    void (*write)(struct vcpu *v, void *data, uint64_t gpa, unsigned size, uint64_t value);
};

/* Registers pages [start, end) of d, which nothing may be registered at yet. 0, -XEN_EINVAL for an
 * empty range, -XEN_EEXIST, -XEN_ENOSPC when the table is full, -XEN_ENOMEM. `data` must stay valid
 * until the domain is gone: another CPU may still be in ops when mmio_unregister() returns. */
int mmio_register(struct domain *d, gfn_t start, gfn_t end, const struct mmio_ops *ops, void *data);
void mmio_unregister(struct domain *d, gfn_t start);

/* Whether a region, or the vCPU's own xAPIC page, answers at gpa. */
bool mmio_is_claimed(struct vcpu *v, uint64_t gpa);

/* Accesses guest-physical memory as an emulated instruction of v does: a region answers, or RAM, or
 * nothing (reads give all-ones, writes are lost). [gpa, gpa + size) lies in one page; value: low
 * bytes first. */
uint64_t mmio_read(struct vcpu *v, uint64_t gpa, unsigned size);
void mmio_write(struct vcpu *v, uint64_t gpa, unsigned size, uint64_t value);

/* vdev/emulate.c. Emulates the instruction that faulted at gpa. bytes: instruction bytes if the CPU
 * gave them (decode assists), count 0 otherwise: then they are fetched. Advances RIP, or injects
 * what the instruction would raise. -XEN_EOPNOTSUPP: not an instruction that we emulate. */
int mmio_emulate(struct vcpu *v, uint64_t gpa, const uint8_t *bytes, size_t count);
/* The same for INS and OUTS that were stopped at the port. */
int mmio_emulate_port(struct vcpu *v, uint16_t port);
