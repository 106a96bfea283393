/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake host of the unit tests: an arena as RAM, CPUs that are only structs, a TSC that stands still
 * until a test moves it, and domains with RAM but without instructions. A vCPU has paging off, so
 * a hypercall's argument is a guest-physical address.
 */
#pragma once

#include <hv/vcpu.h>

#define FAKE_RAM_BYTES  (64UL << 20)
#define FAKE_CPUS       4U
#define FAKE_GUEST_PAGES 64U /* RAM of a fake domain, from gfn 0 on */

extern uint64_t fake_tsc;       /* what arch_read_tsc() returns; 1 tick is 1 ns */
extern unsigned fake_kick_count; /* calls of arch_send_kick() */
extern unsigned fake_flush_count; /* calls of iommu_flush() */
extern unsigned fake_code_bits; /* what mode every vCPU is in: 64, 32 or 16 */
extern uint16_t fake_port;      /* the last one that was reached, */
extern uint32_t fake_port_value; /* and what was written there, or is read */
extern uint64_t fake_xcr0;      /* what the host's XSAVE supports */

extern bool fake_wants_restart;       /* what hypercall_should_restart() answers */
extern uint64_t fake_restart_args[5]; /* what a restarting call left for when it comes again */

/* Sets the host up afresh: RAM in the heap, CPUs online, no domains. Once a test. */
void fake_host_init(void);

/* Makes CPU n the one the test runs on, with v as the vCPU in whose name it works (may be NULL). */
void fake_cpu_use(unsigned n, struct vcpu *v);

/* A domain with RAM at gfns [0, FAKE_GUEST_PAGES), its vCPUs up and unblocked, unpaused; domid 0 is privileged and becomes
 * dom0. The list's reference is the only one. */
struct domain *fake_domain_create(domid_t domid, unsigned vcpus);

/* Runs domain_destroy() to its end. */
void fake_domain_destroy(struct domain *d);

/* Our view of a domain's memory at a guest-physical address within one page; NULL for a hole. */
void *fake_guest_memory(struct domain *d, uint64_t gpa);
