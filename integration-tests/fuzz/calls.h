/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls as a table: how each operation's argument is laid out, so that what is made up at random
 * often looks right. Shared by the fuzzing guest (guests/fuzz) and the fuzzing program of dom0
 * (programs/fuzz_dom0.c), which differ in what an address, a frame or a domain may be.
 */
#pragma once

#include "random.h"

#define CALL_ARGS     5U
#define CALL_MAX_SIZE 2048U /* of an argument structure, or of a few in an array */

/*
 * A field of a structure, or an argument in a register, is a letter:
 *   d domid, 16 bit       v vCPU, 32 bit            p event channel, 32 bit    r grant reference, 32 bit
 *   g frame number        a pointer                 G address of a frame       t time, 64 bit
 *   h n i number of 16, 32, 64 bits                 b byte                     c small count, 32 bit
 *   m small, 64 bit         0 16 zero bits
 *   C count of the array (registers only)          s the structure (registers only)
 * and a decimal number before a letter repeats it. Structures are laid out with natural alignment.
 */
struct call {
    uint16_t number, op;      /* hypercall, and its operation */
    uint8_t op_arg;           /* the register with op, or OP_NONE, or OP_FIELD: first 32 bits of the structure */
    uint8_t weight;           /* how often, against the others; 0 for never */
    const char *args;         /* the other registers, in order */
    const char *fields;       /* of the structure, or NULL */
};

#define OP_NONE   255
#define OP_FIELD  254
#define OP_DOMCTL 253 /* as OP_FIELD, then the interface version and the domain */
#define OP_SYSCTL 252 /* as OP_FIELD, then the interface version */

/* What one side takes for each kind of field. */
struct call_source {
    struct random *random;
    uint64_t (*domid)(struct random *r);
    uint64_t (*frame)(struct random *r);
    uint64_t (*pointer)(struct random *r);
};

struct call_request {
    uint32_t number;
    uint64_t args[CALL_ARGS];
    uint32_t size;                    /* of structure; 0: none */
    uint8_t structure[CALL_MAX_SIZE]; /* to be put where args say */
    uint32_t structure_arg;           /* the register that has its address */
};

extern const struct call calls[];
extern const unsigned call_count;

/* Makes up a request; the caller puts the structure somewhere and its address into the register. The line of the
 * table that it is, or NULL if it is none. */
const struct call *call_make_up(const struct call_source *source, struct call_request *request);

/* A number as a boundary of something, or any. */
uint64_t call_number(struct random *r);
