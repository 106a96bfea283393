/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore/connection.h"
#include "xenstore/path.h"
#include "xenstore/store.h"

void watch_table_init(struct watch_table *table)
{
    for (size_t i = 0; i < WATCH_BUCKETS; i++) {
        LIST_INIT(&table->buckets[i]);
    }
}

static size_t bucket_of(const char *path, size_t length)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (unsigned char)path[i]) * 16777619u;
    }
    return (hash ^ (hash >> 15)) % WATCH_BUCKETS;
}

/* The path a client means by raw_path; *relative_offset as in struct watch. */
static int resolve(const struct connection *connection, const char *raw_path,
                   char path[PATH_BUFFER_SIZE], size_t *relative_offset)
{
    int rc;

    *relative_offset = 0;
    if (path_is_special(raw_path)) {
        strcpy(path, raw_path);
        return 0;
    }
    rc = path_canonicalize(raw_path, connection->domid, path);
    if (rc == 0) {
        *relative_offset = strlen(path) - strlen(raw_path);
    }
    return rc;
}

static struct watch *find(const struct connection *connection, const char *path, const char *token,
                          size_t relative_offset)
{
    struct watch *watch;

    TAILQ_FOREACH(watch, &connection->watches, of_connection)
    {
        if (watch->relative_offset == relative_offset && strcmp(watch->path, path) == 0 &&
            strcmp(watch->token, token) == 0) {
            return watch;
        }
    }
    return NULL;
}

static void watch_free(struct watch *watch)
{
    free(watch->path);
    free(watch->token);
    free(watch);
}

int watch_add(struct store *store, struct connection *connection, const char *raw_path,
              const char *token, struct watch **added)
{
    char path[PATH_BUFFER_SIZE];
    size_t relative_offset;
    struct watch *watch;
    int rc = resolve(connection, raw_path, path, &relative_offset);

    if (rc != 0) {
        return rc;
    }
    if (strlen(token) > WATCH_TOKEN_MAX) {
        return EINVAL;
    }
    if (find(connection, path, token, relative_offset) != NULL) {
        return EEXIST;
    }
    watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return ENOMEM;
    }
    watch->connection = connection;
    watch->relative_offset = relative_offset;
    watch->path = strdup(path);
    watch->token = strdup(token);
    if (watch->path == NULL || watch->token == NULL) {
        watch_free(watch);
        return ENOMEM;
    }
    LIST_INSERT_HEAD(&store->watches.buckets[bucket_of(path, strlen(path))], watch, by_path);
    TAILQ_INSERT_TAIL(&connection->watches, watch, of_connection);
    connection->watch_count++;
    *added = watch;
    return 0;
}

static void detach(struct watch *watch)
{
    LIST_REMOVE(watch, by_path);
    TAILQ_REMOVE(&watch->connection->watches, watch, of_connection);
    watch->connection->watch_count--;
    watch_free(watch);
}

int watch_remove(struct store *store, struct connection *connection, const char *raw_path,
                 const char *token)
{
    char path[PATH_BUFFER_SIZE];
    size_t relative_offset;
    struct watch *watch;
    int rc = resolve(connection, raw_path, path, &relative_offset);

    (void)store;
    if (rc != 0) {
        return rc;
    }
    watch = find(connection, path, token, relative_offset);
    if (watch == NULL) {
        return ENOENT;
    }
    detach(watch);
    return 0;
}

void watch_remove_all(struct connection *connection)
{
    while (!TAILQ_EMPTY(&connection->watches)) {
        detach(TAILQ_FIRST(&connection->watches));
    }
}

const char *watch_raw_path(const struct watch *watch)
{
    return watch->path + watch->relative_offset;
}

void watch_send(const struct watch *watch, const char *path)
{
    char payload[PATH_BUFFER_SIZE + WATCH_TOKEN_MAX + 1];
    size_t path_size = strlen(path + watch->relative_offset) + 1;
    size_t token_size = strlen(watch->token) + 1;

    memcpy(payload, path + watch->relative_offset, path_size);
    memcpy(payload + path_size, watch->token, token_size);
    connection_send_event(watch->connection, payload, path_size + token_size);
}

static bool may_read(const struct connection *connection, const struct node *node)
{
    return node != NULL &&
           (connection_granted(connection, node->content->perms, node->content->perm_count) &
            PERM_READ) != 0;
}

/* A node that cannot be read still shows in the list of a parent that can. */
static bool may_hear(const struct connection *connection, const struct tree *tree, const char *path)
{
    char parent[PATH_BUFFER_SIZE];

    if (connection->is_privileged || may_read(connection, tree_find(tree, path))) {
        return true;
    }
    path_parent(path, parent);
    return may_read(connection, tree_find(tree, parent));
}

struct firing {
    struct store *store;
    const struct tree *before;
    const struct tree *after;
    const char *path; /* the one that changed */
};

/* Fire the watches set exactly on the first length bytes of at, with event_path. */
static void fire_on(const struct firing *firing, const char *at, size_t length,
                    const char *event_path)
{
    struct watch *watch;

    LIST_FOREACH(watch, &firing->store->watches.buckets[bucket_of(at, length)], by_path)
    {
        if (strncmp(watch->path, at, length) == 0 && watch->path[length] == '\0' &&
            (may_hear(watch->connection, firing->after, event_path) ||
             may_hear(watch->connection, firing->before, event_path))) {
            watch_send(watch, event_path);
        }
    }
}

static bool fire_below(const struct node *node, const char *path, void *context)
{
    const struct firing *firing = context;

    (void)node;
    if (strcmp(path, firing->path) != 0 && tree_find(firing->after, path) == NULL) {
        fire_on(firing, path, strlen(path), path);
    }
    return true;
}

void watch_fire(struct store *store, const struct tree *before, const struct tree *after,
                const char *path, bool is_removed)
{
    struct firing firing = {store, before, after, path};
    size_t length = strlen(path);
    const struct node *removed = is_removed ? tree_find(before, path) : NULL;

    fire_on(&firing, "/", 1, path);
    for (size_t i = 1; i <= length && length > 1; i++) {
        if (path[i] == '/' || path[i] == '\0') {
            fire_on(&firing, path, i, path);
        }
    }
    if (removed != NULL) {
        tree_walk(removed, path, fire_below, &firing);
    }
}

void watch_fire_special(struct store *store, const char *name)
{
    const struct special_node *special = store_special(store, name);
    struct watch *watch;

    LIST_FOREACH(watch, &store->watches.buckets[bucket_of(name, strlen(name))], by_path)
    {
        if (strcmp(watch->path, name) == 0 &&
            (watch->connection->is_privileged ||
             (connection_granted(watch->connection, special->perms, special->perm_count) &
              PERM_READ) != 0)) {
            watch_send(watch, name);
        }
    }
}
