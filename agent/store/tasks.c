/* SPDX-License-Identifier: Apache-2.0 */
#include "tasks.h"

#include <stdlib.h>
#include <string.h>

#include "sql.h"
#include "store.h"

static const char *const state_names[TASK_STATE_COUNT] = {
    [TASK_PENDING] = "pending", [TASK_RUNNING] = "running",     [TASK_SUCCEEDED] = "succeeded",
    [TASK_FAILED] = "failed",   [TASK_CANCELLED] = "cancelled",
};

const char *task_state_name(enum task_state state)
{
    return (unsigned)state < TASK_STATE_COUNT ? state_names[state] : "?";
}

bool task_is_finished(const struct task_record *task)
{
    return task->state != TASK_PENDING && task->state != TASK_RUNNING;
}

#define TASK_COLUMNS                                                                               \
    "seq, id, kind, domain_uuid, domain_name, state, progress_percent, stage, error_code,"         \
    " error_field, error_message, actor, request_id, idempotency_key, fingerprint, attempts,"      \
    " timeout_s, then_start, create_time_ms, start_time_ms, finish_time_ms"

static void bind_outcome(sqlite3_stmt *stmt, const struct task_record *task)
{
    bool has_error = task->error.code != ERR_OK;

    sql_bind_text(stmt, ":state", task_state_name(task->state));
    sql_bind_int(stmt, ":progress", task->progress_percent);
    sql_bind_text(stmt, ":stage", task->stage);
    sql_bind_text(stmt, ":error_code", has_error ? err_code_name(task->error.code) : "");
    sql_bind_text(stmt, ":error_field", has_error ? task->error.field : "");
    sql_bind_text(stmt, ":error_message", has_error ? task->error.message : "");
    sql_bind_int(stmt, ":finish_time_ms", task->finish_time_ms);
}

int store_task_insert(struct store *store, struct task_record *task, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = sql_prepare(store,
                         "INSERT INTO tasks VALUES (NULL, :id, :kind, :domain_uuid, :domain_name,"
                         " :state, :progress, :stage, :error_code, :error_field, :error_message,"
                         " :actor, :request_id, :key, :fingerprint, :attempts, :timeout_s,"
                         " :then_start, :create_time_ms, :start_time_ms, :finish_time_ms)",
                         &stmt, err);

    if (rc != 0) {
        return rc;
    }
    bind_outcome(stmt, task);
    sql_bind_text(stmt, ":id", task->id);
    sql_bind_text(stmt, ":kind", task->kind);
    sql_bind_text(stmt, ":domain_uuid", task->domain_uuid);
    sql_bind_text(stmt, ":domain_name", task->domain_name);
    sql_bind_text(stmt, ":actor", task->actor);
    sql_bind_text(stmt, ":request_id", task->request_id);
    sql_bind_text(stmt, ":key", task->idempotency_key[0] != '\0' ? task->idempotency_key : NULL);
    sql_bind_text(stmt, ":fingerprint", task->fingerprint);
    sql_bind_int(stmt, ":attempts", task->attempts);
    sql_bind_int(stmt, ":timeout_s", task->timeout_s);
    sql_bind_int(stmt, ":then_start", task->then_start);
    sql_bind_int(stmt, ":create_time_ms", task->create_time_ms);
    sql_bind_int(stmt, ":start_time_ms", task->start_time_ms);
    rc = sql_step(store, stmt, NULL, err);
    if (rc == 0) {
        task->seq = sqlite3_last_insert_rowid(store->db);
    }
    sql_end(store, stmt);
    return rc;
}

/* Run an UPDATE that must have hit the task; ends the statement. */
static int change_one(struct store *store, sqlite3_stmt *stmt, const char *id, struct err *err)
{
    int rc;

    sql_bind_text(stmt, ":id", id);
    rc = sql_step(store, stmt, NULL, err);
    if (rc == 0 && sqlite3_changes(store->db) == 0) {
        rc = err_set(err, ERR_NOT_FOUND, "no task %s is recorded", id);
    }
    sql_end(store, stmt);
    return rc;
}

