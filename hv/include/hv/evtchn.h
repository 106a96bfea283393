/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event channels: a domain's ports, each a pending bit that some other party (another domain, the
 * hypervisor, the domain itself) may set, and the delivery of those bits to a vCPU, in the 2-level
 * and the FIFO layout (xen/event_channel.h).
 */
#pragma once

#include <hv/lock.h>
#include <xen/event_channel.h>
#include <xen/xen.h>

struct domain;
struct vcpu;
struct evtchn_ports; /* core/evtchn.c's own state of a domain */

/* Makes a domain's port space; max_port is the highest port it may have (from createdomain). 0 or
 * -XEN_ENOMEM. */
int evtchn_init_domain(struct domain *d, uint32_t max_port);
/* Closes every port, so that peers see the channel gone. Once, when the domain dies; bounded work
 * at a time: 0 or -XEN_ERESTART. */
int evtchn_close_all(struct domain *d);
/* Frees what is left (FIFO pages, buckets). The domain is unreachable by then. */
void evtchn_free_domain(struct domain *d);
/* Back to a fresh 2-level port space (EVTCHNOP_reset, soft reset): 0 or -XEN_ERESTART. */
int evtchn_reset(struct domain *d);

/* The operations, checked; they take domains already looked up. All return 0 or a -XEN_E*. */
int evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port);
int evtchn_bind_interdomain(struct domain *d, domid_t remote, uint32_t remote_port, uint32_t *port);
int evtchn_bind_virq(struct domain *d, uint32_t virq, uint32_t vcpu, uint32_t *port);
int evtchn_bind_ipi(struct domain *d, uint32_t vcpu, uint32_t *port);
int evtchn_close(struct domain *d, uint32_t port);
int evtchn_send(struct domain *d, uint32_t port);
int evtchn_unmask(struct domain *d, uint32_t port);
int evtchn_bind_vcpu(struct domain *d, uint32_t port, uint32_t vcpu);
int evtchn_status(struct domain *d, uint32_t port, struct evtchn_status *status);
int evtchn_init_control(struct domain *d, uint32_t vcpu, uint64_t gfn, uint32_t offset);
int evtchn_expand_array(struct domain *d, uint64_t gfn);
int evtchn_set_priority(struct domain *d, uint32_t port, uint32_t priority);

/* Raises a per-vCPU VIRQ on v, or a global one on d; nothing happens when it is not bound. */
void evtchn_raise_virq(struct vcpu *v, uint32_t virq);
void evtchn_raise_global_virq(struct domain *d, uint32_t virq);

/* How many ports are open. */
uint32_t evtchn_open_count(const struct domain *d);

/* Whether the port exists and is pending (SCHEDOP_poll). */
bool evtchn_is_pending(struct domain *d, uint32_t port);
/* Whether the port number is one d may use (exists): SCHEDOP_poll's check. */
bool evtchn_port_is_valid(struct domain *d, uint32_t port);

/* SCHEDOP_poll: from now on any event on `port` (0: on any port) wakes v from VCPU_BLOCKED, masked
 * or not. The caller has set VCPU_BLOCKED, and then looks at its ports once more
 * (evtchn_is_pending). */
void evtchn_poll_begin(struct vcpu *v, uint32_t port);
void evtchn_poll_end(struct vcpu *v);

/* v->vcpu_info or d->shared_info was given new memory: re-establishes pending state there so that
 * no event is lost. */
void evtchn_vcpu_info_moved(struct vcpu *v);

/* hypercall/event_channel_op.c */
long event_channel_op(struct vcpu *v, unsigned cmd, uint64_t arg);
