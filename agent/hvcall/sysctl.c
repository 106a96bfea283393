/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XEN_SYSCTL_* (<xen/sysctl.h>, interface version 0x15) and XENVER_* (<xen/version.h>).
 */
#include "agent/hvcall/sysctl.h"

#include <errno.h>
#include <string.h>

#include "agent/hvcall/domctl.h"
#include "agent/hvcall/internal.h"

#include <xen/sysctl.h>
#include <xen/version.h>

static int issue(struct hvcall *hv, uint32_t cmd, struct xen_sysctl *op)
{
    op->cmd = cmd;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;

    struct xen_sysctl *shared = hvcall_bounce(hv, op, sizeof(*op), NULL);
    if (shared == NULL) {
        errno = ENOMEM;
        return -1;
    }
    long result = hvcall_issue(hv, __HYPERVISOR_sysctl, (uint64_t)(uintptr_t)shared, NULL);
    *op = *shared;
    hvcall_free(hv, shared);
    return result < 0 ? -1 : 0;
}

int sysctl_physinfo(struct hvcall *hv, struct sysctl_physinfo *info, struct err *err)
{
    struct xen_sysctl op = {0};
    if (issue(hv, XEN_SYSCTL_physinfo, &op) < 0) {
        return hvcall_failed(err, -1, "describe the host");
    }
    const struct xen_sysctl_physinfo *from = &op.u.physinfo;
    *info = (struct sysctl_physinfo){
        .cpus = from->nr_cpus,
        .cpu_id_max = from->max_cpu_id,
        .cores_per_socket = from->cores_per_socket,
        .threads_per_core = from->threads_per_core,
        .nodes = from->nr_nodes,
        .cpu_khz = from->cpu_khz,
        .pages = from->total_pages,
        .free_pages = from->free_pages,
        .scrub_pages = from->scrub_pages,
    };
    return 0;
}

