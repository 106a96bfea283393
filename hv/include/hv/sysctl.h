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

/* sysctl_host.c: the machine */
long sysctl_physinfo(struct vcpu *v, struct xen_sysctl *op);
long sysctl_getcpuinfo(struct vcpu *v, struct xen_sysctl *op);
long sysctl_cputopoinfo(struct vcpu *v, struct xen_sysctl *op);
long sysctl_numainfo(struct vcpu *v, struct xen_sysctl *op);
long sysctl_pcitopoinfo(struct vcpu *v, struct xen_sysctl *op);
long sysctl_availheap(struct vcpu *v, struct xen_sysctl *op);

/* sysctl_console.c: messages and debug keys */
long sysctl_readconsole(struct vcpu *v, struct xen_sysctl *op);
long sysctl_debug_keys(struct vcpu *v, struct xen_sysctl *op);

/* sysctl_trace.c: watching the host */
long sysctl_tbuf_op(struct vcpu *v, struct xen_sysctl *op);
long sysctl_perfc_op(struct vcpu *v, struct xen_sysctl *op);

/* sysctl_domains.c */
long sysctl_getdomaininfolist(struct vcpu *v, struct xen_sysctl *op);
/* Ours: the rest of a list that was interrupted. */
#define SYSCTL_getdomaininfolist_continue 31
long sysctl_getdomaininfolist_continue(struct vcpu *v, struct xen_sysctl *op);

/* sysctl_sched.c: the scheduler and the one CPU pool */
long sysctl_sched_id(struct vcpu *v, struct xen_sysctl *op);
long sysctl_scheduler_op(struct vcpu *v, struct xen_sysctl *op);
long sysctl_cpupool_op(struct vcpu *v, struct xen_sysctl *op);

/* sysctl_cpu_policy.c */
long sysctl_get_cpu_levelling_caps(struct vcpu *v, struct xen_sysctl *op);
long sysctl_get_cpu_featureset(struct vcpu *v, struct xen_sysctl *op);
long sysctl_get_cpu_policy(struct vcpu *v, struct xen_sysctl *op);
