/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one unprivileged domain may use of the store, so that none can exhaust it. Privileged
 * connections (domain 0's ring, the socket) have no such limits; what bounds them is named apart.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct quota {
    uint32_t nodes;                  /* owned by the domain */
    uint32_t node_bytes;             /* names and values of these together */
    uint32_t watches;                /* registered at a time */
    uint32_t transactions;           /* open at a time */
    uint32_t value_size_bytes;       /* of one node */
    uint32_t perms;                  /* entries of one node's list */
    uint32_t transaction_nodes;      /* different paths used in one transaction */
    uint32_t transaction_path_bytes; /* all these paths together */
    uint32_t pause_output_bytes;     /* unread output beyond which its requests wait */
    uint32_t max_output_bytes;       /* unread output beyond which further events are dropped */
};

/* A privileged client that leaves this much unread is disconnected. */
#define QUOTA_PRIVILEGED_OUTPUT_BYTES (16u << 20)

/** The defaults. */
void quota_init(struct quota *quota);

/**
 * The limit with this name ("nodes", "watches", ...), to read or set it.
 * @return NULL for an unknown name
 */
uint32_t *quota_by_name(struct quota *quota, const char *name);

/** Name of the i-th limit, NULL after the last. */
const char *quota_name(size_t i);