int sysctl_list_domains(struct hvcall *hv, uint32_t first, struct domctl_info *out,
                        size_t capacity, size_t *count, struct err *err)
{
    size_t size_bytes = capacity * sizeof(struct xen_domctl_getdomaininfo);
    struct xen_domctl_getdomaininfo *list = hvcall_alloc(hv, size_bytes, err);
    if (list == NULL) {
        return -ERR_NO_MEMORY;
    }

    struct xen_sysctl op = {0};
    op.u.getdomaininfolist.first_domain = (domid_t)first;
    op.u.getdomaininfolist.max_domains = (uint32_t)capacity;
    set_xen_guest_handle(op.u.getdomaininfolist.buffer, list);
    int result = 0;
    if (issue(hv, XEN_SYSCTL_getdomaininfolist, &op) < 0) {
        result = hvcall_failed(err, -1, "list the domains");
    } else {
        *count = op.u.getdomaininfolist.num_domains;
        if (*count > capacity) {
            *count = capacity;
        }
        for (size_t i = 0; i < *count; i++) {
            out[i] = (struct domctl_info){
                .domid = list[i].domain,
                .flags = list[i].flags,
                .shutdown_reason =
                    (list[i].flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask,
                .pages = list[i].tot_pages,
                .pages_max = list[i].max_pages,
                .cpu_time_ns = list[i].cpu_time,
                .shared_info_gfn = list[i].shared_info_frame,
                .vcpus_online = list[i].nr_online_vcpus,
                .vcpu_id_max = list[i].max_vcpu_id,
            };
            memcpy(out[i].handle, list[i].handle, sizeof(out[i].handle));
        }
    }
    hvcall_free(hv, list);
    return result;
}

int sysctl_read_console(struct hvcall *hv, char *text, size_t size_bytes, size_t *length,
                        struct err *err)
{
    char *shared = hvcall_alloc(hv, size_bytes, err);
    if (shared == NULL) {
        return -ERR_NO_MEMORY;
    }
    struct xen_sysctl op = {0};
    op.u.readconsole.count = (uint32_t)size_bytes;
    set_xen_guest_handle(op.u.readconsole.buffer, shared);
    int result = 0;
    if (issue(hv, XEN_SYSCTL_readconsole, &op) < 0) {
        result = hvcall_failed(err, -1, "show its messages");
    } else {
        *length = op.u.readconsole.count < size_bytes ? op.u.readconsole.count : size_bytes;
        memcpy(text, shared, *length);
    }
    hvcall_free(hv, shared);
    return result;
}

int sysctl_cpu_idle(struct hvcall *hv, uint64_t *idle_ns, size_t capacity, size_t *count,
                    struct err *err)
{
    struct xen_sysctl_cpuinfo *cpus = hvcall_alloc(hv, capacity * sizeof(*cpus), err);
    if (cpus == NULL) {
        return -ERR_NO_MEMORY;
    }
    struct xen_sysctl op = {0};
    op.u.getcpuinfo.max_cpus = (uint32_t)capacity;
    set_xen_guest_handle(op.u.getcpuinfo.info, cpus);
    int result = 0;
    if (issue(hv, XEN_SYSCTL_getcpuinfo, &op) < 0) {
        result = hvcall_failed(err, -1, "show the CPUs' idle time");
    } else {
        *count = op.u.getcpuinfo.nr_cpus < capacity ? op.u.getcpuinfo.nr_cpus : capacity;
        for (size_t i = 0; i < *count; i++) {
            idle_ns[i] = cpus[i].idletime;
        }
    }
    hvcall_free(hv, cpus);
    return result;
}

int sysctl_cpu_topology(struct hvcall *hv, struct sysctl_cpu_place *places, size_t capacity,
                        size_t *count, struct err *err)
{
    xen_sysctl_cputopo_t *cpus = hvcall_alloc(hv, capacity * sizeof(*cpus), err);
    if (cpus == NULL) {
        return -ERR_NO_MEMORY;
    }
    struct xen_sysctl op = {0};
    op.u.cputopoinfo.num_cpus = (uint32_t)capacity;
    set_xen_guest_handle(op.u.cputopoinfo.cputopo, cpus);
    int result = 0;
    if (issue(hv, XEN_SYSCTL_cputopoinfo, &op) < 0) {
        result = hvcall_failed(err, -1, "show the CPUs' places");
    } else {
        *count = op.u.cputopoinfo.num_cpus < capacity ? op.u.cputopoinfo.num_cpus : capacity;
        for (size_t i = 0; i < *count; i++) {
            places[i].core = cpus[i].core;
            places[i].socket = cpus[i].socket;
            places[i].node = cpus[i].node;
        }
    }
    hvcall_free(hv, cpus);
    return result;
}

int sysctl_scheduler(struct hvcall *hv, uint32_t *scheduler_id, struct err *err)
{
    struct xen_sysctl op = {0};
    if (issue(hv, XEN_SYSCTL_sched_id, &op) < 0) {
        return hvcall_failed(err, -1, "name its scheduler");
    }
    *scheduler_id = op.u.sched_id.sched_id;
    return 0;
}

int sysctl_default_cpu_policy(struct hvcall *hv, struct xen_cpuid_leaf *leaves,
                              size_t *leaf_count, struct xen_msr_entry *msrs, size_t *msr_count,
                              struct err *err)
{
    xen_cpuid_leaf_t *shared_leaves = hvcall_alloc(hv, *leaf_count * sizeof(*leaves), err);
    xen_msr_entry_t *shared_msrs = hvcall_alloc(hv, *msr_count * sizeof(*msrs), err);
    int result = -ERR_NO_MEMORY;
    if (shared_leaves == NULL || shared_msrs == NULL) {
        goto free_buffers;
    }

    struct xen_sysctl op = {0};
    struct xen_sysctl_cpu_policy *policy = &op.u.cpu_policy;
    policy->index = XEN_SYSCTL_cpu_policy_hvm_default;
    policy->nr_leaves = (uint32_t)*leaf_count;
    policy->nr_msrs = (uint32_t)*msr_count;
    set_xen_guest_handle(policy->leaves, shared_leaves);
    set_xen_guest_handle(policy->msrs, shared_msrs);
    if (issue(hv, XEN_SYSCTL_get_cpu_policy, &op) < 0) {
        result = hvcall_failed(err, -1, "show its default CPU policy");
        goto free_buffers;
    }
    if (policy->nr_leaves > *leaf_count || policy->nr_msrs > *msr_count) {
        result = err_set(err, ERR_INTERNAL, "the CPU policy is larger than its buffer");
        goto free_buffers;
    }
    *leaf_count = policy->nr_leaves;
    *msr_count = policy->nr_msrs;
    memcpy(leaves, shared_leaves, *leaf_count * sizeof(*leaves));
    memcpy(msrs, shared_msrs, *msr_count * sizeof(*msrs));
    result = 0;
free_buffers:
    hvcall_free(hv, shared_msrs);
    hvcall_free(hv, shared_leaves);
    return result;
}

int sysctl_version(struct hvcall *hv, uint32_t *version, struct err *err)
{
    long result = hvcall_issue(hv, __HYPERVISOR_xen_version, XENVER_version, NULL);
    if (result < 0) {
        return hvcall_failed(err, -1, "name its version");
    }
    *version = (uint32_t)result;
    return 0;
}

/* A XENVER_* that fills a text of size_bytes; out is one byte longer. */
static int version_text(struct hvcall *hv, uint64_t which, char *out, size_t size_bytes,
                        struct err *err)
{
    char *shared = hvcall_alloc(hv, size_bytes, err);
    if (shared == NULL) {
        return -ERR_NO_MEMORY;
    }
    int result = 0;
    if (hvcall_issue(hv, __HYPERVISOR_xen_version, which, shared) < 0) {
        result = hvcall_failed(err, -1, "name its version");
    } else {
        memcpy(out, shared, size_bytes);
        out[size_bytes] = '\0';
    }
    hvcall_free(hv, shared);
    return result;
}

int sysctl_version_extra(struct hvcall *hv, char text[17], struct err *err)
{
    return version_text(hv, XENVER_extraversion, text, sizeof(xen_extraversion_t), err);
}

int sysctl_capabilities(struct hvcall *hv, char text[1025], struct err *err)
{
    return version_text(hv, XENVER_capabilities, text, sizeof(xen_capabilities_info_t), err);
}
