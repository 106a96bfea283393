/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/transaction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct transaction *transaction_start(const struct tree *store_tree, uint32_t id)
{
    struct transaction *transaction = calloc(1, sizeof(*transaction));

    if (transaction == NULL) {
        return NULL;
    }
    transaction->id = id;
    if (tree_snapshot(&transaction->base, store_tree) != 0 ||
        tree_snapshot(&transaction->tree, store_tree) != 0) {
        transaction_free(transaction);
        return NULL;
    }
    return transaction;
}

void transaction_free(struct transaction *transaction)
{
    tree_destroy(&transaction->base);
    tree_destroy(&transaction->tree);
    for (size_t i = 0; i < transaction->touched_count; i++) {
        free(transaction->touched[i].path);
    }
    free(transaction->touched);
    free(transaction->index);
    free(transaction);
}

static size_t hash_path(const char *path)
{
    uint64_t hash = 14695981039346656037u;

    for (; *path != '\0'; path++) {
        hash = (hash ^ (unsigned char)*path) * 1099511628211u;
    }
    return (size_t)hash;
}

/* The slot in the index that holds the path, or the free one where it belongs. */
static uint32_t *find_slot(const struct transaction *transaction, const char *path)
{
    size_t at = hash_path(path) & (transaction->index_size - 1);

    while (transaction->index[at] != 0 &&
           strcmp(transaction->touched[transaction->index[at] - 1].path, path) != 0) {
        at = (at + 1) & (transaction->index_size - 1);
    }
    return &transaction->index[at];
}

/* Room for one more entry, with the index at most half full. */
static int grow(struct transaction *transaction)
{
    size_t capacity = transaction->touched_capacity == 0 ? 16 : transaction->touched_capacity * 2;
    struct touched_path *touched;
    uint32_t *index;

    if (transaction->touched_count < transaction->touched_capacity) {
        return 0;
    }
    touched = realloc(transaction->touched, capacity * sizeof(*touched));
    if (touched == NULL) {
        return ENOMEM;
    }
    transaction->touched = touched;
    index = calloc(capacity * 2, sizeof(*index));
    if (index == NULL) {
        return ENOMEM;
    }
    free(transaction->index);
    transaction->index = index;
    transaction->index_size = capacity * 2;
    transaction->touched_capacity = capacity;
    for (size_t i = 0; i < transaction->touched_count; i++) {
        *find_slot(transaction, touched[i].path) = (uint32_t)i + 1;
    }
    return 0;
}

int transaction_touch(struct transaction *transaction, const char *path, unsigned int how,
                      const struct quota *quota)
{
    size_t length = strlen(path);
    uint32_t *slot;
    char *copy;

    if (transaction->index_size > 0) {
        slot = find_slot(transaction, path);
        if (*slot != 0) {
            transaction->touched[*slot - 1].how |= how;
            return 0;
        }
    }
    if (quota != NULL && (transaction->touched_count >= quota->transaction_nodes ||
                          transaction->path_bytes + length > quota->transaction_path_bytes)) {
        return ENOSPC;
    }
    copy = strdup(path);
    if (copy == NULL || grow(transaction) != 0) {
        free(copy);
        return ENOMEM;
    }
    slot = find_slot(transaction, path);
    transaction->touched[transaction->touched_count] =
        (struct touched_path){.how = how, .path = copy};
    transaction->touched_count++;
    transaction->path_bytes += length;
    *slot = (uint32_t)transaction->touched_count;
    return 0;
}

bool transaction_has_written(const struct transaction *transaction)
{
    for (size_t i = 0; i < transaction->touched_count; i++) {
        if ((transaction->touched[i].how & (TOUCH_WRITTEN | TOUCH_REMOVED)) != 0) {
            return true;
        }
    }
    return false;
}

static bool has_changed(const struct touched_path *touched, const struct node *before,
                        const struct node *now)
{
    if (before == now) {
        return false;
    }
    if (before == NULL || now == NULL || (touched->how & TOUCH_REMOVED) != 0) {
        return true;
    }
    if (before->content != now->content) {
        return true;
    }
    return (touched->how & TOUCH_CHILDREN) != 0 &&
           before->children_generation != now->children_generation;
}

bool transaction_conflicts(const struct transaction *transaction, const struct tree *store_tree)
{
    if (transaction->is_doomed) {
        return true;
    }
    if (transaction->base.root == store_tree->root) {
        return false;
    }
    for (size_t i = 0; i < transaction->touched_count; i++) {
        const struct touched_path *touched = &transaction->touched[i];

        if (has_changed(touched, tree_find(&transaction->base, touched->path),
                        tree_find(store_tree, touched->path))) {
            return true;
        }
    }
    return false;
}

static int apply_removals(const struct transaction *transaction,
                          const struct transaction_sink *sink)
{
    for (size_t i = 0; i < transaction->touched_count; i++) {
        const struct touched_path *touched = &transaction->touched[i];
        int rc;

        if ((touched->how & TOUCH_REMOVED) == 0) {
            continue;
        }
        rc = sink->remove(sink->context, touched->path);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int compare_paths(const void *a, const void *b)
{
    const struct touched_path *const *left = a;
    const struct touched_path *const *right = b;

    return strcmp((*left)->path, (*right)->path);
}

int transaction_apply(const struct transaction *transaction, const struct transaction_sink *sink)
{
    const struct touched_path **written;
    size_t count = 0;
    int rc = apply_removals(transaction, sink);

    if (rc != 0 || transaction->touched_count == 0) {
        return rc;
    }
    written = malloc(transaction->touched_count * sizeof(*written));
    if (written == NULL) {
        return ENOMEM;
    }
    for (size_t i = 0; i < transaction->touched_count; i++) {
        if ((transaction->touched[i].how & TOUCH_WRITTEN) != 0) {
            written[count++] = &transaction->touched[i];
        }
    }
    /* A parent's path is a prefix of its children's, so it comes first. */
    qsort(written, count, sizeof(*written), compare_paths);
    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct node *node = tree_find(&transaction->tree, written[i]->path);

        if (node != NULL) {
            rc = sink->put(sink->context, written[i]->path, node->content);
        }
    }
    free(written);
    return rc;
}
