/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's durable memory: one SQLite database (WAL, synchronous=FULL, foreign keys). When a
 * function here that changes something has returned 0 outside a transaction, or store_transaction_commit() has,
 * the change survives the loss of power. Schema changes are numbered files under schema/, applied
 * in order and counted in the database's user_version.
 *
 * Any thread may call any function: one lock inside the store serves them one at a time. A
 * transaction holds that lock from store_transaction_begin() to store_transaction_commit() or store_transaction_rollback(), so what
 * lies between must be short.
 */
#pragma once

#include <stdint.h>

#include "util/err.h"

struct store;

/**
 * Open or create the database file at path and bring its schema up to date.
 * Errors: ERR_NOT_FOUND/ERR_PERMISSION (folder), ERR_CONFLICT (made by a newer agent),
 * ERR_NO_SPACE, ERR_INTERNAL (not a database, damaged).
 */
int store_open(const char *path, struct store **out, struct err *err);

/** Close; NULL is fine. */
void store_close(struct store *store);

/** Start a transaction and take the store's lock. */
int store_transaction_begin(struct store *store, struct err *err);

/** Make the transaction durable and release the lock. On failure it is rolled back. */
int store_transaction_commit(struct store *store, struct err *err);

/** Forget the transaction and release the lock. */
void store_transaction_rollback(struct store *store);

/** Now, in milliseconds since 1970 UTC, as the tables count time. */
int64_t store_now_ms(void);
