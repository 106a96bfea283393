/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of the store. Nodes never change once they are in a tree: a change copies the nodes from
 * the root down to the place and shares everything else. So a snapshot costs one reference, which
 * is what gives transactions their isolation, and "did this change since?" is a comparison of two
 * pointers. The tree also counts how many nodes each domain owns, and their bytes, for the quotas.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xenstore/perms.h"

/* Name, value and permissions of a node; shared by every copy of the node that has not changed. */
struct node_content {
    uint32_t reference_count;
    uint32_t value_size_bytes;
    uint32_t perm_count; /* at least 1 */
    const struct perm *perms;
    const char *value; /* not zero-terminated */
    char name[];       /* last component of the path, "" for the root */
};

struct node {
    uint32_t reference_count;
    uint32_t child_count;
    uint64_t children_generation; /* new number whenever a child comes or goes */
    struct node_content *content;
    struct node *children[]; /* by name */
};

struct owner_count {
    domid_t domid;
    uint32_t node_count;
    size_t byte_count; /* names and values of these nodes */
};

struct tree {
    struct node *root;          /* reference held; never NULL */
    struct owner_count *owners; /* by domid, only counts above zero */
    size_t owner_count;
};

/** A tree with only a root, owned by domain 0 and closed to others. 0 or ENOMEM. */
int tree_init(struct tree *tree);

/** Free a tree; nodes shared with other trees live on. */
void tree_destroy(struct tree *tree);

/** Make copy the same tree as it is now. 0 or ENOMEM (copy is then untouched). */
int tree_snapshot(struct tree *copy, const struct tree *tree);

/** The node at a canonical path, or NULL. Valid until the tree changes. */
const struct node *tree_find(const struct tree *tree, const char *path);

/** The child with this name, or NULL. */
const struct node *tree_child(const struct node *node, const char *name, size_t name_length);

/**
 * Create the node at path, or replace its value and permissions; children stay.
 * @return 0, ENOENT (its parent does not exist) or ENOMEM; on error the tree is as before
 */
int tree_put(struct tree *tree, const char *path, const struct perm *perms, size_t perm_count,
             const void *value, size_t value_size_bytes);

/**
 * Remove the node at path with everything below it.
 * @return 0, ENOENT, EINVAL (the root) or ENOMEM; on error the tree is as before
 */
int tree_remove(struct tree *tree, const char *path);

/** How many nodes a domain owns. */
uint32_t tree_nodes_owned(const struct tree *tree, domid_t domid);

/** How many bytes the names and values of these nodes have. */
size_t tree_bytes_owned(const struct tree *tree, domid_t domid);

/** How many nodes there are. */
size_t tree_node_count(const struct tree *tree);

/**
 * Call visit for node and all below it, parents first, children by name.
 * @param path  canonical path of node; visit gets that of each visited node
 * @return false as soon as visit returns false, else true
 */
bool tree_walk(const struct node *node, const char *path,
               bool (*visit)(const struct node *node, const char *path, void *context),
               void *context);

/** Generations given from now on are above floor (so that a restart never repeats one). */
void tree_set_generation_floor(uint64_t floor);
