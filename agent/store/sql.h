/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the store only: statements, and SQLite's result codes turned into our errors. A statement
 * is prepared, bound, stepped and ended by one function of a table's file, under the store's lock.
 */
#pragma once

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

struct store {
    sqlite3 *db;
    pthread_mutex_t lock; /* recursive; protects db, held throughout a transaction */
};

struct sql_migration {
    const char *name;
    const char *text;
};
extern const struct sql_migration sql_migrations[];
extern const unsigned sql_migration_count;

/** Take the store's lock and prepare text. On failure nothing is held. */
int sql_prepare(struct store *store, const char *text, sqlite3_stmt **stmt, struct err *err);

/** One step. *has_row (may be NULL) tells whether there is a row to read. */
int sql_step(struct store *store, sqlite3_stmt *stmt, bool *has_row, struct err *err);

/** End the statement and release the lock that sql_prepare() took. */
void sql_end(struct store *store, sqlite3_stmt *stmt);

/** Prepare and run a statement without parameters and rows. */
int sql_run(struct store *store, const char *text, struct err *err);

/** The error for a SQLite result code. */
int sql_error(struct store *store, int result, struct err *err);

/** Bind parameter ":name"; text NULL binds SQL NULL. The text must outlive the statement. */
void sql_bind_text(sqlite3_stmt *stmt, const char *parameter, const char *text);
void sql_bind_int(sqlite3_stmt *stmt, const char *parameter, sqlite3_int64 value);

/** Copy a text column into an array; what does not fit is cut. */
void sql_column_copy(sqlite3_stmt *stmt, int column, char *out, size_t size_bytes);
