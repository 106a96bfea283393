/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches: who wants to hear of changes at or below which path. A table by path, so that a change
 * costs one look-up for each component of its path, however many watches there are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct connection;
struct store;
struct tree;

struct watch {
    LIST_ENTRY(watch) by_path; /* of its bucket */
    TAILQ_ENTRY(watch) of_connection;
    struct connection *connection;
    char *path;             /* canonical, or a special name */
    size_t relative_offset; /* where the path as the client sent it starts in path */
    char *token;
};

TAILQ_HEAD(watch_list, watch);

#define WATCH_BUCKETS 1024

struct watch_table {
    LIST_HEAD(, watch) buckets[WATCH_BUCKETS];
};

/* Longest token: with the longest path it still fits into one event. */
#define WATCH_TOKEN_MAX 1020

void watch_table_init(struct watch_table *table);

/**
 * Register a watch of a connection. Its first event is the caller's business: watch_send().
 * @param raw_path  as the client sent it
 * @return 0, EINVAL (path, token), EEXIST (same path and token) or ENOMEM
 */
int watch_add(struct store *store, struct connection *connection, const char *raw_path,
              const char *token, struct watch **added);

/** Unregister. 0, EINVAL (path) or ENOENT. */
int watch_remove(struct store *store, struct connection *connection, const char *raw_path,
                 const char *token);

/** Unregister all of a connection. */
void watch_remove_all(struct connection *connection);

/** The path as the client sent it. */
const char *watch_raw_path(const struct watch *watch);

/** Send the event of one watch for a path at or below its own. */
void watch_send(const struct watch *watch, const char *path);

/**
 * Send the events for one changed path: to watches on it and above it, and, if it was removed (it may be
 * there again), to those on nodes that went with it. Only clients that may read the node, or its parent,
 * before or after the change hear of it.
 */
void watch_fire(struct store *store, const struct tree *before, const struct tree *after,
                const char *path, bool is_removed);

/** Send the events of a special node. */
void watch_fire_special(struct store *store, const char *name);