int store_task_begin(struct store *store, struct task_record *task, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = sql_prepare(store, "UPDATE tasks SET state = 'running', attempts = :attempts,"
                         " start_time_ms = :start_time_ms WHERE id = :id", &stmt, err);

    if (rc != 0) {
        return rc;
    }
    if (task->start_time_ms == 0) {
        task->start_time_ms = store_now_ms();
    }
    sql_bind_int(stmt, ":attempts", task->attempts + 1);
    sql_bind_int(stmt, ":start_time_ms", task->start_time_ms);
    rc = change_one(store, stmt, task->id, err);
    if (rc == 0) {
        task->state = TASK_RUNNING;
        task->attempts++;
    }
    return rc;
}

int store_task_finish(struct store *store, const struct task_record *task, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = sql_prepare(store,
                         "UPDATE tasks SET state = :state, progress_percent = :progress,"
                         " stage = :stage, error_code = :error_code, error_field = :error_field,"
                         " error_message = :error_message, finish_time_ms = :finish_time_ms"
                         " WHERE id = :id", &stmt, err);

    if (rc != 0) {
        return rc;
    }
    bind_outcome(stmt, task);
    return change_one(store, stmt, task->id, err);
}

static int read_row(sqlite3_stmt *stmt, struct task_record *task, struct err *err)
{
    char state[16];
    char code[16];

    memset(task, 0, sizeof(*task));
    task->seq = sqlite3_column_int64(stmt, 0);
    sql_column_copy(stmt, 1, task->id, sizeof(task->id));
    sql_column_copy(stmt, 2, task->kind, sizeof(task->kind));
    sql_column_copy(stmt, 3, task->domain_uuid, sizeof(task->domain_uuid));
    sql_column_copy(stmt, 4, task->domain_name, sizeof(task->domain_name));
    sql_column_copy(stmt, 5, state, sizeof(state));
    task->progress_percent = (uint32_t)sqlite3_column_int64(stmt, 6);
    sql_column_copy(stmt, 7, task->stage, sizeof(task->stage));
    sql_column_copy(stmt, 8, code, sizeof(code));
    if (code[0] != '\0') {
        task->error.code = err_code_from_name(code);
        sql_column_copy(stmt, 9, task->error.field, sizeof(task->error.field));
        sql_column_copy(stmt, 10, task->error.message, sizeof(task->error.message));
    }
    sql_column_copy(stmt, 11, task->actor, sizeof(task->actor));
    sql_column_copy(stmt, 12, task->request_id, sizeof(task->request_id));
    sql_column_copy(stmt, 13, task->idempotency_key, sizeof(task->idempotency_key));
    sql_column_copy(stmt, 14, task->fingerprint, sizeof(task->fingerprint));
    task->attempts = (uint32_t)sqlite3_column_int64(stmt, 15);
    task->timeout_s = (uint32_t)sqlite3_column_int64(stmt, 16);
    task->then_start = sqlite3_column_int(stmt, 17) != 0;
    task->create_time_ms = sqlite3_column_int64(stmt, 18);
    task->start_time_ms = sqlite3_column_int64(stmt, 19);
    task->finish_time_ms = sqlite3_column_int64(stmt, 20);
    for (unsigned i = 0; i < TASK_STATE_COUNT; i++) {
        if (strcmp(state, state_names[i]) == 0) {
            task->state = (enum task_state)i;
            return 0;
        }
    }
    return err_set(err, ERR_INTERNAL, "task %s is in a state this agent does not know: %s",
                   task->id, state);
}

static int get_one(struct store *store, const char *query, const char *key,
                   struct task_record *task, struct err *err)
{
    sqlite3_stmt *stmt;
    bool has_row = false;
    int rc = sql_prepare(store, query, &stmt, err);

