/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of HYPERVISOR_sysctl share: hypercall/sysctl.c copies the operation in, checks, calls one
 * function under the control lock and copies the answer out.
 *
 * All return 0, -XEN_E*, or HYPERCALL_RESTART: then op is copied out with the progress in it and
 * the same operation comes again.
 */
#pragma once

#include <hv/types.h>
#include <xen/sysctl.h>

struct vcpu;

typedef long sysctl_fn(struct vcpu *v, struct xen_sysctl *op);

/* sysctl_host.c: the machine */
sysctl_fn sysctl_physinfo, sysctl_getcpuinfo, sysctl_cputopoinfo, sysctl_numainfo, sysctl_pcitopoinfo;
sysctl_fn sysctl_availheap;

/* sysctl_console.c: messages and debug keys */
sysctl_fn sysctl_readconsole, sysctl_debug_keys;

/* sysctl_trace.c, sysctl_counters.c: watching the host */
sysctl_fn sysctl_tbuf_op, sysctl_perfc_op;

/* sysctl_domains.c; its second function is ours: the rest of a list that was interrupted. */
#define SYSCTL_getdomaininfolist_continue 31
sysctl_fn sysctl_getdomaininfolist, sysctl_getdomaininfolist_continue;

/* sysctl_sched.c: the scheduler and the one CPU pool */
sysctl_fn sysctl_sched_id, sysctl_scheduler_op, sysctl_cpupool_op;

/* cpu_policy.c */
sysctl_fn sysctl_get_cpu_levelling_caps, sysctl_get_cpu_featureset, sysctl_get_cpu_policy;
