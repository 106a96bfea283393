/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One change of the store, whole or not at all: it works on a copy of the tree (of the store, or of
 * a transaction), which takes the original's place when everything held; then the change is
 * recorded and, if it was of the store, told to those who watch.
 *
 *   change_begin() -> change_put(), change_remove() ... -> change_commit() -> change_announce()
 *                                      \-> change_abort()
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "xenstore/connection.h"
#include "xenstore/store.h"
#include "xenstore/transaction.h"

struct change_step {
    char *path;
    unsigned int how; /* TOUCH_WRITTEN or TOUCH_REMOVED, and perhaps TOUCH_EVENT */
};

struct change {
    struct store *store;
    struct connection *connection;   /* who changes; NULL: the daemon itself */
    struct transaction *transaction; /* NULL: the store itself */
    struct tree work;                /* after the commit: the tree before the change */
    struct change_step *steps;
    size_t step_count;
    size_t step_capacity;
};

/** Start. 0 or ENOMEM; on error there is nothing to abort. */
int change_begin(struct change *change, struct store *store, struct connection *connection,
                 struct transaction *transaction);

/**
 * Create or replace one node; its parent must exist.
 * @param has_event  whether watches fire for this path
 * @return 0 or an errno value; then abort
 */
int change_put(struct change *change, const char *path, const struct perm *perms, size_t perm_count,
               const void *value, size_t value_size_bytes, bool has_event);

/** Remove a node with all below it, if it exists. 0 or an errno value; then abort. */
int change_remove(struct change *change, const char *path, bool has_event);

/**
 * Make it so. 0; or ENOSPC (a quota of the one who changes) or ENOMEM, and the change is aborted.
 * After success, change_announce() must follow.
 */
int change_commit(struct change *change);

/** Fire the watches and free the change. */
void change_announce(struct change *change);

/** Forget it all. */
void change_abort(struct change *change);
