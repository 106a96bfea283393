/* SPDX-License-Identifier: Apache-2.0 */
#include "sql.h"

#include <errno.h>
#include <stdio.h>

int sql_error(struct store *store, int result, struct err *err)
{
    const char *text = sqlite3_errmsg(store->db);

    if ((result & 0xff) == SQLITE_IOERR && sqlite3_system_errno(store->db) == ENOSPC) {
        result = SQLITE_FULL; /* the shared index of the write-ahead log says it so */
    }
    switch (result & 0xff) {
    case SQLITE_FULL:
        return err_set(err, ERR_NO_SPACE,
                       "nothing can be written to the state database %s: its disk is full; free some "
                       "space there and ask again",
                       sqlite3_db_filename(store->db, "main"));
    case SQLITE_NOMEM:
        return err_set(err, ERR_NO_MEMORY, "state database: %s", text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ERR_UNAVAILABLE, "the state database is held by another program: %s",
                       text);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return err_set(err, ERR_PERMISSION, "state database: %s", text);
    case SQLITE_CONSTRAINT:
        return err_set(err, ERR_EXISTS, "state database: %s", text);
    case SQLITE_CANTOPEN:
        return err_set(err, ERR_NOT_FOUND, "the state database cannot be opened: %s", text);
    default:
        return err_set(err, ERR_INTERNAL, "state database: %s (SQLite code %d)", text, result);
    }
}

int sql_prepare(struct store *store, const char *text, sqlite3_stmt **stmt, struct err *err)
{
    int result;
    int rc;

    pthread_mutex_lock(&store->lock);
    result = sqlite3_prepare_v2(store->db, text, -1, stmt, NULL);
    if (result == SQLITE_OK) {
        return 0;
    }
    rc = sql_error(store, result, err);
    *stmt = NULL;
    pthread_mutex_unlock(&store->lock);
    return rc;
}

int sql_step(struct store *store, sqlite3_stmt *stmt, bool *has_row, struct err *err)
{
    int result = sqlite3_step(stmt);

    if (has_row != NULL) {
        *has_row = result == SQLITE_ROW;
    }
    if (result == SQLITE_ROW || result == SQLITE_DONE) {
        return 0;
    }
    return sql_error(store, result, err);
}

void sql_end(struct store *store, sqlite3_stmt *stmt)
{
    sqlite3_finalize(stmt);
    pthread_mutex_unlock(&store->lock);
}

int sql_run(struct store *store, const char *text, struct err *err)
{
    int rc = 0;
    int result;

    pthread_mutex_lock(&store->lock);
    result = sqlite3_exec(store->db, text, NULL, NULL, NULL);
    if (result != SQLITE_OK) {
        rc = sql_error(store, result, err);
    }
    pthread_mutex_unlock(&store->lock);
    return rc;
}

void sql_bind_text(sqlite3_stmt *stmt, const char *parameter, const char *text)
{
    int index = sqlite3_bind_parameter_index(stmt, parameter);

    if (text != NULL) {
        sqlite3_bind_text(stmt, index, text, -1, SQLITE_STATIC);
    } else {
        sqlite3_bind_null(stmt, index);
    }
}

void sql_bind_int(sqlite3_stmt *stmt, const char *parameter, sqlite3_int64 value)
{
    sqlite3_bind_int64(stmt, sqlite3_bind_parameter_index(stmt, parameter), value);
}

void sql_column_copy(sqlite3_stmt *stmt, int column, char *out, size_t size_bytes)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);

    snprintf(out, size_bytes, "%s", text != NULL ? (const char *)text : "");
}
