/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening the database, its settings, its migrations, and transactions.
 */
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sql.h"
#include "util/log.h"

#define BUSY_TIMEOUT_MS 5000

static int read_schema_version(struct store *store, unsigned *version, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = sql_prepare(store, "PRAGMA user_version", &stmt, err);

    if (rc != 0) {
        return rc;
    }
    rc = sql_step(store, stmt, NULL, err);
    *version = (unsigned)sqlite3_column_int(stmt, 0);
    sql_end(store, stmt);
    return rc;
}

/* Apply one migration; its text and the new version become durable together. */
static int migrate_step(struct store *store, unsigned index, struct err *err)
{
    char set_version[64];
    int rc = store_transaction_begin(store, err);

    if (rc != 0) {
        return rc;
    }
    snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %u", index + 1);
    rc = sql_run(store, sql_migrations[index].text, err);
    if (rc == 0) {
        rc = sql_run(store, set_version, err);
    }
    if (rc != 0) {
        store_transaction_rollback(store);
        err_prefix(err, "migration %s", sql_migrations[index].name);
        return rc;
    }
    return store_transaction_commit(store, err);
}

static int migrate(struct store *store, struct err *err)
{
    unsigned version;
    int rc = read_schema_version(store, &version, err);

    if (rc == 0 && version > sql_migration_count) {
        return err_set(err, ERR_CONFLICT,
                       "the state database has schema version %u, this agent knows %u at most: "
                       "start the newer agent that made it",
                       version, sql_migration_count);
    }
    for (; rc == 0 && version < sql_migration_count; version++) {
        rc = migrate_step(store, version, err);
        if (rc == 0) {
            log_info("store: applied %s", sql_migrations[version].name);
        }
    }
    return rc;
}

static void init_lock(struct store *store)
{
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&store->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

int store_open(const char *path, struct store **out, struct err *err)
{
    struct store *store = calloc(1, sizeof(*store));
    int result;
    int rc;

    *out = NULL;
    if (store == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for the store");
    }
    init_lock(store);
    result = sqlite3_open_v2(path, &store->db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                             NULL);
    if (result != SQLITE_OK) {
        rc = sql_error(store, result, err);
        goto close_store;
    }
    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    rc = sql_run(store,
                 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                 " PRAGMA cache_size = 64", /* pages; the others are in the kernel's cache */
                 err);
    if (rc == 0) {
        rc = migrate(store, err);
    }
    if (rc != 0) {
        goto close_store;
    }
    *out = store;
    return 0;

close_store:
    err_prefix(err, "%s", path);
    store_close(store);
    return rc;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    sqlite3_close(store->db);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

int store_transaction_begin(struct store *store, struct err *err)
{
    int rc;

    pthread_mutex_lock(&store->lock);
    rc = sql_run(store, "BEGIN IMMEDIATE", err);
    if (rc != 0) {
        pthread_mutex_unlock(&store->lock);
    }
    return rc;
}

int store_transaction_commit(struct store *store, struct err *err)
{
    int rc = sql_run(store, "COMMIT", err);

    if (rc != 0) {
        store_transaction_rollback(store);
        return rc;
    }
    pthread_mutex_unlock(&store->lock);
    return 0;
}

void store_transaction_rollback(struct store *store)
{
    /* SQLite has already rolled back by itself after some errors; then there is nothing to do. */
    if (sqlite3_get_autocommit(store->db) == 0) {
        struct err err = {0};

        if (sql_run(store, "ROLLBACK", &err) != 0) {
            log_error("store: rollback failed: %s", err.message);
        }
    }
    pthread_mutex_unlock(&store->lock);
}

int64_t store_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
