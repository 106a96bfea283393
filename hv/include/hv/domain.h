/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain: who owns memory, ports, grants and vCPUs. Found by domid, kept alive by references;
 * its life goes one way: created (paused) -> running -> shut down -> dying -> gone.
 */
#pragma once

#include <hv/list.h>
#include <hv/lock.h>
#include <hv/p2m.h>
#include <hv/print.h>
#include <hv/types.h>
#include <xen/domctl.h>
#include <xen/hvm/params.h>

struct vcpu;
struct evtchn_ports;
struct grant_table;
struct cpuid_policy;
struct vioapic;
struct mmio_regions;
struct vpci;

#define MAX_VCPUS 128U

#define SHUTDOWN_CODE_NONE (~0U)

enum domain_state {
    DOMAIN_ALIVE,
    DOMAIN_DYING, /* being torn down: no new references to its memory, ports, grants */
    DOMAIN_DEAD,  /* torn down, waits for the last reference */
};

struct domain {
    domid_t domid;
    bool is_privileged; /* the trust flag: dom0 */
    bool is_hardware;   /* owns the host's devices, identity-mapped RAM */
    bool is_32bit;      /* its shared_info has the 32-bit layout: see domain_latch_width() */
    uint32_t refs;      /* atomic; one is the domain list's */
    struct spinlock lock; /* rank DOMAIN: state, shutdown, params, configuration */

    enum domain_state state;
    uint32_t pause_count;      /* atomic: internal pauses; runnable only at 0 */
    uint32_t control_pause_count; /* XEN_DOMCTL_pausedomain nests; 1 from creation. Lock: rank CONTROL */
    bool was_started;          /* control has let it run once: its CPU policy is fixed */
    bool is_shutting_down;     /* SCHEDOP_shutdown seen, vCPUs held paused by it */
    bool is_shut_down;
    uint32_t shutdown_code;    /* SHUTDOWN_* */

    struct xen_domctl_createdomain config;
    unsigned max_vcpus;
    struct vcpu *vcpus[MAX_VCPUS];

    struct p2m p2m;
    uint64_t frames_owned;  /* atomic: FRAME_GUEST frames of this domain; any one keeps the struct */
    uint64_t frames_max;    /* XEN_DOMCTL_max_mem */

    struct shared_info *shared_info; /* our mapping of the page; its mfn is shared_info_mfn */
    mfn_t shared_info_mfn;
    uint64_t params[HVM_NR_PARAMS];
    uint64_t vm_assist;
    uint8_t callback_vector; /* HVM_PARAM_CALLBACK_IRQ type vector, 0: none */

    struct evtchn_ports *evtchn; /* lock of rank EVTCHN inside */
    struct grant_table *grants;  /* lock of rank GRANT inside */

    uint64_t tsc_offset;       /* guest TSC = host TSC + offset */
    uint64_t time_offset_ns;   /* guest system_time = now_ns() + offset (two's complement) */
    int64_t wallclock_offset_s; /* XEN_DOMCTL_settimeoffset */

    struct print_limit console_limit; /* of what it writes with CONSOLEIO_write */

    struct cpuid_policy *cpuid;
    struct vioapic *vioapic; /* hardware domain only */
    struct vpci *vpci;       /* hardware domain only */
    struct mmio_regions *mmio; /* emulated device memory, a page; NULL: none */
    uint8_t *io_bitmap;      /* SVM I/O permission map, 3 pages; shared default unless hardware domain */

    struct e820_map {
        uint32_t count;
        struct {
            uint64_t addr, size;
            uint32_t type;
        } PACKED entries[128];
    } *memory_map; /* XENMEM_set_memory_map; NULL: none */

    /* What the toolstack set and may ask back. Lock: rank CONTROL. */
    uint64_t paging_pool_bytes; /* XEN_DOMCTL_set_paging_mempool_size */
    uint32_t tsc_mode;          /* XEN_DOMCTL_settscinfo */
    uint32_t tsc_incarnation;   /* how often the domain was moved or restored */
    uint16_t sched_weight;      /* XEN_DOMCTL_scheduler_op: of each of its vCPUs */
    uint32_t node_affinity;     /* XEN_DOMCTL_setnodeaffinity: bit n for NUMA node n; 0: its vCPUs' */
    uint32_t memory_nodes;      /* where its memory comes from: see domain_update_nodes(); 0: any */
};

