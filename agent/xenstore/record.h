/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of the journal: each says one change of the daemon's lasting state. Written here,
 * read back in state.c. What belongs to a socket client is not recorded: it ends with the socket.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xenstore/journal.h"
#include "xenstore/tree.h"

enum record_type {
    RECORD_PUT = 1,            /* path, perms, value */
    RECORD_REMOVE,             /* path */
    RECORD_SPECIAL_PERMS,      /* name of a special node, perms */
    RECORD_DOMAIN,             /* domid, gfn, port: introduced */
    RECORD_DOMAIN_REMOVED,     /* domid */
    RECORD_DOMAIN_FLAGS,       /* domid, is_shutdown, ring error, target */
    RECORD_INPUT,              /* domid, request ring index, bytes of an unfinished message */
    RECORD_OUTPUT_START,       /* domid, response ring index at which its output starts */
    RECORD_OUTPUT,             /* domid, one message to send */
    RECORD_CLIENT_RESET,       /* domid: watches and transactions gone */
    RECORD_RING_RESET,         /* domid: both rings start again at index 0, nothing pending */
    RECORD_WATCH,              /* domid, path as sent, token */
    RECORD_UNWATCH,            /* domid, path as sent, token */
    RECORD_TRANSACTION_START,  /* domid, id */
    RECORD_TRANSACTION_PUT,    /* domid, id, path, perms, value */
    RECORD_TRANSACTION_REMOVE, /* domid, id, path */
    RECORD_TRANSACTION_END,    /* domid, id */
    RECORD_NEXT_TRANSACTION,   /* the next id */
};

void record_put(struct bytes_writer *out, const char *path, const struct node_content *content);
void record_remove(struct bytes_writer *out, const char *path);
void record_special_perms(struct bytes_writer *out, const char *name, const struct perm *perms,
                          size_t perm_count);
void record_domain(struct bytes_writer *out, domid_t domid, uint64_t gfn, uint32_t port);
void record_domain_flags(struct bytes_writer *out, domid_t domid, bool is_shutdown,
                         uint32_t ring_error, domid_t target);
void record_input(struct bytes_writer *out, domid_t domid, uint32_t index, const void *partial,
                  size_t partial_size_bytes);
void record_output_start(struct bytes_writer *out, domid_t domid, uint32_t index);
void record_output(struct bytes_writer *out, domid_t domid, const void *message, size_t size_bytes);
void record_watch(struct bytes_writer *out, enum record_type type, domid_t domid, const char *path,
                  const char *token);
void record_transaction(struct bytes_writer *out, enum record_type type, domid_t domid,
                        uint32_t id);
void record_transaction_put(struct bytes_writer *out, domid_t domid, uint32_t id, const char *path,
                            const struct node_content *content);
void record_transaction_remove(struct bytes_writer *out, domid_t domid, uint32_t id,
                               const char *path);
void record_next_transaction(struct bytes_writer *out, uint32_t id);

/** The records that only name a domain: DOMAIN_REMOVED, CLIENT_RESET, RING_RESET. */
void record_of_domain(struct bytes_writer *out, enum record_type type, domid_t domid);

/** Read back a list of permissions. Returns the count, 0 on failure. */
size_t record_read_perms(struct bytes_reader *reader, struct perm perms[PERMS_MAX]);
