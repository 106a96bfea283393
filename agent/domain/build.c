/* SPDX-License-Identifier: Apache-2.0 */
/*
 * domain_build(): from a configuration to a paused domain.
 *
 *   check, open kernel and initrd, lay out     nothing to undo but mappings of files
 *   create domain, vCPUs, limits, memory       undone by destroying the domain
 *   event channels, xenstore nodes, devices    undone by removing devices and nodes first
 *   copy, grants, CPU state, introduce         nothing more to undo
 *
 * So there is one way back, domain_destroy(), and it is the same that a running domain takes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/xen.h>

#include <xen/grant_table.h>
#include <xen/hvm/params.h>

#include "agent/domain/acpi.h"
#include "agent/domain/cpu_policy.h"
#include "agent/domain/ctx.h"
#include "agent/domain/domain.h"
#include "agent/domain/guest_memory.h"
#include "agent/domain/image/kernel.h"
#include "agent/domain/layout.h"
#include "agent/domain/start_info.h"
#include "agent/domain/store.h"
#include "agent/domain/uuid.h"
#include "agent/domain/vbd.h"
#include "agent/domain/vcpu_state.h"
#include "agent/domain/vif.h"
#include "agent/hvcall/domctl.h"
#include "agent/hvcall/evtchn.h"
#include "agent/hvcall/hvm.h"
#include "agent/hvcall/sysctl.h"
#include "agent/util/log.h"

#define INITRD_BYTES_MAX  (2ull << 30)
#define GRANT_FRAMES_MAX  64
#define MAPTRACK_MAX      1024
#define EVTCHN_PORT_MAX   1023
#define MEMORY_SLACK_KIB  1024 /* ring pages, ACPI tables, and room for a few more */
#define MIB               (1ull << 20)

/* Everything a build knows; freed whatever its end. */
struct build {
    struct domain_ctx *ctx;
    const struct domain_config *config;
    domain_progress_fn progress;
    void *opaque;
    uint32_t domid;
    struct mapped_file elf;
    struct mapped_file initrd;
    struct kernel_layout kernel;
    struct layout layout;
    uint8_t start_info[START_INFO_BYTES];
    uint32_t console_port;
    uint32_t store_port;
    struct vbd vbds[DOMAIN_DISKS_MAX];
    struct vif vifs[DOMAIN_NICS_MAX];
};

static int report(struct build *build, unsigned percent, const char *stage, struct err *err)
{
    if (build->progress != NULL && build->progress(build->opaque, percent, stage) != 0) {
        return err_set(err, ERR_CANCELLED, "cancelled while the domain was being built (%s)",
                       stage);
    }
    return 0;
}

/* Everything that can be found wrong before the hypervisor hears of it. */
static int prepare(struct build *build, struct err *err)
{
    const struct domain_config *config = build->config;
    int result = domain_config_check(config, err);
    for (size_t i = 0; result == 0 && i < config->nic_count; i++) {
        result = vif_check_bridge(&config->nics[i], i, err);
    }
    if (result == 0) {
        result = kernel_open(config->kernel, KERNEL_CACHE_DIR, &build->elf, &build->kernel, err);
    }
    if (result == 0 && config->initrd != NULL) {
        result = mapped_file_open(config->initrd, "initrd", INITRD_BYTES_MAX, &build->initrd, err);
    }
    if (result == 0) {
        result = layout_compute(config->memory_bytes, &build->kernel, START_INFO_BYTES,
                                build->initrd.size_bytes, &build->layout, err);
    }
    if (result == 0) {
        result = start_info_write(&build->layout, config->cmdline, build->start_info, err);
    }
    return result;
}

/* Says so before anything is created when the host cannot hold the domain. */
static int check_free_memory(struct build *build, uint64_t pool_bytes, struct err *err)
{
    struct sysctl_physinfo host;
    int result = sysctl_physinfo(build->ctx->hv, &host, err);
    if (result != 0) {
        return result;
    }
    uint64_t free_bytes = (host.free_pages + host.scrub_pages) * PAGE_BYTES;
    uint64_t needed_bytes = build->config->memory_bytes + pool_bytes + MIB;
    if (needed_bytes > free_bytes) {
        return err_set_field(err, ERR_NO_MEMORY, "memory_bytes",
                             "the domain needs %llu MiB, the host has %llu MiB free",
                             (unsigned long long)(needed_bytes / MIB),
                             (unsigned long long)(free_bytes / MIB));
    }
    return 0;
}

