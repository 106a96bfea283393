/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/ownership.h"

#include <string.h>

#include "util/log.h"
#include "xenstore/change.h"
#include "xenstore/record.h"

struct sweep {
    struct change *change;
    domid_t domid;
    int rc;
};

static bool names_domain(const struct node_content *content, domid_t domid)
{
    for (uint32_t i = 1; i < content->perm_count; i++) {
        if (content->perms[i].domid == domid) {
            return true;
        }
    }
    return false;
}

static int strip_perms(struct change *change, const char *path, const struct node_content *content,
                       domid_t domid)
{
    struct perm perms[PERMS_MAX];
    size_t count = 0;

    for (uint32_t i = 0; i < content->perm_count; i++) {
        if (i == 0 || content->perms[i].domid != domid) {
            perms[count++] = content->perms[i];
        }
    }
    return change_put(change, path, perms, count, content->value, content->value_size_bytes, false);
}

static bool sweep_node(const struct node *node, const char *path, void *context)
{
    struct sweep *sweep = context;

    if (node->content->perms[0].domid == sweep->domid) {
        /* Below a node that went already there is nothing left to remove. */
        sweep->rc = change_remove(sweep->change, path, true);
    } else if (names_domain(node->content, sweep->domid) &&
               tree_find(&sweep->change->work, path) != NULL) {
        sweep->rc = strip_perms(sweep->change, path, node->content, sweep->domid);
    }
    return sweep->rc == 0;
}

static void strip_special(struct store *store, struct special_node *special, domid_t domid)
{
    size_t count = 1;

    for (size_t i = 1; i < special->perm_count; i++) {
        if (special->perms[i].domid != domid) {
            special->perms[count++] = special->perms[i];
        }
    }
    if (count < special->perm_count) {
        special->perm_count = count;
        record_special_perms(store_records(store), special->name, special->perms, count);
    }
}

void ownership_forget(struct store *store, domid_t domid)
{
    struct change change;
    struct sweep sweep = {.change = &change, .domid = domid};

    for (size_t i = 0; i < SPECIAL_COUNT; i++) {
        strip_special(store, &store->specials[i], domid);
    }
    if (change_begin(&change, store, NULL, NULL) != 0) {
        log_error("d%u: out of memory, its nodes stay", domid);
        return;
    }
    tree_walk(store->tree.root, "/", sweep_node, &sweep);
    if (sweep.rc != 0) {
        log_error("d%u: %s, its nodes stay", domid, strerror(sweep.rc));
        change_abort(&change);
        return;
    }
    if (change_commit(&change) == 0) {
        change_announce(&change);
    }
}
