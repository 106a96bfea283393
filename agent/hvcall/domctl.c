/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XEN_DOMCTL_*. Each function fills one struct xen_domctl, issues it and takes the answer out; see
 * <xen/domctl.h> (interface version 0x15) for what every operation means.
 */
#include "agent/hvcall/domctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/hvcall/internal.h"

#include <xen/domctl.h>

/*
 * Issues *op and copies it back. Returns 0 or -1 with errno. A long operation is continued inside
 * the hypervisor; EAGAIN asks the caller to come again, which is done here.
 */
static int issue(struct hvcall *hv, uint32_t cmd, uint32_t domid, struct xen_domctl *op)
{
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = (domid_t)domid;

    struct xen_domctl *shared = hvcall_bounce(hv, op, sizeof(*op), NULL);
    if (shared == NULL) {
        errno = ENOMEM;
        return -1;
    }
    long result;
    do {
        result = hvcall_issue(hv, __HYPERVISOR_domctl, (uint64_t)(uintptr_t)shared, NULL);
    } while (result < 0 && errno == EAGAIN);
    *op = *shared;
    hvcall_free(hv, shared);
    return result < 0 ? -1 : 0;
}

/* An operation without arguments of its own. */
static int issue_plain(struct hvcall *hv, uint32_t cmd, uint32_t domid, const char *text,
                       struct err *err)
{
    struct xen_domctl op = {0};
    if (issue(hv, cmd, domid, &op) < 0) {
        return hvcall_failed(err, (int)domid, text);
    }
    return 0;
}

int domctl_create_pvh(struct hvcall *hv, const uint8_t handle[16],
                      const struct domctl_limits *limits, uint32_t *domid, struct err *err)
{
    struct xen_domctl op = {0};
    struct xen_domctl_createdomain *create = &op.u.createdomain;

    create->flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    create->max_vcpus = limits->vcpus_max;
    create->max_evtchn_port = limits->evtchn_port_max;
    create->max_grant_frames = limits->grant_frames_max;
    create->max_maptrack_frames = limits->maptrack_frames_max;
    create->grant_opts = XEN_DOMCTL_GRANT_version(1);
    create->arch.emulation_flags = XEN_X86_EMU_LAPIC;
    memcpy(create->handle, handle, sizeof(create->handle));

    /* Domain id 0 asks the hypervisor to choose one. */
    if (issue(hv, XEN_DOMCTL_createdomain, 0, &op) < 0) {
        return hvcall_failed(err, -1, "create a domain");
    }
    *domid = op.domain;
    return 0;
}

int domctl_destroy(struct hvcall *hv, uint32_t domid, struct err *err)
{
    return issue_plain(hv, XEN_DOMCTL_destroydomain, domid, "destroy the whole", err);
}

int domctl_pause(struct hvcall *hv, uint32_t domid, struct err *err)
{
    return issue_plain(hv, XEN_DOMCTL_pausedomain, domid, "pause the vCPUs", err);
}

int domctl_unpause(struct hvcall *hv, uint32_t domid, struct err *err)
{
    return issue_plain(hv, XEN_DOMCTL_unpausedomain, domid, "unpause the vCPUs", err);
}

int domctl_resume(struct hvcall *hv, uint32_t domid, struct err *err)
{
    return issue_plain(hv, XEN_DOMCTL_resumedomain, domid, "resume the vCPUs", err);
}

int domctl_set_vcpus(struct hvcall *hv, uint32_t domid, uint32_t vcpus, struct err *err)
{
    struct xen_domctl op = {.u.max_vcpus.max = vcpus};
    if (issue(hv, XEN_DOMCTL_max_vcpus, domid, &op) < 0) {
        return hvcall_failed(err, (int)domid, "create the vCPUs");
    }
    return 0;
}