/* Room for nested page tables: a page for each MiB of guest, and some for each vCPU. */
static uint64_t paging_pool_bytes(const struct domain_config *config)
{
    uint64_t bytes = (256ull * config->vcpus + config->memory_bytes / MIB * 2) * PAGE_BYTES;
    return (bytes + MIB - 1) / MIB * MIB;
}

static int create(struct build *build, struct err *err)
{
    struct hvcall *hv = build->ctx->hv;
    const struct domain_config *config = build->config;
    uint64_t pool_bytes = paging_pool_bytes(config);
    int result = check_free_memory(build, pool_bytes, err);
    if (result != 0) {
        return result;
    }

    uint8_t handle[16];
    uuid_parse(config->uuid, handle);
    struct domctl_limits limits = {
        .vcpus_max = config->vcpus,
        .evtchn_port_max = EVTCHN_PORT_MAX,
        .grant_frames_max = GRANT_FRAMES_MAX,
        .maptrack_frames_max = MAPTRACK_MAX,
    };
    result = domctl_create_pvh(hv, handle, &limits, &build->domid, err);
    if (result != 0) {
        return result;
    }

    uint32_t domid = build->domid;
    result = domctl_set_paging_pool(hv, domid, pool_bytes, err);
    if (result == -ERR_UNAVAILABLE) {
        err_clear(err); /* this hypervisor takes page tables from its own heap */
        result = 0;
    }
    if (result == 0) {
        result = domctl_set_vcpus(hv, domid, config->vcpus, err);
    }
    if (result == 0) {
        result = cpu_policy_apply(hv, domid, config->vcpus, err);
    }
    if (result == 0) {
        result = domctl_set_memory_max(hv, domid, config->memory_bytes / 1024 + MEMORY_SLACK_KIB,
                                       err);
    }
    return result;
}

static int connect_ports(struct build *build, struct err *err)
{
    struct hvcall *hv = build->ctx->hv;
    int result = evtchn_alloc_unbound(hv, build->domid, OWN_DOMID, &build->store_port, err);
    if (result == 0) {
        result = evtchn_alloc_unbound(hv, build->domid, OWN_DOMID, &build->console_port, err);
    }
    const struct {
        uint32_t index;
        uint64_t value;
    } params[] = {
        {HVM_PARAM_STORE_PFN, LAYOUT_STORE_ADDR / PAGE_BYTES},
        {HVM_PARAM_STORE_EVTCHN, build->store_port},
        {HVM_PARAM_CONSOLE_PFN, LAYOUT_CONSOLE_ADDR / PAGE_BYTES},
        {HVM_PARAM_CONSOLE_EVTCHN, build->console_port},
    };
    for (size_t i = 0; result == 0 && i < sizeof(params) / sizeof(params[0]); i++) {
        result = hvm_set_param(hv, build->domid, params[i].index, params[i].value, err);
    }
    return result;
}

