/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host as the hypervisor describes it: CPUs, memory, version, its message ring.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/util/err.h"

struct domain_ctx;

struct host_info {
    uint32_t cpus; /* logical CPUs online */
    uint32_t cores_per_socket;
    uint32_t threads_per_core;
    uint32_t nodes;
    uint32_t cpu_khz;
    uint64_t memory_bytes;      /* all of it */
    uint64_t free_memory_bytes; /* what a new domain could have */
    uint32_t version_major;     /* of the hypervisor's ABI */
    uint32_t version_minor;
    char version_extra[32]; /* the hypervisor's name for itself, ".nether" or Xen's "-17" style */
    char capabilities[1025];
};

int host_read_info(struct domain_ctx *ctx, struct host_info *info, struct err *err);

/*
 * The hypervisor's message ring as text, oldest first, NUL-terminated; the caller frees *text.
 * length counts bytes without the NUL.
 */
int host_read_log(struct domain_ctx *ctx, char **text, size_t *length, struct err *err);

/* Nanoseconds each CPU has been idle since start. The caller frees *idle_ns. */
int host_read_cpu_idle(struct domain_ctx *ctx, uint64_t **idle_ns, size_t *count, struct err *err);
