/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that lets the daemon be killed at any instruction: batches of records, appended before
 * anything they describe becomes visible to a client. A batch counts whole or not at all (length
 * and checksum). The file is only for the life of the host's boot; it guards against the death of
 * the process, not of the machine, so it lies on tmpfs and is never synced to a disk.
 *
 *   file  = "NETHSTO1", boot id (36 bytes), batches
 *   batch = u32 mark, u32 payload length, u32 CRC-32 of the payload, payload (records, see
 * record.h)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/err.h"
#include "xenstore/bytes.h"

struct journal {
    char path[256];
    int fd;         /* -1: not open, records go nowhere */
    bool is_broken; /* an append failed; the file lacks something until it is rewritten */
    off_t size_bytes;
    off_t size_when_compacted;
    struct bytes_writer batch; /* records not yet appended */
};

/** Nothing open; records are dropped until journal_open(). */
void journal_init(struct journal *journal);

/**
 * Read a journal of this boot, handing each whole batch to replay.
 * @param path   file; it may be missing
 * @param found  receives whether there was one of this boot
 * @return 0 or a negative error (file unreadable, or replay returned false: a record makes no
 * sense)
 */
int journal_read(const char *path, bool (*replay)(struct bytes_reader *batch, void *context),
                 void *context, bool *found, struct err *err);

/**
 * Replace the file by one that holds the records now in journal->batch, and append from there on.
 * The old file stays as it is until the new one is complete. The batch is empty afterwards, also on failure: what
 * stands for everything is no batch to append.
 */
int journal_rewrite(struct journal *journal, const char *path, struct err *err);

/** Append the records collected in journal->batch as one batch and empty it. False: not written. */
bool journal_commit(struct journal *journal);

/** True if a rewrite would make the file much smaller, or is needed because it is broken. */
bool journal_wants_rewrite(const struct journal *journal);

void journal_close(struct journal *journal);
