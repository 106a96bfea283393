/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore/record.h"

static struct tree *target_tree(const struct change *change)
{
    return change->transaction != NULL ? &change->transaction->tree : &change->store->tree;
}

int change_begin(struct change *change, struct store *store, struct connection *connection,
                 struct transaction *transaction)
{
    *change = (struct change){.store = store, .connection = connection, .transaction = transaction};
    return tree_snapshot(&change->work, target_tree(change));
}

void change_abort(struct change *change)
{
    tree_destroy(&change->work);
    for (size_t i = 0; i < change->step_count; i++) {
        free(change->steps[i].path);
    }
    free(change->steps);
}

static int add_step(struct change *change, const char *path, unsigned int how)
{
    if (change->step_count == change->step_capacity) {
        size_t capacity = change->step_capacity == 0 ? 8 : change->step_capacity * 2;
        struct change_step *steps = realloc(change->steps, capacity * sizeof(*steps));

        if (steps == NULL) {
            return ENOMEM;
        }
        change->steps = steps;
        change->step_capacity = capacity;
    }
    change->steps[change->step_count].how = how;
    change->steps[change->step_count].path = strdup(path);
    if (change->steps[change->step_count].path == NULL) {
        return ENOMEM;
    }
    change->step_count++;
    return 0;
}

int change_put(struct change *change, const char *path, const struct perm *perms, size_t perm_count,
               const void *value, size_t value_size_bytes, bool has_event)
{
    int rc = add_step(change, path, TOUCH_WRITTEN | (has_event ? TOUCH_EVENT : 0));

    if (rc != 0) {
        return rc;
    }
    return tree_put(&change->work, path, perms, perm_count, value, value_size_bytes);
}

int change_remove(struct change *change, const char *path, bool has_event)
{
    int rc;

    if (tree_find(&change->work, path) == NULL) {
        return 0;
    }
    rc = add_step(change, path, TOUCH_REMOVED | (has_event ? TOUCH_EVENT : 0));
    if (rc != 0) {
        return rc;
    }
    return tree_remove(&change->work, path);
}

/* Growing beyond a quota is refused; being beyond it already (it was lowered) is not. Bytes count for whoever
 * owns the node, as it may have let another write to it. */
static int check_quotas(const struct change *change)
{
    const struct connection *connection = change->connection;
    const struct tree *before = target_tree(change);
    uint32_t owned;

    if (connection == NULL || connection->is_privileged) {
        return 0;
    }
    owned = tree_nodes_owned(&change->work, connection->domid);
    if (owned > connection->store->quota.nodes &&
        owned > tree_nodes_owned(before, connection->domid)) {
        return ENOSPC;
    }
    for (size_t i = 0; i < change->work.owner_count; i++) {
        const struct owner_count *owner = &change->work.owners[i];

        if (owner->domid != 0 && owner->byte_count > connection->store->quota.node_bytes &&
            owner->byte_count > tree_bytes_owned(before, owner->domid)) {
            return ENOSPC;
        }
    }
    return 0;
}

static int touch_steps(struct change *change)
{
    for (size_t i = 0; i < change->step_count; i++) {
        const struct change_step *step = &change->steps[i];
        int rc = transaction_touch(change->transaction, step->path, step->how,
                                   connection_quota(change->connection));

        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static void record_steps(const struct change *change)
{
    struct bytes_writer *out = store_records(change->store);

    for (size_t i = 0; i < change->step_count; i++) {
        const struct change_step *step = &change->steps[i];
        const struct node *node = tree_find(target_tree(change), step->path);

        if (change->transaction != NULL) {
            domid_t domid = change->connection->domid;
            uint32_t id = change->transaction->id;

            if ((step->how & TOUCH_REMOVED) != 0) {
                record_transaction_remove(out, domid, id, step->path);
            } else if (node != NULL) {
                record_transaction_put(out, domid, id, step->path, node->content);
            }
        } else if ((step->how & TOUCH_REMOVED) != 0) {
            record_remove(out, step->path);
        } else if (node != NULL) {
            record_put(out, step->path, node->content);
        }
    }
}

int change_commit(struct change *change)
{
    struct tree *tree = target_tree(change);
    struct tree before;
    int rc = check_quotas(change);

    if (rc == 0 && change->transaction != NULL) {
        rc = touch_steps(change);
    }
    if (rc != 0) {
        change_abort(change);
        return rc;
    }
    before = *tree;
    *tree = change->work;
    change->work = before;
    if (change->transaction == NULL || change->connection->is_lasting) {
        record_steps(change);
    }
    return 0;
}

void change_announce(struct change *change)
{
    if (change->transaction == NULL) {
        for (size_t i = 0; i < change->step_count; i++) {
            const struct change_step *step = &change->steps[i];

            if ((step->how & TOUCH_EVENT) != 0) {
                watch_fire(change->store, &change->work, &change->store->tree, step->path,
                           (step->how & TOUCH_REMOVED) != 0);
            }
        }
    }
    change_abort(change);
}
