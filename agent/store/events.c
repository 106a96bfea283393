/* SPDX-License-Identifier: Apache-2.0 */
#include "events.h"

#include <stdlib.h>
#include <string.h>

#include "sql.h"
#include "store.h"

int store_event_insert(struct store *store, struct event_record *event, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = sql_prepare(store,
                         "INSERT INTO events VALUES (NULL, :time_ms, :kind, :actor, :request_id,"
                         " :domain_uuid, :domain_name, :task_id, :detail)",
                         &stmt, err);

    if (rc != 0) {
        return rc;
    }
    if (event->time_ms == 0) {
        event->time_ms = store_now_ms();
    }
    sql_bind_int(stmt, ":time_ms", event->time_ms);
    sql_bind_text(stmt, ":kind", event->kind);
    sql_bind_text(stmt, ":actor", event->actor);
    sql_bind_text(stmt, ":request_id", event->request_id);
    sql_bind_text(stmt, ":domain_uuid", event->domain_uuid);
    sql_bind_text(stmt, ":domain_name", event->domain_name);
    sql_bind_text(stmt, ":task_id", event->task_id);
    sql_bind_text(stmt, ":detail", event->detail);
    rc = sql_step(store, stmt, NULL, err);
    if (rc == 0) {
        event->seq = sqlite3_last_insert_rowid(store->db);
    }
    sql_end(store, stmt);
    return rc;
}

static void read_row(sqlite3_stmt *stmt, struct event_record *event)
{
    memset(event, 0, sizeof(*event));
    event->seq = sqlite3_column_int64(stmt, 0);
    event->time_ms = sqlite3_column_int64(stmt, 1);
    sql_column_copy(stmt, 2, event->kind, sizeof(event->kind));
    sql_column_copy(stmt, 3, event->actor, sizeof(event->actor));
    sql_column_copy(stmt, 4, event->request_id, sizeof(event->request_id));
    sql_column_copy(stmt, 5, event->domain_uuid, sizeof(event->domain_uuid));
    sql_column_copy(stmt, 6, event->domain_name, sizeof(event->domain_name));
    sql_column_copy(stmt, 7, event->task_id, sizeof(event->task_id));
    sql_column_copy(stmt, 8, event->detail, sizeof(event->detail));
}

int store_event_list(struct store *store, size_t max_count, struct event_record **events,
                     size_t *count, struct err *err)
{
    struct event_record *all = NULL;
    sqlite3_stmt *stmt;
    bool has_row = false;
    size_t used = 0;
    int rc = sql_prepare(store,
                         "SELECT seq, time_ms, kind, actor, request_id, domain_uuid, domain_name,"
                         " task_id, detail FROM events ORDER BY seq DESC LIMIT :max_count",
                         &stmt, err);

    *events = NULL;
    *count = 0;
    if (rc != 0) {
        return rc;
    }
    sql_bind_int(stmt, ":max_count", (sqlite3_int64)max_count);
    while ((rc = sql_step(store, stmt, &has_row, err)) == 0 && has_row) {
        struct event_record *grown = realloc(all, (used + 1) * sizeof(*all));

        if (grown == NULL) {
            rc = err_set(err, ERR_NO_MEMORY, "no memory for the list of events");
            break;
        }
        all = grown;
        read_row(stmt, &all[used++]);
    }
    sql_end(store, stmt);
    if (rc != 0) {
        free(all);
        return rc;
    }
    *events = all;
    *count = used;
    return 0;
}

int store_event_prune(struct store *store, size_t keep_count, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = sql_prepare(store, "DELETE FROM events"
                         " WHERE seq <= (SELECT max(seq) FROM events) - :keep_count", &stmt, err);

    if (rc != 0) {
        return rc;
    }
    sql_bind_int(stmt, ":keep_count", (sqlite3_int64)keep_count);
    rc = sql_step(store, stmt, NULL, err);
    sql_end(store, stmt);
    return rc;
}