    if (rc != 0) {
        return rc;
    }
    sql_bind_text(stmt, ":key", key);
    rc = sql_step(store, stmt, &has_row, err);
    if (rc == 0 && !has_row) {
        rc = err_set(err, ERR_NOT_FOUND, "no task \"%.64s\" is recorded", key);
    }
    if (rc == 0) {
        rc = read_row(stmt, task, err);
    }
    sql_end(store, stmt);
    return rc;
}

int store_task_get(struct store *store, const char *id, struct task_record *task, struct err *err)
{
    return get_one(store, "SELECT " TASK_COLUMNS " FROM tasks WHERE id = lower(:key)", id, task,
                   err);
}

int store_task_get_by_key(struct store *store, const char *idempotency_key,
                          struct task_record *task, struct err *err)
{
    return get_one(store, "SELECT " TASK_COLUMNS " FROM tasks WHERE idempotency_key = :key",
                   idempotency_key, task, err);
}

static int list(struct store *store, const char *query, sqlite3_int64 max_count,
                struct task_record **tasks, size_t *count, struct err *err)
{
    struct task_record *all = NULL;
    sqlite3_stmt *stmt;
    bool has_row = false;
    size_t used = 0;
    int rc = sql_prepare(store, query, &stmt, err);

    *tasks = NULL;
    *count = 0;
    if (rc != 0) {
        return rc;
    }
    sql_bind_int(stmt, ":max_count", max_count); /* LIMIT -1 is no limit */
    while ((rc = sql_step(store, stmt, &has_row, err)) == 0 && has_row) {
        struct task_record *grown = realloc(all, (used + 1) * sizeof(*all));

        if (grown == NULL) {
            rc = err_set(err, ERR_NO_MEMORY, "no memory for the list of tasks");
            break;
        }
        all = grown;
        rc = read_row(stmt, &all[used], err);
        if (rc != 0) {
            break;
        }
        used++;
    }
    sql_end(store, stmt);
    if (rc != 0) {
        free(all);
        return rc;
    }
    *tasks = all;
    *count = used;
    return 0;
}

int store_task_list(struct store *store, size_t max_count, struct task_record **tasks,
                    size_t *count, struct err *err)
{
    return list(store, "SELECT " TASK_COLUMNS " FROM tasks ORDER BY seq DESC LIMIT :max_count",
                (sqlite3_int64)max_count, tasks, count, err);
}

int store_task_list_unfinished(struct store *store, struct task_record **tasks, size_t *count,
                               struct err *err)
{
    return list(store, "SELECT " TASK_COLUMNS " FROM tasks WHERE state IN ('pending', 'running')"
                " ORDER BY seq LIMIT :max_count", -1, tasks, count, err);
}

int store_task_is_overtaken(struct store *store, const struct task_record *task, bool *is_overtaken,
                            struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = sql_prepare(store, "SELECT 1 FROM tasks WHERE domain_uuid = :uuid AND seq > :seq"
                         " AND state <> 'pending' LIMIT 1", &stmt, err);

    if (rc != 0) {
        return rc;
    }
    sql_bind_text(stmt, ":uuid", task->domain_uuid);
    sql_bind_int(stmt, ":seq", task->seq);
    rc = sql_step(store, stmt, is_overtaken, err);
    sql_end(store, stmt);
    return rc;
}

int store_task_prune(struct store *store, size_t keep_count, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = sql_prepare(store, "DELETE FROM tasks WHERE state NOT IN ('pending', 'running')"
                         " AND seq <= (SELECT max(seq) FROM tasks) - :keep_count", &stmt, err);

    if (rc != 0) {
        return rc;
    }
    sql_bind_int(stmt, ":keep_count", (sqlite3_int64)keep_count);
    rc = sql_step(store, stmt, NULL, err);
    sql_end(store, stmt);
    return rc;
}
