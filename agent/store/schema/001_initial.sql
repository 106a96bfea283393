-- SPDX-License-Identifier: Apache-2.0
-- Domains as asked for and as last observed, the tasks that change them, and the audit record.
-- Times are milliseconds since 1970 UTC; 0 means "not yet".

CREATE TABLE domains (
    uuid           TEXT PRIMARY KEY,
    name           TEXT NOT NULL UNIQUE,
    memory_bytes   INTEGER NOT NULL CHECK (memory_bytes > 0),
    vcpus          INTEGER NOT NULL CHECK (vcpus > 0),
    kernel         TEXT NOT NULL,
    initrd         TEXT NOT NULL,
    cmdline        TEXT NOT NULL,
    on_poweroff    TEXT NOT NULL,
    on_reboot      TEXT NOT NULL,
    on_crash       TEXT NOT NULL,
    create_time_ms INTEGER NOT NULL,
    -- wanted
    desired_state  TEXT NOT NULL,
    -- observed
    state          TEXT NOT NULL,
    state_reason   TEXT NOT NULL,
    domid          INTEGER,           -- NULL while the hypervisor does not hold it
    start_time_ms  INTEGER NOT NULL
) STRICT;

CREATE TABLE domain_disks (
    domain_uuid TEXT NOT NULL REFERENCES domains (uuid) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    target      TEXT NOT NULL,
    path        TEXT NOT NULL,
    readonly    INTEGER NOT NULL,
    PRIMARY KEY (domain_uuid, position)
) STRICT;

CREATE TABLE domain_nics (
    domain_uuid TEXT NOT NULL REFERENCES domains (uuid) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    mac         TEXT NOT NULL,
    bridge      TEXT NOT NULL,
    PRIMARY KEY (domain_uuid, position)
) STRICT;

-- A task outlives the domain it was about: no foreign key.
CREATE TABLE tasks (
    seq              INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT NOT NULL UNIQUE,
    kind             TEXT NOT NULL,
    domain_uuid      TEXT NOT NULL,
    domain_name      TEXT NOT NULL,
    state            TEXT NOT NULL,
    progress_percent INTEGER NOT NULL,
    stage            TEXT NOT NULL,
    error_code       TEXT NOT NULL,
    error_field      TEXT NOT NULL,
    error_message    TEXT NOT NULL,
    actor            TEXT NOT NULL,
    request_id       TEXT NOT NULL,
    idempotency_key  TEXT UNIQUE,
    fingerprint      TEXT NOT NULL,
    attempts         INTEGER NOT NULL,
    timeout_s        INTEGER NOT NULL,
    then_start       INTEGER NOT NULL,
    create_time_ms   INTEGER NOT NULL,
    start_time_ms    INTEGER NOT NULL,
    finish_time_ms   INTEGER NOT NULL
) STRICT;

CREATE INDEX tasks_unfinished ON tasks (state) WHERE state IN ('pending', 'running');
CREATE INDEX tasks_of_domain ON tasks (domain_uuid);

CREATE TABLE events (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    time_ms     INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    actor       TEXT NOT NULL,
    request_id  TEXT NOT NULL,
    domain_uuid TEXT NOT NULL,
    domain_name TEXT NOT NULL,
    task_id     TEXT NOT NULL,
    detail      TEXT NOT NULL
) STRICT;
