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

typedef long domctl_fn(struct vcpu *v, struct domain *d, struct xen_domctl *op);

/* domctl_domain.c. createdomain is called with d NULL, getdomaininfo with NULL when no domain has that domid. */
domctl_fn domctl_createdomain, domctl_destroydomain, domctl_pausedomain, domctl_unpausedomain, domctl_resumedomain;
domctl_fn domctl_getdomaininfo, domctl_max_vcpus, domctl_setdomainhandle, domctl_setnodeaffinity;
domctl_fn domctl_getnodeaffinity;

/* domctl_memory.c */
domctl_fn domctl_max_mem, domctl_getpageframeinfo3, domctl_shadow_op;
domctl_fn domctl_get_paging_mempool_size, domctl_set_paging_mempool_size;

/* domctl_vcpu.c */
domctl_fn domctl_getvcpuinfo, domctl_setvcpuaffinity, domctl_getvcpuaffinity, domctl_scheduler_op;
domctl_fn domctl_sendtrigger, domctl_set_address_size, domctl_get_address_size;

/* domctl_time.c */
domctl_fn domctl_settimeoffset, domctl_settscinfo, domctl_gettscinfo;

/* cpu_policy.c */
domctl_fn domctl_get_cpu_policy, domctl_set_cpu_policy;

/* domctl_hvmcontext.c. Get: size becomes what was written or, without a buffer, what a save may
 * take. Set: all or nothing; a vCPU that a CPU record is loaded into is up. Partial: one record's
 * body, without descriptor; bufsz becomes its length. */
domctl_fn domctl_gethvmcontext, domctl_sethvmcontext, domctl_gethvmcontext_partial;
