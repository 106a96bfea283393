/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transaction works on its own snapshot of the tree and remembers which paths it used and how. At
 * its end, if anything it used has changed in the store meanwhile, it fails with EAGAIN and the
 * client tries again; otherwise what it wrote is carried over.
 *
 *   transaction_start() -> OPEN -> transaction_conflicts()? -> transaction_apply() ->
 * transaction_free()
 *                            \---------------- abort, or the client goes ----------------^
 *
 * A transaction that was open when the daemon was killed comes back doomed: its snapshot is of a
 * later time, so its reads may not be repeatable, and its end is always EAGAIN.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "xenstore/quota.h"
#include "xenstore/tree.h"

enum touch {
    TOUCH_NODE = 1,     /* read or checked: existence, value, permissions */
    TOUCH_CHILDREN = 2, /* listed */
    TOUCH_WRITTEN = 4,  /* created or changed */
    TOUCH_REMOVED = 8,  /* removed with all below it (may be written again afterwards) */
    TOUCH_EVENT = 16,   /* watches fire for it after the commit */
};

struct touched_path {
    unsigned int how; /* bits of enum touch */
    char *path;
};

struct transaction {
    TAILQ_ENTRY(transaction) link; /* of its connection */
    uint32_t id;
    bool is_doomed;
    struct tree base;             /* as it was at the start */
    struct tree tree;             /* with the transaction's own changes */
    struct touched_path *touched; /* in the order of first use */
    size_t touched_count;
    size_t touched_capacity;
    uint32_t *index; /* open hash table over touched: position + 1, 0 is free */
    size_t index_size;
    size_t path_bytes;
};

TAILQ_HEAD(transaction_list, transaction);

/** Start on a snapshot of the store's tree. NULL: out of memory. */
struct transaction *transaction_start(const struct tree *store_tree, uint32_t id);

/** Free it, whatever its state. It must not be in a list any more. */
void transaction_free(struct transaction *transaction);

/**
 * Remember that a path was used.
 * @param quota  limits to keep, or NULL for a privileged client
 * @return 0, ENOSPC (quota) or ENOMEM
 */
int transaction_touch(struct transaction *transaction, const char *path, unsigned int how,
                      const struct quota *quota);

/** True if it changed anything. */
bool transaction_has_written(const struct transaction *transaction);

/** True if anything it used is different in the store's tree now. */
bool transaction_conflicts(const struct transaction *transaction, const struct tree *store_tree);

/* Where transaction_apply() carries its changes. Each returns 0 or an errno value; remove takes a
 * path that may not exist (any more) for success. */
struct transaction_sink {
    int (*put)(void *context, const char *path, const struct node_content *content);
    int (*remove)(void *context, const char *path);
    void *context;
};

/**
 * Carry over what was written to a tree that does not conflict: removals first, then nodes, parents
 * before children.
 * @return 0 or the first error of the sink, or ENOMEM
 */
int transaction_apply(const struct transaction *transaction, const struct transaction_sink *sink);
