/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XEN_SYSCTL_* and XENVER_*: what the hypervisor says about the host and about itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/err.h"

struct hvcall;
struct domctl_info;
struct xen_cpuid_leaf;
struct xen_msr_entry;

struct sysctl_physinfo {
    uint32_t cpus;
    uint32_t cpu_id_max;
    uint32_t cores_per_socket;
    uint32_t threads_per_core;
    uint32_t nodes;
    uint32_t cpu_khz;
    uint64_t pages;
    uint64_t free_pages;
    uint64_t scrub_pages;
};

/** XEN_SYSCTL_physinfo. */
int sysctl_physinfo(struct hvcall *hv, struct sysctl_physinfo *info, struct err *err);

/**
 * Describes the domains with ids first and above, at most capacity of them, in the order of their
 * ids; *count says how many came. Fewer than capacity means that there are no more.
 */
int sysctl_list_domains(struct hvcall *hv, uint32_t first, struct domctl_info *out,
                        size_t capacity, size_t *count, struct err *err);

/** Reads the message ring into text (size_bytes long); *length counts bytes. */
int sysctl_read_console(struct hvcall *hv, char *text, size_t size_bytes, size_t *length,
                        struct err *err);

/** Idle nanoseconds of the CPUs 0..capacity-1; *count says how many there are. */
int sysctl_cpu_idle(struct hvcall *hv, uint64_t *idle_ns, size_t capacity, size_t *count,
                    struct err *err);

/** Core, socket and node of each CPU; UINT32_MAX for a CPU that is not there. */
struct sysctl_cpu_place {
    uint32_t core;
    uint32_t socket;
    uint32_t node;
};
int sysctl_cpu_topology(struct hvcall *hv, struct sysctl_cpu_place *places, size_t capacity,
                        size_t *count, struct err *err);

/** XEN_SYSCTL_SCHED_* id of the scheduler ("credit2" is 6). */
int sysctl_scheduler(struct hvcall *hv, uint32_t *scheduler_id, struct err *err);

/**
 * The CPU policy new HVM domains start from. On entry the counts are capacities, on return what
 * there is. ERR_UNAVAILABLE when the hypervisor has no such operation.
 */
int sysctl_default_cpu_policy(struct hvcall *hv, struct xen_cpuid_leaf *leaves,
                              size_t *leaf_count, struct xen_msr_entry *msrs, size_t *msr_count,
                              struct err *err);

/** XENVER_version: (major << 16) + minor. */
int sysctl_version(struct hvcall *hv, uint32_t *version, struct err *err);

/** XENVER_extraversion and XENVER_capabilities, as text. Sizes must be 16 and 1024 at least. */
int sysctl_version_extra(struct hvcall *hv, char text[17], struct err *err);
int sysctl_capabilities(struct hvcall *hv, char text[1025], struct err *err);
