/* SPDX-License-Identifier: Apache-2.0 */
#include "domains.h"

#include <stdlib.h>
#include <string.h>

#include "sql.h"

static const char *const life_names[DOMAIN_LIFE_COUNT] = {
    [DOMAIN_STOPPED] = "stopped",     [DOMAIN_STARTING] = "starting",
    [DOMAIN_RUNNING] = "running",     [DOMAIN_PAUSED] = "paused",
    [DOMAIN_STOPPING] = "stopping",   [DOMAIN_DESTROYING] = "destroying",
    [DOMAIN_CRASHED] = "crashed",
};
static const char *const desired_names[DESIRED_COUNT] = {
    [DESIRED_STOPPED] = "stopped",
    [DESIRED_RUNNING] = "running",
    [DESIRED_PAUSED] = "paused",
};
static const char *const action_names[END_ACTION_COUNT] = {
    [END_DESTROY] = "destroy",
    [END_RESTART] = "restart",
    [END_KEEP] = "keep",
};

const char *domain_life_name(enum domain_life state)
{
    return (unsigned)state < DOMAIN_LIFE_COUNT ? life_names[state] : "?";
}

const char *domain_desired_name(enum domain_desired desired)
{
    return (unsigned)desired < DESIRED_COUNT ? desired_names[desired] : "?";
}

const char *end_action_name(enum end_action action)
{
    return (unsigned)action < END_ACTION_COUNT ? action_names[action] : "?";
}

