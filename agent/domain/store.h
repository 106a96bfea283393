/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading xenstore the way a toolstack needs it: many nodes in one transaction, with
 * permissions, repeated when somebody else was faster; and waiting for a node. All of it goes on when the
 * daemon is started again meanwhile (store_link.h); ERR_UNAVAILABLE when it does not come back.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/err.h"

struct domain_ctx;

/* Who may do what with a node. Everybody not named here may do nothing; dom0 may do everything. */
enum store_access {
    STORE_GUEST_READS,  /* ours, the guest may read it */
    STORE_GUEST_OWNS,   /* the guest's, we may read it */
    STORE_INHERIT,      /* as its parent */
};

/* Nodes to be written together. Bounded; a node too many or too long shows in store_commit(). */
struct store_batch;

struct store_batch *store_batch_new(uint32_t guest_domid); /* NULL: no memory */
void store_batch_free(struct store_batch *batch);

/**
 * Adds one node: path is "directory/name" built from directory and name (name may be NULL), value is
 * formatted. A NULL batch is ignored, so that a caller checks for memory once, at the commit.
 */
void store_add(struct store_batch *batch, enum store_access access, const char *directory,
               const char *name, const char *value_format, ...)
    __attribute__((format(printf, 5, 6)));

/** Writes all of batch in one transaction. */
int store_commit(struct domain_ctx *ctx, struct store_batch *batch, struct err *err);

/** Reads a node as text into out. ERR_NOT_FOUND, ERR_INTERNAL (too long). */
int store_read(struct domain_ctx *ctx, const char *path, char *out, size_t size_bytes,
               struct err *err);

int store_write(struct domain_ctx *ctx, const char *path, const char *value, struct err *err);

/** Removes a node and all below it; that it is not there is no error. */
int store_remove(struct domain_ctx *ctx, const char *path, struct err *err);

/** Names below path; free with free(). NULL and *count 0 when there is no such node. */
int store_list(struct domain_ctx *ctx, const char *path, char ***names, unsigned int *count,
               struct err *err);

/** Tells xenstore of a domain's ring; again for one it knows starts the ring over. */
int store_introduce(struct domain_ctx *ctx, uint32_t domid, uint64_t gfn, uint32_t port,
                    struct err *err);

/** Makes xenstore let go of a domain. It finds out by itself too, when the domain is gone. */
void store_release(struct domain_ctx *ctx, uint32_t domid);

/**
 * Waits until is_reached(value, opaque) is true; value is NULL while the node is absent.
 * ERR_TIMEOUT after timeout_ms.
 */
typedef bool (*store_condition_fn)(const char *value, void *opaque);
int store_wait(struct domain_ctx *ctx, const char *path, store_condition_fn is_reached,
               void *opaque, int timeout_ms, struct err *err);
