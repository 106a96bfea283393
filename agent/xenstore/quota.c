/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/quota.h"

#include <string.h>

static const struct {
    const char *name;
    size_t offset;
    uint32_t initial;
} limits[] = {
    {"nodes", offsetof(struct quota, nodes), 1000},
    {"node-bytes", offsetof(struct quota, node_bytes), 512 << 10},
    {"watches", offsetof(struct quota, watches), 128},
    {"transactions", offsetof(struct quota, transactions), 10},
    {"value-size", offsetof(struct quota, value_size_bytes), 2048},
    {"perms", offsetof(struct quota, perms), 5},
    {"transaction-nodes", offsetof(struct quota, transaction_nodes), 1024},
    {"transaction-path-bytes", offsetof(struct quota, transaction_path_bytes), 128 << 10},
    {"pause-output", offsetof(struct quota, pause_output_bytes), 64 << 10},
    {"max-output", offsetof(struct quota, max_output_bytes), 4 << 20},
};

#define LIMIT_COUNT (sizeof(limits) / sizeof(limits[0]))

static uint32_t *limit_at(struct quota *quota, size_t i)
{
    return (uint32_t *)(void *)((char *)quota + limits[i].offset);
}

void quota_init(struct quota *quota)
{
    for (size_t i = 0; i < LIMIT_COUNT; i++) {
        *limit_at(quota, i) = limits[i].initial;
    }
}

uint32_t *quota_by_name(struct quota *quota, const char *name)
{
    for (size_t i = 0; i < LIMIT_COUNT; i++) {
        if (strcmp(limits[i].name, name) == 0) {
            return limit_at(quota, i);
        }
    }
    return NULL;
}

const char *quota_name(size_t i)
{
    return i < LIMIT_COUNT ? limits[i].name : NULL;
}