/* Find text among names. A database edited by hand may hold anything: false then. */
static bool find_name(const char *const *names, unsigned count, const unsigned char *text,
                      unsigned *index)
{
    for (unsigned i = 0; text != NULL && i < count; i++) {
        if (strcmp(names[i], (const char *)text) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

static int insert_disks(struct store *store, const struct domain_spec *spec, struct err *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < spec->disk_count; i++) {
        sqlite3_stmt *stmt;

        rc = sql_prepare(store, "INSERT INTO domain_disks VALUES (:uuid, :position, :target, :path,"
                         " :readonly)", &stmt, err);
        if (rc != 0) {
            return rc;
        }
        sql_bind_text(stmt, ":uuid", spec->uuid);
        sql_bind_int(stmt, ":position", (sqlite3_int64)i);
        sql_bind_text(stmt, ":target", spec->disks[i].target);
        sql_bind_text(stmt, ":path", spec->disks[i].path);
        sql_bind_int(stmt, ":readonly", spec->disks[i].readonly);
        rc = sql_step(store, stmt, NULL, err);
        sql_end(store, stmt);
    }
    return rc;
}

static int insert_nics(struct store *store, const struct domain_spec *spec, struct err *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < spec->nic_count; i++) {
        sqlite3_stmt *stmt;

        rc = sql_prepare(store, "INSERT INTO domain_nics VALUES (:uuid, :position, :mac, :bridge)",
                         &stmt, err);
        if (rc != 0) {
            return rc;
        }
        sql_bind_text(stmt, ":uuid", spec->uuid);
        sql_bind_int(stmt, ":position", (sqlite3_int64)i);
        sql_bind_text(stmt, ":mac", spec->nics[i].mac);
        sql_bind_text(stmt, ":bridge", spec->nics[i].bridge);
        rc = sql_step(store, stmt, NULL, err);
        sql_end(store, stmt);
    }
    return rc;
}

static void bind_observed(sqlite3_stmt *stmt, const struct domain_record *record)
{
    sql_bind_text(stmt, ":state", domain_life_name(record->state));
    sql_bind_text(stmt, ":state_reason", record->reason);
    if (record->domid >= 0) { /* otherwise it stays unbound, which is NULL */
        sql_bind_int(stmt, ":domid", record->domid);
    }
    sql_bind_int(stmt, ":start_time_ms", record->start_time_ms);
}

static int insert_row(struct store *store, const struct domain_record *record, struct err *err)
{
    const struct domain_spec *spec = &record->spec;
    sqlite3_stmt *stmt;
    int rc = sql_prepare(store,
                         "INSERT INTO domains VALUES (:uuid, :name, :memory_bytes, :vcpus, :kernel,"
                         " :initrd, :cmdline, :on_poweroff, :on_reboot, :on_crash, :create_time_ms,"
                         " :desired_state, :state, :state_reason, :domid, :start_time_ms)",
                         &stmt, err);

    if (rc != 0) {
        return rc;
    }
    sql_bind_text(stmt, ":uuid", spec->uuid);
    sql_bind_text(stmt, ":name", spec->name);
    sql_bind_int(stmt, ":memory_bytes", (sqlite3_int64)spec->memory_bytes);
    sql_bind_int(stmt, ":vcpus", spec->vcpus);
    sql_bind_text(stmt, ":kernel", spec->kernel);
    sql_bind_text(stmt, ":initrd", spec->initrd);
    sql_bind_text(stmt, ":cmdline", spec->cmdline);
    sql_bind_text(stmt, ":on_poweroff", end_action_name(spec->on_poweroff));
    sql_bind_text(stmt, ":on_reboot", end_action_name(spec->on_reboot));
    sql_bind_text(stmt, ":on_crash", end_action_name(spec->on_crash));
    sql_bind_int(stmt, ":create_time_ms", record->create_time_ms);
    sql_bind_text(stmt, ":desired_state", domain_desired_name(record->desired));
    bind_observed(stmt, record);
    rc = sql_step(store, stmt, NULL, err);
    sql_end(store, stmt);
    return rc;
}

int store_domain_insert(struct store *store, const struct domain_record *record, struct err *err)
{
    int rc;

    /* A savepoint, so that this is whole within a caller's transaction too. */
    pthread_mutex_lock(&store->lock);
    rc = sql_run(store, "SAVEPOINT domain_insert", err);
    if (rc != 0) {
        goto unlock;
    }
    rc = insert_row(store, record, err);
    if (rc == -(int)ERR_EXISTS) {
        err_set_field(err, ERR_EXISTS, "name", "a domain with this name or uuid exists: %s (%s)",
                      record->spec.name, record->spec.uuid);
    }
    if (rc == 0) {
        rc = insert_disks(store, &record->spec, err);
    }
    if (rc == 0) {
        rc = insert_nics(store, &record->spec, err);
    }
    if (rc != 0) {
        sql_run(store, "ROLLBACK TO domain_insert", NULL);
        sql_run(store, "RELEASE domain_insert", NULL);
    } else {
        rc = sql_run(store, "RELEASE domain_insert", err);
    }

unlock:
    pthread_mutex_unlock(&store->lock);
    return rc;
}

static int read_disks(struct store *store, struct domain_spec *spec, struct err *err)
{
    sqlite3_stmt *stmt;
    bool has_row = true;
    int rc = sql_prepare(store, "SELECT target, path, readonly FROM domain_disks"
                         " WHERE domain_uuid = :uuid ORDER BY position", &stmt, err);

    if (rc != 0) {
        return rc;
    }
    sql_bind_text(stmt, ":uuid", spec->uuid);
    while ((rc = sql_step(store, stmt, &has_row, err)) == 0 && has_row &&
           spec->disk_count < STORE_DISKS_MAX) {
        struct disk_spec *disk = &spec->disks[spec->disk_count++];

        sql_column_copy(stmt, 0, disk->target, sizeof(disk->target));
        sql_column_copy(stmt, 1, disk->path, sizeof(disk->path));
        disk->readonly = sqlite3_column_int(stmt, 2) != 0;
    }
    sql_end(store, stmt);
    return rc;
}

static int read_nics(struct store *store, struct domain_spec *spec, struct err *err)
{
    sqlite3_stmt *stmt;
    bool has_row = true;
    int rc = sql_prepare(store, "SELECT mac, bridge FROM domain_nics"
                         " WHERE domain_uuid = :uuid ORDER BY position", &stmt, err);

    if (rc != 0) {
        return rc;
    }
    sql_bind_text(stmt, ":uuid", spec->uuid);
    while ((rc = sql_step(store, stmt, &has_row, err)) == 0 && has_row &&
           spec->nic_count < STORE_NICS_MAX) {
        struct nic_spec *nic = &spec->nics[spec->nic_count++];

        sql_column_copy(stmt, 0, nic->mac, sizeof(nic->mac));
        sql_column_copy(stmt, 1, nic->bridge, sizeof(nic->bridge));
    }
    sql_end(store, stmt);
    return rc;
}

#define DOMAIN_COLUMNS                                                                             \
    "uuid, name, memory_bytes, vcpus, kernel, initrd, cmdline, on_poweroff, on_reboot, on_crash,"  \
    " create_time_ms, desired_state, state, state_reason, domid, start_time_ms"

static int read_row(sqlite3_stmt *stmt, struct domain_record *record, struct err *err)
{
    struct domain_spec *spec = &record->spec;
    unsigned poweroff, reboot, crash, desired, state;

    memset(record, 0, sizeof(*record));
    sql_column_copy(stmt, 0, spec->uuid, sizeof(spec->uuid));
    sql_column_copy(stmt, 1, spec->name, sizeof(spec->name));
    spec->memory_bytes = (uint64_t)sqlite3_column_int64(stmt, 2);
    spec->vcpus = (uint32_t)sqlite3_column_int64(stmt, 3);
    sql_column_copy(stmt, 4, spec->kernel, sizeof(spec->kernel));
    sql_column_copy(stmt, 5, spec->initrd, sizeof(spec->initrd));
    sql_column_copy(stmt, 6, spec->cmdline, sizeof(spec->cmdline));
    record->create_time_ms = sqlite3_column_int64(stmt, 10);
    sql_column_copy(stmt, 13, record->reason, sizeof(record->reason));
    record->domid =
        sqlite3_column_type(stmt, 14) == SQLITE_NULL ? -1 : sqlite3_column_int64(stmt, 14);
    record->start_time_ms = sqlite3_column_int64(stmt, 15);
    if (!find_name(action_names, END_ACTION_COUNT, sqlite3_column_text(stmt, 7), &poweroff) ||
        !find_name(action_names, END_ACTION_COUNT, sqlite3_column_text(stmt, 8), &reboot) ||
        !find_name(action_names, END_ACTION_COUNT, sqlite3_column_text(stmt, 9), &crash) ||
        !find_name(desired_names, DESIRED_COUNT, sqlite3_column_text(stmt, 11), &desired) ||
        !find_name(life_names, DOMAIN_LIFE_COUNT, sqlite3_column_text(stmt, 12), &state)) {
        return err_set(err, ERR_INTERNAL,
                       "the record of domain %s holds a word this agent does not know", spec->name);
    }
    spec->on_poweroff = (enum end_action)poweroff;
    spec->on_reboot = (enum end_action)reboot;
    spec->on_crash = (enum end_action)crash;
    record->desired = (enum domain_desired)desired;
    record->state = (enum domain_life)state;
    return 0;
}

int store_domain_get(struct store *store, const char *uuid_or_name, struct domain_record *record,
                     struct err *err)
{
    sqlite3_stmt *stmt;
    bool has_row = false;
    int rc = sql_prepare(store, "SELECT " DOMAIN_COLUMNS " FROM domains"
                         " WHERE uuid = lower(:key) OR name = :key", &stmt, err);

    if (rc != 0) {
        return rc;
    }
    sql_bind_text(stmt, ":key", uuid_or_name);
    rc = sql_step(store, stmt, &has_row, err);
    if (rc == 0 && !has_row) {
        rc = err_set(err, ERR_NOT_FOUND, "no domain \"%.64s\" is recorded", uuid_or_name);
    }
    if (rc == 0) {
        rc = read_row(stmt, record, err);
    }
    if (rc == 0) {
        rc = read_disks(store, &record->spec, err);
    }
    if (rc == 0) {
        rc = read_nics(store, &record->spec, err);
    }
    sql_end(store, stmt);
    return rc;
}

int store_domain_list(struct store *store, struct domain_record **records, size_t *count,
                      struct err *err)
{
    struct domain_record *list = NULL;
    sqlite3_stmt *stmt;
    bool has_row = false;
    size_t used = 0;
    int rc = sql_prepare(store, "SELECT " DOMAIN_COLUMNS " FROM domains ORDER BY name", &stmt, err);

    *records = NULL;
    *count = 0;
    if (rc != 0) {
        return rc;
    }
    while ((rc = sql_step(store, stmt, &has_row, err)) == 0 && has_row) {
        struct domain_record *grown = realloc(list, (used + 1) * sizeof(*list));

        if (grown == NULL) {
            rc = err_set(err, ERR_NO_MEMORY, "no memory for the list of domains");
            break;
        }
        list = grown;
        rc = read_row(stmt, &list[used], err);
        if (rc == 0) {
            rc = read_disks(store, &list[used].spec, err);
        }
        if (rc == 0) {
            rc = read_nics(store, &list[used].spec, err);
        }
        if (rc != 0) {
            break;
        }
        used++;
    }
    sql_end(store, stmt);
    if (rc != 0) {
        free(list);
        return rc;
    }
    *records = list;
    *count = used;
    return 0;
}

/* Run an UPDATE or DELETE that must have hit the one row with this uuid; ends the statement. */
static int change_one(struct store *store, sqlite3_stmt *stmt, const char *uuid, struct err *err)
{
    int rc;

    sql_bind_text(stmt, ":uuid", uuid);
    rc = sql_step(store, stmt, NULL, err);
    if (rc == 0 && sqlite3_changes(store->db) == 0) {
        rc = err_set(err, ERR_NOT_FOUND, "no domain %s is recorded", uuid);
    }
    sql_end(store, stmt);
    return rc;
}

int store_domain_set_observed(struct store *store, const struct domain_record *record,
                              struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = sql_prepare(store, "UPDATE domains SET state = :state, state_reason = :state_reason,"
                         " domid = :domid, start_time_ms = :start_time_ms WHERE uuid = :uuid",
                         &stmt, err);

    if (rc != 0) {
        return rc;
    }
    bind_observed(stmt, record);
    return change_one(store, stmt, record->spec.uuid, err);
}

int store_domain_set_desired(struct store *store, const char *uuid, enum domain_desired desired,
                             struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = sql_prepare(store, "UPDATE domains SET desired_state = :desired WHERE uuid = :uuid",
                         &stmt, err);

    if (rc != 0) {
        return rc;
    }
    sql_bind_text(stmt, ":desired", domain_desired_name(desired));
    return change_one(store, stmt, uuid, err);
}

int store_domain_delete(struct store *store, const char *uuid, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = sql_prepare(store, "DELETE FROM domains WHERE uuid = :uuid", &stmt, err);

    if (rc != 0) {
        return rc;
    }
    return change_one(store, stmt, uuid, err);
}
