/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's figures and the hypervisor's messages.
 */
#include "agent/domain/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/domain/ctx.h"
#include "agent/domain/layout.h"
#include "agent/hvcall/sysctl.h"

#define LOG_BYTES_FIRST (32u << 10)
#define LOG_BYTES_MAX   (16u << 20)
#define CPUS_MAX        4096

int host_read_info(struct domain_ctx *ctx, struct host_info *info, struct err *err)
{
    struct sysctl_physinfo host;
    uint32_t version = 0;
    char extra[17] = "";

    *info = (struct host_info){0};
    int result = sysctl_physinfo(ctx->hv, &host, err);
    if (result == 0) {
        result = sysctl_version(ctx->hv, &version, err);
    }
    if (result == 0) {
        result = sysctl_version_extra(ctx->hv, extra, err);
    }
    if (result != 0) {
        return result;
    }
    info->cpus = host.cpus;
    info->cores_per_socket = host.cores_per_socket;
    info->threads_per_core = host.threads_per_core;
    info->nodes = host.nodes;
    info->cpu_khz = host.cpu_khz;
    info->memory_bytes = host.pages * PAGE_BYTES;
    info->free_memory_bytes = (host.free_pages + host.scrub_pages) * PAGE_BYTES;
    info->version_major = version >> 16;
    info->version_minor = version & 0xffff;
    snprintf(info->version_extra, sizeof(info->version_extra), "%s", extra);

    char capabilities[1025];
    if (sysctl_capabilities(ctx->hv, capabilities, NULL) == 0) {
        snprintf(info->capabilities, sizeof(info->capabilities), "%s", capabilities);
    }
    return 0;
}

int host_read_log(struct domain_ctx *ctx, char **text, size_t *length, struct err *err)
{
    /* The ring's size is not told: a full answer means that there may be more. */
    for (size_t size = LOG_BYTES_FIRST;; size *= 2) {
        char *buffer = malloc(size + 1);
        if (buffer == NULL) {
            return err_set(err, ERR_NO_MEMORY, "no memory for the hypervisor's messages");
        }
        size_t got = 0;
        int result = sysctl_read_console(ctx->hv, buffer, size, &got, err);
        if (result != 0) {
            free(buffer);
            return result;
        }
        if (got < size || size >= LOG_BYTES_MAX) {
            buffer[got] = '\0';
            *text = buffer;
            *length = got;
            return 0;
        }
        free(buffer);
    }
}

int host_read_cpu_idle(struct domain_ctx *ctx, uint64_t **idle_ns, size_t *count, struct err *err)
{
    struct sysctl_physinfo host;
    int result = sysctl_physinfo(ctx->hv, &host, err);
    if (result != 0) {
        return result;
    }
    size_t capacity = (size_t)host.cpu_id_max + 1;
    if (capacity > CPUS_MAX) {
        capacity = CPUS_MAX;
    }
    uint64_t *list = calloc(capacity, sizeof(*list));
    if (list == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for the CPUs' idle times");
    }
    result = sysctl_cpu_idle(ctx->hv, list, capacity, count, err);
    if (result != 0) {
        free(list);
        return result;
    }
    *idle_ns = list;
    return 0;
}