static int write_kernel(struct build *build, struct guest_writer *writer, struct err *err)
{
    for (size_t i = 0; i < build->kernel.segment_count; i++) {
        const struct kernel_segment *segment = &build->kernel.segments[i];
        int result =
            guest_writer_copy(writer, segment->addr, build->elf.data + segment->file_offset,
                              segment->file_bytes, err);
        if (result == 0) {
            result = guest_writer_zero(writer, segment->addr + segment->file_bytes,
                                       segment->memory_bytes - segment->file_bytes, err);
        }
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

/* Tables and rings: pages whose content is ours from the first byte to the last. */
static int write_special(struct build *build, struct guest_writer *writer, struct err *err)
{
    _Static_assert(ACPI_BYTES_MAX <= PAGE_BYTES, "the ACPI tables have one page");
    uint8_t tables[ACPI_BYTES_MAX];
    acpi_write(build->config->vcpus, LAYOUT_ACPI_ADDR, tables);

    int result = guest_writer_copy(writer, LAYOUT_ACPI_ADDR, tables, sizeof(tables), err);
    if (result == 0) {
        result = guest_writer_copy(writer, build->layout.start_info_addr, build->start_info,
                                   sizeof(build->start_info), err);
    }
    if (result == 0) {
        result = guest_writer_zero(writer, LAYOUT_CONSOLE_ADDR, PAGE_BYTES, err);
    }
    if (result == 0) {
        result = guest_writer_zero(writer, LAYOUT_STORE_ADDR, PAGE_BYTES, err);
    }
    if (result == 0) {
        result = guest_writer_grant(writer, GNTTAB_RESERVED_CONSOLE, LAYOUT_CONSOLE_ADDR, err);
    }
    if (result == 0) {
        result = guest_writer_grant(writer, GNTTAB_RESERVED_XENSTORE, LAYOUT_STORE_ADDR, err);
    }
    return result;
}

static int write_memory(struct build *build, struct err *err)
{
    struct guest_writer *writer;
    int result = guest_writer_open(build->ctx, build->domid, &writer, err);
    if (result != 0) {
        return result;
    }
    result = write_kernel(build, writer, err);
    if (result == 0) {
        result = report(build, 70, "copying the initrd", err);
    }
    if (result == 0 && build->initrd.size_bytes != 0) {
        result = guest_writer_copy(writer, build->layout.initrd_addr, build->initrd.data,
                                   build->initrd.size_bytes, err);
    }
    if (result == 0) {
        result = write_special(build, writer, err);
    }
    guest_writer_close(writer);
    return result;
}

/* The nodes of guest-side interest; what a guest may write is its own, the rest it may read. */
static int write_store(struct build *build, struct err *err)
{
    const struct domain_config *config = build->config;
    struct store_batch *batch = store_batch_new(build->domid);
    char home[32];
    char vm[48];
    char path[64];

    snprintf(home, sizeof(home), "/local/domain/%u", build->domid);
    snprintf(vm, sizeof(vm), "/vm/%s", config->uuid);

    store_add(batch, STORE_GUEST_READS, vm, NULL, "%s", "");
    store_add(batch, STORE_INHERIT, vm, "name", "%s", config->name);
    store_add(batch, STORE_INHERIT, vm, "uuid", "%s", config->uuid);

    store_add(batch, STORE_GUEST_READS, home, NULL, "%s", "");
    store_add(batch, STORE_INHERIT, home, "vm", "%s", vm);
    store_add(batch, STORE_INHERIT, home, "name", "%s", config->name);
    store_add(batch, STORE_INHERIT, home, "domid", "%u", build->domid);
    store_add(batch, STORE_INHERIT, home, "memory/static-max", "%llu",
              (unsigned long long)(config->memory_bytes / 1024));
    store_add(batch, STORE_INHERIT, home, "memory/target", "%llu",
              (unsigned long long)(config->memory_bytes / 1024));
    for (uint32_t vcpu = 0; vcpu < config->vcpus; vcpu++) {
        snprintf(path, sizeof(path), "cpu/%u/availability", vcpu);
        store_add(batch, STORE_INHERIT, home, path, "online");
    }

    store_add(batch, STORE_GUEST_READS, home, "control", "%s", "");
    store_add(batch, STORE_INHERIT, home, "control/platform-feature-multiprocessor-suspend", "1");
    store_add(batch, STORE_INHERIT, home, "control/platform-feature-xs_reset_watches", "1");
    static const char *const guest_owned[] = {
        "control/shutdown",
        "control/sysrq",
        "control/feature-poweroff",
        "control/feature-reboot",
        "control/feature-suspend",
        "device/suspend/event-channel",
        "data",
        "drivers",
        "feature",
        "attr",
        "error",
    };
    store_add(batch, STORE_GUEST_READS, home, "device", "%s", "");
    for (size_t i = 0; i < sizeof(guest_owned) / sizeof(guest_owned[0]); i++) {
        store_add(batch, STORE_GUEST_OWNS, home, guest_owned[i], "%s", "");
    }

    store_add(batch, STORE_INHERIT, home, "store/ring-ref", "%llu",
              LAYOUT_STORE_ADDR / PAGE_BYTES);
    store_add(batch, STORE_INHERIT, home, "store/port", "%u", build->store_port);
    /* Not "xenconsoled": the console's reader is the agent (console.c). */
    store_add(batch, STORE_INHERIT, home, "console/type", "nether");
    store_add(batch, STORE_INHERIT, home, "console/output", "nether");
    store_add(batch, STORE_INHERIT, home, "console/limit", "%u", 1048576);
    store_add(batch, STORE_INHERIT, home, "console/ring-ref", "%llu",
              LAYOUT_CONSOLE_ADDR / PAGE_BYTES);
    store_add(batch, STORE_INHERIT, home, "console/port", "%u", build->console_port);
    store_add(batch, STORE_INHERIT, home, "console/tty", "%s", "");

    /* Xen's tools take a domain for one with a device model unless this says otherwise. */
    snprintf(path, sizeof(path), "/libxl/%u/type", build->domid);
    store_add(batch, STORE_INHERIT, path, NULL, "pvh");
    int result = store_commit(build->ctx, batch, err);
    store_batch_free(batch);
    return result;
}

/* The backends begin their part while we copy the kernel. */
static int start_devices(struct build *build, struct err *err)
{
    const struct domain_config *config = build->config;
    int result = 0;
    for (size_t i = 0; result == 0 && i < config->disk_count; i++) {
        result = vbd_start(build->ctx, build->domid, &config->disks[i], i, &build->vbds[i], err);
    }
    for (size_t i = 0; result == 0 && i < config->nic_count; i++) {
        result = vif_start(build->ctx, build->domid, &config->nics[i], i, &build->vifs[i], err);
    }
    return result;
}

static int finish_devices(struct build *build, struct err *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < build->config->nic_count; i++) {
        result = vif_finish(build->ctx, &build->vifs[i], err);
    }
    for (size_t i = 0; result == 0 && i < build->config->disk_count; i++) {
        result = vbd_finish(build->ctx, &build->vbds[i], err);
    }
    return result;
}

static void release_devices(struct build *build)
{
    for (size_t i = 0; i < DOMAIN_NICS_MAX; i++) {
        vif_release(&build->vifs[i]);
    }
    for (size_t i = 0; i < DOMAIN_DISKS_MAX; i++) {
        vbd_release(&build->vbds[i]);
    }
}

static int introduce(struct build *build, struct err *err)
{
    return store_introduce(build->ctx, build->domid, LAYOUT_STORE_ADDR / PAGE_BYTES,
                           build->store_port, err);
}

typedef int (*step_fn)(struct build *build, struct err *err);

static int populate(struct build *build, struct err *err)
{
    int result = guest_memory_populate(build->ctx, build->domid, &build->layout, err);
    if (result == 0) {
        result = memory_set_map(build->ctx->hv, build->domid, build->layout.ranges,
                                build->layout.range_count, err);
    }
    return result;
}

static int load_state(struct build *build, struct err *err)
{
    return vcpu_state_load(build->ctx->hv, build->domid, build->config->vcpus,
                           build->kernel.entry, build->layout.start_info_addr, err);
}

/* The steps after create(): the domain exists, and a failure destroys it. */
static int fill(struct build *build, struct err *err)
{
    static const struct {
        unsigned percent;
        const char *stage;
        step_fn step;
    } steps[] = {
        {20, "populating memory", populate},
        {30, "connecting the console and xenstore", connect_ports},
        {35, "writing xenstore nodes", write_store},
        {40, "starting devices", start_devices},
        {50, "copying the kernel", write_memory},
        {80, "setting the first vCPU", load_state},
        {82, "introducing it to xenstore", introduce},
        {85, "waiting for devices", finish_devices},
    };
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
        result = report(build, steps[i].percent, steps[i].stage, err);
        if (result == 0) {
            result = steps[i].step(build, err);
        }
    }
    return result == 0 ? report(build, 100, "built", err) : result;
}

int domain_build(struct domain_ctx *ctx, const struct domain_config *config, uint32_t *domid,
                 domain_progress_fn progress, void *opaque, struct err *err)
{
    struct build *build = calloc(1, sizeof(*build));
    if (build == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory to build a domain");
    }
    build->ctx = ctx;
    build->config = config;
    build->progress = progress;
    build->opaque = opaque;

    int result = report(build, 0, "unpacking the kernel", err);
    if (result == 0) {
        result = prepare(build, err);
    }
    if (result == 0) {
        result = report(build, 15, "creating the domain", err);
    }
    if (result == 0) {
        result = create(build, err);
        if (result == 0) {
            result = fill(build, err);
        }
        release_devices(build);
        if (result != 0 && build->domid != 0) {
            struct err undo = {0};
            if (domain_destroy(ctx, build->domid, &undo) != 0) {
                log_error("domain=%u: cannot undo its creation: %s", build->domid, undo.message);
            }
        }
    }
    if (result == 0) {
        *domid = build->domid;
    }
    mapped_file_close(&build->initrd);
    mapped_file_close(&build->elf);
    free(build);
    return result;
}
