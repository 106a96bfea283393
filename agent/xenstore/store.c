/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/store.h"

#include <string.h>

#include "xenstore/path.h"

int store_put_initial_nodes(struct store *store)
{
    static const struct perm perm = {.domid = 0, .access = PERM_NONE};
    static const char *const paths[] = {"/tool", "/tool/xenstored"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int rc = tree_put(&store->tree, paths[i], &perm, 1, NULL, 0);

        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

int store_init(struct store *store)
{
    static const char *const names[SPECIAL_COUNT] = {PATH_INTRODUCE_DOMAIN, PATH_RELEASE_DOMAIN};
    int rc;

    memset(store, 0, sizeof(*store));
    journal_init(&store->journal);
    quota_init(&store->quota);
    watch_table_init(&store->watches);
    TAILQ_INIT(&store->connections);
    TAILQ_INIT(&store->unflushed);
    TAILQ_INIT(&store->domains);
    TAILQ_INIT(&store->ready);
    store->next_transaction_id = 1;
    for (size_t i = 0; i < SPECIAL_COUNT; i++) {
        store->specials[i].name = names[i];
        store->specials[i].perms[0] = (struct perm){.domid = 0, .access = PERM_NONE};
        store->specials[i].perm_count = 1;
    }
    rc = tree_init(&store->tree);
    return rc;
}

void store_destroy(struct store *store)
{
    tree_destroy(&store->tree);
    journal_close(&store->journal);
}

struct special_node *store_special(struct store *store, const char *name)
{
    for (size_t i = 0; i < SPECIAL_COUNT; i++) {
        if (strcmp(store->specials[i].name, name) == 0) {
            return &store->specials[i];
        }
    }
    return NULL;
}

struct bytes_writer *store_records(struct store *store)
{
    return &store->journal.batch;
}
