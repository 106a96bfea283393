/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of HYPERVISOR_domctl share. hypercall/domctl.c copies the operation in, checks caller and
 * version, finds the domain, calls one function of a family file and copies the answer out. One
 * control operation runs at a time (lock rank CONTROL), so the functions need no lock against each
 * other.
 *
 * All return 0, -XEN_E*, or HYPERCALL_RESTART: then op is copied out with the progress in it and
 * the same operation comes again. d is the domain named by op->domain, with a reference held.
 */
#pragma once

#include <hv/types.h>
#include <xen/domctl.h>

struct domain;
struct vcpu;

/* What XEN_DOMCTL_getdomaininfo and XEN_SYSCTL_getdomaininfolist tell of d. */
void domctl_fill_info(struct domain *d, struct xen_domctl_getdomaininfo *info);

/* domctl_domain.c. createdomain is called with d NULL, getdomaininfo with NULL when no domain has that domid. */
long domctl_createdomain(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_destroydomain(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_pausedomain(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_unpausedomain(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_resumedomain(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_getdomaininfo(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_max_vcpus(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_setdomainhandle(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_setnodeaffinity(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_getnodeaffinity(struct vcpu *v, struct domain *d, struct xen_domctl *op);

/* domctl_memory.c */
long domctl_max_mem(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_getpageframeinfo3(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_shadow_op(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_get_paging_mempool_size(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_set_paging_mempool_size(struct vcpu *v, struct domain *d, struct xen_domctl *op);

/* domctl_vcpu.c */
long domctl_getvcpuinfo(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_setvcpuaffinity(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_getvcpuaffinity(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_scheduler_op(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_sendtrigger(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_set_address_size(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_get_address_size(struct vcpu *v, struct domain *d, struct xen_domctl *op);

/* domctl_time.c */
long domctl_settimeoffset(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_settscinfo(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_gettscinfo(struct vcpu *v, struct domain *d, struct xen_domctl *op);

/* domctl_cpu_policy.c */
long domctl_get_cpu_policy(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_set_cpu_policy(struct vcpu *v, struct domain *d, struct xen_domctl *op);

/* domctl_hvmcontext.c. Get: size becomes what was written or, without a buffer, what a save may
 * take. Set: all or nothing; a vCPU that a CPU record is loaded into is up. Partial: one record's
 * body, without descriptor; bufsz becomes its length. */
long domctl_gethvmcontext(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_sethvmcontext(struct vcpu *v, struct domain *d, struct xen_domctl *op);
long domctl_gethvmcontext_partial(struct vcpu *v, struct domain *d, struct xen_domctl *op);