int domctl_set_memory_max(struct hvcall *hv, uint32_t domid, uint64_t kib, struct err *err)
{
    struct xen_domctl op = {.u.max_mem.max_memkb = kib};
    if (issue(hv, XEN_DOMCTL_max_mem, domid, &op) < 0) {
        return hvcall_failed(err, (int)domid, "set the memory limit");
    }
    return 0;
}

int domctl_set_paging_pool(struct hvcall *hv, uint32_t domid, uint64_t size_bytes,
                           struct err *err)
{
    struct xen_domctl op = {.u.paging_mempool.size = size_bytes};
    if (issue(hv, XEN_DOMCTL_set_paging_mempool_size, domid, &op) < 0) {
        return hvcall_failed(err, (int)domid, "set the page-table pool");
    }
    return 0;
}

static void take_info(const struct xen_domctl_getdomaininfo *from, struct domctl_info *info)
{
    *info = (struct domctl_info){
        .domid = from->domain,
        .flags = from->flags,
        .shutdown_reason = (from->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask,
        .pages = from->tot_pages,
        .pages_max = from->max_pages,
        .cpu_time_ns = from->cpu_time,
        .shared_info_gfn = from->shared_info_frame,
        .vcpus_online = from->nr_online_vcpus,
        .vcpu_id_max = from->max_vcpu_id,
    };
    memcpy(info->handle, from->handle, sizeof(info->handle));
}

int domctl_get_info(struct hvcall *hv, uint32_t domid, struct domctl_info *info, struct err *err)
{
    struct xen_domctl op = {0};
    if (issue(hv, XEN_DOMCTL_getdomaininfo, domid, &op) < 0) {
        return hvcall_failed(err, (int)domid, "describe the state");
    }
    /* The call answers for the next domain when this one is gone. */
    if (op.u.getdomaininfo.domain != domid) {
        return err_set(err, ERR_NOT_FOUND, "there is no domain %u", domid);
    }
    take_info(&op.u.getdomaininfo, info);
    return 0;
}

int domctl_get_hvm_context(struct hvcall *hv, uint32_t domid, void *records, size_t *size_bytes,
                           struct err *err)
{
    struct xen_domctl op = {0};
    void *shared = NULL;

    if (records != NULL) {
        shared = hvcall_alloc(hv, *size_bytes, err);
        if (shared == NULL) {
            return -ERR_NO_MEMORY;
        }
        op.u.hvmcontext.size = (uint32_t)*size_bytes;
    }
    set_xen_guest_handle(op.u.hvmcontext.buffer, (uint8_t *)shared);
    int result = 0;
    if (issue(hv, XEN_DOMCTL_gethvmcontext, domid, &op) < 0) {
        result = hvcall_failed(err, (int)domid, "save the CPU context");
    } else {
        if (records != NULL) {
            memcpy(records, shared, *size_bytes);
        }
        *size_bytes = op.u.hvmcontext.size;
    }
    hvcall_free(hv, shared);
    return result;
}

int domctl_set_hvm_context(struct hvcall *hv, uint32_t domid, const void *records,
                           size_t size_bytes, struct err *err)
{
    void *shared = hvcall_bounce(hv, records, size_bytes, err);
    if (shared == NULL) {
        return -ERR_NO_MEMORY;
    }
    struct xen_domctl op = {.u.hvmcontext.size = (uint32_t)size_bytes};
    set_xen_guest_handle(op.u.hvmcontext.buffer, (uint8_t *)shared);
    int result = 0;
    if (issue(hv, XEN_DOMCTL_sethvmcontext, domid, &op) < 0) {
        result = hvcall_failed(err, (int)domid, "load the CPU context");
    }
    hvcall_free(hv, shared);
    return result;
}

int domctl_set_cpu_policy(struct hvcall *hv, uint32_t domid, const struct xen_cpuid_leaf *leaves,
                          size_t leaf_count, const struct xen_msr_entry *msrs, size_t msr_count,
                          struct err *err)
{
    void *shared_leaves = hvcall_bounce(hv, leaves, leaf_count * sizeof(*leaves), err);
    void *shared_msrs = hvcall_bounce(hv, msrs, msr_count * sizeof(*msrs), err);
    int result = -ERR_NO_MEMORY;
    if (shared_leaves == NULL || shared_msrs == NULL) {
        goto free_buffers;
    }

    struct xen_domctl op = {0};
    struct xen_domctl_cpu_policy *policy = &op.u.cpu_policy;
    policy->nr_leaves = (uint32_t)leaf_count;
    policy->nr_msrs = (uint32_t)msr_count;
    policy->err_leaf = policy->err_subleaf = policy->err_msr = UINT32_MAX;
    set_xen_guest_handle(policy->leaves, (xen_cpuid_leaf_t *)shared_leaves);
    set_xen_guest_handle(policy->msrs, (xen_msr_entry_t *)shared_msrs);
    if (issue(hv, XEN_DOMCTL_set_cpu_policy, domid, &op) < 0) {
        char text[96];
        snprintf(text, sizeof(text), "take the CPU policy (leaf 0x%x.0x%x, MSR 0x%x)",
                 policy->err_leaf, policy->err_subleaf, policy->err_msr);
        result = hvcall_failed(err, (int)domid, text);
    } else {
        result = 0;
    }
free_buffers:
    hvcall_free(hv, shared_msrs);
    hvcall_free(hv, shared_leaves);
    return result;
}

int domctl_set_time_offset(struct hvcall *hv, uint32_t domid, int64_t seconds, struct err *err)
{
    struct xen_domctl op = {.u.settimeoffset.time_offset_seconds = seconds};
    if (issue(hv, XEN_DOMCTL_settimeoffset, domid, &op) < 0) {
        return hvcall_failed(err, (int)domid, "set the time offset");
    }
    return 0;
}

int domctl_get_tsc(struct hvcall *hv, uint32_t domid, struct domctl_tsc *tsc, struct err *err)
{
    struct xen_domctl op = {0};
    if (issue(hv, XEN_DOMCTL_gettscinfo, domid, &op) < 0) {
        return hvcall_failed(err, (int)domid, "describe the TSC");
    }
    *tsc = (struct domctl_tsc){
        .mode = op.u.tsc_info.tsc_mode,
        .khz = op.u.tsc_info.gtsc_khz,
        .incarnation = op.u.tsc_info.incarnation,
        .elapsed_ns = op.u.tsc_info.elapsed_nsec,
    };
    return 0;
}

int domctl_set_tsc(struct hvcall *hv, uint32_t domid, const struct domctl_tsc *tsc,
                   struct err *err)
{
    struct xen_domctl op = {0};
    op.u.tsc_info.tsc_mode = tsc->mode;
    op.u.tsc_info.gtsc_khz = tsc->khz;
    op.u.tsc_info.incarnation = tsc->incarnation;
    op.u.tsc_info.elapsed_nsec = tsc->elapsed_ns;
    if (issue(hv, XEN_DOMCTL_settscinfo, domid, &op) < 0) {
        return hvcall_failed(err, (int)domid, "set the TSC");
    }
    return 0;
}

int domctl_get_vcpu(struct hvcall *hv, uint32_t domid, uint32_t vcpu, struct domctl_vcpu *info,
                    struct err *err)
{
    struct xen_domctl op = {.u.getvcpuinfo.vcpu = vcpu};
    if (issue(hv, XEN_DOMCTL_getvcpuinfo, domid, &op) < 0) {
        return hvcall_failed(err, (int)domid, "describe a vCPU");
    }
    *info = (struct domctl_vcpu){
        .is_online = op.u.getvcpuinfo.online != 0,
        .is_blocked = op.u.getvcpuinfo.blocked != 0,
        .is_running = op.u.getvcpuinfo.running != 0,
        .cpu_time_ns = op.u.getvcpuinfo.cpu_time,
        .cpu = op.u.getvcpuinfo.cpu,
    };
    return 0;
}
