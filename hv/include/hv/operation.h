/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The families of hypercalls whose operations have one argument, a structure: a table says of each how large
 * the structure is, who may call, which domain it names, and whether it gives something back.
 */
#pragma once

#include <hv/types.h>

struct domain;
struct vcpu;

enum operation_flags {
    OP_GIVES = 1u << 0,      /* the argument is copied out when the operation has returned 0 */
    OP_TELLS = 1u << 1,      /* ... or something else than 0 */
    OP_PRIVILEGED = 1u << 2, /* -XEN_EPERM for others than the toolstack */
};

struct operation {
    /* arg is our copy, as a 64-bit caller has it; d is the domain that it names, else the caller's own. */
    long (*run)(struct vcpu *v, struct domain *d, unsigned cmd, void *arg);
    uint8_t size;       /* of the argument; 0: none is read */
    uint8_t flags;      /* enum operation_flags */
    uint8_t domid_at;   /* offset + 1 of the domid, which domain_get_for() judges; 0: there is none */
    const char *layout; /* for 32-bit callers (hv/guest_struct.h) */
};

/* A line of a table; of an operation on the domain that a member names; with a layout. */
#define OP(function, type, op_flags) .run = (function), .size = sizeof(struct type), .flags = (op_flags)
#define OP_ON(function, type, member, op_flags)                                                    \
    OP(function, type, op_flags), .domid_at = offsetof(struct type, member) + 1

#define OPERATION_MAX_SIZE 40U

/* The table's line for number n; NULL beyond its end. */
#define OPERATION(table, n) ((n) < ARRAY_SIZE(table) ? &(table)[index_nospec(n, ARRAY_SIZE(table))] : NULL)

/* Runs an operation with the argument at arg. -XEN_ENOSYS for NULL and for a line without a function,
 * -XEN_EFAULT, -XEN_EPERM, -XEN_ESRCH, else what the operation returned. */
long operation_run(struct vcpu *v, const struct operation *op, unsigned cmd, uint64_t arg);
