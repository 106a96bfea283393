/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything the daemon knows, in one place: the tree, the permissions of the special nodes, who
 * watches what, who is connected, which domains are introduced, and the journal that lets it all
 * survive. The parts are each in a file of their own; none of them knows a socket or a file of Xen.
 */
#pragma once

#include <stdint.h>
#include <sys/queue.h>

#include "xenstore/journal.h"
#include "xenstore/quota.h"
#include "xenstore/tree.h"
#include "xenstore/watch.h"

struct connection;
struct domain;
struct xen;

/* A special node: permissions only. */
struct special_node {
    const char *name;
    struct perm perms[PERMS_MAX];
    size_t perm_count;
};

enum special {
    SPECIAL_INTRODUCE_DOMAIN,
    SPECIAL_RELEASE_DOMAIN,
    SPECIAL_COUNT,
};

TAILQ_HEAD(connection_list, connection);
TAILQ_HEAD(domain_list, domain);

struct store {
    struct tree tree;
    struct special_node specials[SPECIAL_COUNT];
    struct watch_table watches;
    struct quota quota;
    struct journal journal;
    uint32_t next_transaction_id;

    struct connection_list connections;
    struct connection_list unflushed; /* have something to publish once the journal is written */
    struct domain_list domains;       /* introduced, domain 0 included */
    struct domain_list ready;         /* have requests in their rings */
    const struct xen *xen;            /* NULL: a machine without Xen */
};

/** An empty store: only a root. 0 or ENOMEM. */
int store_init(struct store *store);

/** Put the nodes that every new store has. 0 or ENOMEM. */
int store_put_initial_nodes(struct store *store);

/** Free everything; connections must be closed already. */
void store_destroy(struct store *store);

/** The special node with this name, or NULL. */
struct special_node *store_special(struct store *store, const char *name);

/** Where records go. */
struct bytes_writer *store_records(struct store *store);