/* The hardware domain, set by boot/dom0.c. */
extern struct domain *dom0;

/* Makes a domain: paused, no vCPUs, no memory. domid 0..DOMID_FIRST_RESERVED-1 must be free. 0 and *out with
 * one reference for the caller besides the list's, or -XEN_EINVAL, -XEN_EEXIST, -XEN_ENOMEM. */
int domain_create(domid_t domid, const struct xen_domctl_createdomain *config, bool is_privileged,
                  struct domain **out);

/* Finds a living or dying domain and takes a reference; NULL if there is none. DOMID_SELF is not
 * understood here: see domain_get_for(). */
struct domain *domain_get(domid_t domid);
/* The same for a hypercall's argument: DOMID_SELF and v's own domid are v's domain, others are for
 * a privileged caller. NULL with *rc -XEN_ESRCH or -XEN_EPERM, else *rc is 0. */
struct domain *domain_get_for(struct vcpu *v, domid_t domid, long *rc);
/* The first domain with a domid >= `domid` (for lists), with a reference; NULL at the end. */
struct domain *domain_get_next(domid_t domid);
/* The one after d, for which d's reference is dropped. */
struct domain *domain_put_next(struct domain *d);
void domain_ref(struct domain *d);
void domain_put(struct domain *d); /* NULL: nothing */

/* Pauses nest. No vCPU of d is on a CPU when it returns (the caller is not one). */
void domain_pause(struct domain *d);
void domain_unpause(struct domain *d);

/* SCHEDOP_shutdown_code: what a later shutdown will report. */
void domain_set_shutdown_code(struct domain *d, uint32_t reason);
/* The toolstack's own pause, which it may nest up to 255 times: 0 or -XEN_EOVERFLOW, and its opposite: 0 or
 * -XEN_EINVAL when there is none. A new domain has one. Serialised by the control lock. */
int domain_control_pause(struct domain *d);
int domain_control_unpause(struct domain *d);

/* A vCPU of d has left its CPU while d shuts down: with the last one the shutdown is complete. */
void domain_check_shutdown(struct domain *d);

/* SCHEDOP_shutdown, triple faults and control: stops every vCPU and tells dom0 (VIRQ_DOM_EXC). */
void domain_shutdown(struct domain *d, uint32_t reason);
/* After a vCPU went down: when none is up any more, the domain has powered off. */
void domain_check_down(struct domain *d);
/* After a cancelled suspend. */
void domain_resume(struct domain *d);
/* A guest did what no guest may: one line in the log, shutdown with SHUTDOWN_crash. */
void domain_crash(struct domain *d, const char *fmt, ...) PRINTF(2, 3);

/* Tears the domain down, bounded work at a time: 0 when done or -XEN_ERESTART. */
int domain_destroy(struct domain *d);

/* Frame accounting (mm/frame.c): owning any frame keeps the domain's struct alive. */
void domain_frames_added(struct domain *d, uint64_t count);
void domain_frames_freed(domid_t owner, uint64_t count);
/* The same as added, but false when d would own more than frames_max. */
bool domain_frames_reserve(struct domain *d, uint64_t count);

/* Memory comes from the nodes that the toolstack named, else from those where vCPUs may run. To be called when either
 * has changed, with the control lock. */
void domain_update_nodes(struct domain *d);

/* v has done what drivers for this ABI do first when they start: from now on its domain's shared_info has
 * the layout of the mode that v runs in. */
void domain_latch_width(struct vcpu *v);

/* vCPU n, or NULL. */
struct vcpu *domain_vcpu(const struct domain *d, uint32_t vcpu_id);

/* The vCPU with the lowest number from `vcpu_id` on that has been made; NULL if there is none. */
static inline struct vcpu *domain_vcpu_from(const struct domain *d, unsigned vcpu_id)
{
    while (vcpu_id < d->max_vcpus && d->vcpus[vcpu_id] == NULL) {
        vcpu_id++;
    }
    return vcpu_id < d->max_vcpus ? d->vcpus[vcpu_id] : NULL;
}

#define for_each_vcpu(d, v)                                                                        \
    for (struct vcpu *v = domain_vcpu_from(d, 0); v != NULL; v = domain_vcpu_from(d, v->id + 1))

/* Every domain in the order of their domids, with a reference: who leaves the loop early has to drop it. */
#define for_each_domain(d)                                                                         \
    for (struct domain *d = domain_get_next(0); d != NULL; d = domain_put_next(d))
