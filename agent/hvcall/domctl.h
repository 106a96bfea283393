/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XEN_DOMCTL_*: what a toolstack does to a domain. Errors are ERR_NOT_FOUND for an unknown domain and
 * otherwise follow the hypervisor's errno (ENOSYS and EOPNOTSUPP: ERR_UNAVAILABLE).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/err.h"

struct hvcall;

/* The limits a domain is born with. */
struct domctl_limits {
    uint32_t vcpus_max;
    uint32_t evtchn_port_max;
    int32_t grant_frames_max;    /* negative: the hypervisor's default */
    int32_t maptrack_frames_max; /* negative: the hypervisor's default */
};

/** XEN_DOMCTL_getdomaininfo, in our words. */
struct domctl_info {
    uint32_t domid;
    uint8_t handle[16]; /* the UUID, in the order its text form is read */
    uint32_t flags;     /* XEN_DOMINF_* */
    uint32_t shutdown_reason;
    uint64_t pages;
    uint64_t pages_max;
    uint64_t cpu_time_ns;
    uint64_t shared_info_gfn;
    uint32_t vcpus_online;
    uint32_t vcpu_id_max;
};

/* One CPUID leaf or one MSR of a policy, as <xen/arch-x86/xen.h> lays them out. */
struct xen_cpuid_leaf;
struct xen_msr_entry;

/** Creates a PVH domain (HVM container, nested paging, local APIC only) without memory or vCPUs. */
int domctl_create_pvh(struct hvcall *hv, const uint8_t handle[16],
                      const struct domctl_limits *limits, uint32_t *domid, struct err *err);

/** Ends a domain. Long work is continued inside the call; returns when memory is on its way back. */
int domctl_destroy(struct hvcall *hv, uint32_t domid, struct err *err);

int domctl_pause(struct hvcall *hv, uint32_t domid, struct err *err);
int domctl_unpause(struct hvcall *hv, uint32_t domid, struct err *err);

/** Creates the vCPUs 0..vcpus-1; vcpus is what the domain was created with. */
int domctl_set_vcpus(struct hvcall *hv, uint32_t domid, uint32_t vcpus, struct err *err);

/** The most memory the domain may hold, in KiB. */
int domctl_set_memory_max(struct hvcall *hv, uint32_t domid, uint64_t kib, struct err *err);

/** Reserves size_bytes (a multiple of 1 MiB) for the domain's nested page tables. */
int domctl_set_paging_pool(struct hvcall *hv, uint32_t domid, uint64_t size_bytes,
                           struct err *err);

/** ERR_NOT_FOUND when exactly this domain does not exist. */
int domctl_get_info(struct hvcall *hv, uint32_t domid, struct domctl_info *info, struct err *err);

/** The whole HVM context. Call with records NULL to learn the size in *size_bytes. */
int domctl_get_hvm_context(struct hvcall *hv, uint32_t domid, void *records, size_t *size_bytes,
                           struct err *err);

/** Loads HVM context records: header first, end record last. */
int domctl_set_hvm_context(struct hvcall *hv, uint32_t domid, const void *records,
                           size_t size_bytes, struct err *err);

/**
 * Sets the CPUID leaves and MSRs of a domain that has not run yet. A refused leaf or MSR is named
 * in the error.
 */
int domctl_set_cpu_policy(struct hvcall *hv, uint32_t domid, const struct xen_cpuid_leaf *leaves,
                          size_t leaf_count, const struct xen_msr_entry *msrs, size_t msr_count,
                          struct err *err);

/** Offset of the guest's idea of wall time, in seconds. */
int domctl_set_time_offset(struct hvcall *hv, uint32_t domid, int64_t seconds, struct err *err);

/**
 * The two ends of a TSC's story: mode as XEN_CPUID_TSC_MODE_*, elapsed_ns since domain start, khz of
 * the guest's TSC and its incarnation (how often it was moved).
 */
struct domctl_tsc {
    uint32_t mode;
    uint32_t khz;
    uint32_t incarnation;
    uint64_t elapsed_ns;
};
int domctl_get_tsc(struct hvcall *hv, uint32_t domid, struct domctl_tsc *tsc, struct err *err);
int domctl_set_tsc(struct hvcall *hv, uint32_t domid, const struct domctl_tsc *tsc,
                   struct err *err);

/** Lets a domain that shut itself down (suspended) run again. */
int domctl_resume(struct hvcall *hv, uint32_t domid, struct err *err);

/** CPU time of one vCPU and whether it is online. */
struct domctl_vcpu {
    bool is_online;
    bool is_blocked;
    bool is_running;
    uint64_t cpu_time_ns;
    uint32_t cpu;
};
int domctl_get_vcpu(struct hvcall *hv, uint32_t domid, uint32_t vcpu, struct domctl_vcpu *info,
                    struct err *err);
