/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "xenstore/domain.h"
#include "xenstore/path.h"
#include "xenstore/record.h"

/* ---- reading back ---- */

struct loader {
    struct store *store;
    struct bytes_reader *in;
};

static struct domain *read_domain(const struct loader *loader)
{
    return domain_find(loader->store, (domid_t)bytes_read_u32(loader->in));
}

static bool read_put(const struct loader *loader, struct tree *tree)
{
    struct perm perms[PERMS_MAX];
    const char *path = bytes_read_text(loader->in);
    size_t perm_count = record_read_perms(loader->in, perms);
    uint32_t size_bytes;
    const char *value = bytes_read_string(loader->in, &size_bytes);

    return !loader->in->has_failed && path[0] == '/' &&
           (tree == NULL || tree_put(tree, path, perms, perm_count, value, size_bytes) == 0);
}

static bool read_remove(const struct loader *loader, struct tree *tree)
{
    const char *path = bytes_read_text(loader->in);
    int rc;

    if (loader->in->has_failed || path[0] != '/') {
        return false;
    }
    rc = tree != NULL ? tree_remove(tree, path) : 0;
    return rc == 0 || rc == ENOENT;
}

static bool read_special_perms(const struct loader *loader)
{
    struct special_node *special = store_special(loader->store, bytes_read_text(loader->in));
    struct perm perms[PERMS_MAX];
    size_t count = record_read_perms(loader->in, perms);

    if (special == NULL || count == 0) {
        return false;
    }
    memcpy(special->perms, perms, count * sizeof(perms[0]));
    special->perm_count = count;
    return true;
}

static void clear_messages(struct domain *domain)
{
    wire_input_reset(&domain->connection.in);
    outqueue_clear(&domain->connection.out);
}

static bool read_new_domain(const struct loader *loader)
{
    domid_t domid = (domid_t)bytes_read_u32(loader->in);
    uint64_t gfn = bytes_read_u64(loader->in);
    uint32_t port = bytes_read_u32(loader->in);
    struct domain *domain = domain_find(loader->store, domid);

    if (loader->in->has_failed) {
        return false;
    }
    if (domain == NULL) {
        return domain_restore(loader->store, domid, gfn, port) != NULL;
    }
    domain->gfn = gfn;
    domain->remote_port = port;
    clear_messages(domain);
    return true;
}

static bool read_domain_flags(struct domain *domain, const struct loader *loader)
{
    domain->is_shutdown = bytes_read_u8(loader->in) != 0;
    domain->ring_error = bytes_read_u32(loader->in);
    domain->connection.target = (domid_t)bytes_read_u32(loader->in);
    if (domain->ring_error != XENSTORE_ERROR_NONE) {
        clear_messages(domain);
    }
    return true;
}

static bool read_input(struct domain *domain, const struct loader *loader)
{
    uint32_t size_bytes;
    const char *partial;

    domain->consumed = bytes_read_u32(loader->in);
    partial = bytes_read_string(loader->in, &size_bytes);
    wire_input_reset(&domain->connection.in);
    return size_bytes <= WIRE_MESSAGE_MAX &&
           wire_input_add(&domain->connection.in, partial, size_bytes) == 0;
}

static bool read_output(struct domain *domain, const struct loader *loader)
{
    uint32_t size_bytes;
    const char *message = bytes_read_string(loader->in, &size_bytes);

    return size_bytes >= WIRE_HEADER_SIZE &&
           outqueue_push_raw(&domain->connection.out, message, size_bytes) == 0;
}

static bool read_watch(struct domain *domain, const struct loader *loader, bool is_new)
{
    const char *path = bytes_read_text(loader->in);
    const char *token = bytes_read_text(loader->in);
    struct watch *watch;
    int rc;

    if (loader->in->has_failed) {
        return false;
    }
    rc = is_new ? watch_add(loader->store, &domain->connection, path, token, &watch)
                : watch_remove(loader->store, &domain->connection, path, token);
    return rc == 0;
}

static void drop_transactions(struct connection *connection)
{
    while (!TAILQ_EMPTY(&connection->transactions)) {
        struct transaction *transaction = TAILQ_FIRST(&connection->transactions);

        TAILQ_REMOVE(&connection->transactions, transaction, link);
        connection->transaction_count--;
        transaction_free(transaction);
    }
}

static bool read_transaction_step(struct transaction *transaction, const struct loader *loader,
                                  enum record_type type)
{
    struct bytes_reader ahead = *loader->in;
    const char *path = bytes_read_text(&ahead);
    unsigned int how = type == RECORD_TRANSACTION_PUT ? TOUCH_WRITTEN : TOUCH_REMOVED;

    if (ahead.has_failed || transaction_touch(transaction, path, how, NULL) != 0) {
        return false;
    }
    /* It will not be committed, so a write without its parent may just be left out. */
    if (type == RECORD_TRANSACTION_PUT) {
        read_put(loader, &transaction->tree);
    } else {
        read_remove(loader, &transaction->tree);
    }
    return !loader->in->has_failed;
}

static bool read_transaction(struct domain *domain, const struct loader *loader,
                             enum record_type type)
{
    struct connection *connection = &domain->connection;
    uint32_t id = bytes_read_u32(loader->in);
    struct transaction *transaction = connection_transaction(connection, id);

    if (type == RECORD_TRANSACTION_START) {
        transaction = transaction_start(&loader->store->tree, id);
        if (transaction == NULL) {
            return false;
        }
        transaction->is_doomed = true;
        TAILQ_INSERT_TAIL(&connection->transactions, transaction, link);
        connection->transaction_count++;
        if (loader->store->next_transaction_id <= id) {
            loader->store->next_transaction_id = id + 1;
        }
        return true;
    }
    if (transaction == NULL) {
        return false;
    }
    if (type == RECORD_TRANSACTION_END) {
        TAILQ_REMOVE(&connection->transactions, transaction, link);
        connection->transaction_count--;
        transaction_free(transaction);
        return true;
    }
    return read_transaction_step(transaction, loader, type);
}

static bool load_domain_record(const struct loader *loader, enum record_type type)
{
    struct domain *domain = read_domain(loader);

    if (domain == NULL) {
        return false;
    }
    switch (type) {
    case RECORD_DOMAIN_REMOVED:
        domain_free(domain);
        return true;
    case RECORD_DOMAIN_FLAGS:
        return read_domain_flags(domain, loader);
    case RECORD_INPUT:
        return read_input(domain, loader);
    case RECORD_OUTPUT_START:
        domain->produced = bytes_read_u32(loader->in);
        return true;
    case RECORD_OUTPUT:
        return read_output(domain, loader);
    case RECORD_CLIENT_RESET:
        watch_remove_all(&domain->connection);
        drop_transactions(&domain->connection);
        return true;
    case RECORD_RING_RESET:
        clear_messages(domain);
        domain->consumed = 0;
        domain->produced = 0;
        domain->ring_error = XENSTORE_ERROR_NONE;
        return true;
    case RECORD_WATCH:
        return read_watch(domain, loader, true);
    case RECORD_UNWATCH:
        return read_watch(domain, loader, false);
    default:
        return read_transaction(domain, loader, type);
    }
}

static bool load_record(const struct loader *loader)
{
    enum record_type type = bytes_read_u8(loader->in);

    switch (type) {
    case RECORD_PUT:
        return read_put(loader, &loader->store->tree);
    case RECORD_REMOVE:
        return read_remove(loader, &loader->store->tree);
    case RECORD_SPECIAL_PERMS:
        return read_special_perms(loader);
    case RECORD_DOMAIN:
        return read_new_domain(loader);
    case RECORD_NEXT_TRANSACTION:
        loader->store->next_transaction_id = bytes_read_u32(loader->in);
        return true;
    case RECORD_DOMAIN_REMOVED:
    case RECORD_DOMAIN_FLAGS:
    case RECORD_INPUT:
    case RECORD_OUTPUT_START:
    case RECORD_OUTPUT:
    case RECORD_CLIENT_RESET:
    case RECORD_RING_RESET:
    case RECORD_WATCH:
    case RECORD_UNWATCH:
    case RECORD_TRANSACTION_START:
    case RECORD_TRANSACTION_PUT:
    case RECORD_TRANSACTION_REMOVE:
    case RECORD_TRANSACTION_END:
        return load_domain_record(loader, type);
    }
    return false;
}

static bool load_batch(struct bytes_reader *batch, void *context)
{
    struct loader loader = {.store = context, .in = batch};

    while (batch->at < batch->end) {
        if (!load_record(&loader) || batch->has_failed) {
            return false;
        }
    }
    return true;
}

int state_load(struct store *store, const char *path, bool *found, struct err *err)
{
    struct timespec now;

    /* Later than every generation given out before, as no one counts faster than the clock. */
    clock_gettime(CLOCK_BOOTTIME, &now);
    tree_set_generation_floor((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
    return journal_read(path, load_batch, store, found, err);
}

/* ---- writing out ---- */

static bool save_node(const struct node *node, const char *path, void *context)
{
    record_put(context, path, node->content);
    return true;
}

static void save_transaction(struct bytes_writer *out, domid_t domid,
                             const struct transaction *transaction)
{
    record_transaction(out, RECORD_TRANSACTION_START, domid, transaction->id);
    for (size_t i = 0; i < transaction->touched_count; i++) {
        if ((transaction->touched[i].how & TOUCH_REMOVED) != 0) {
            record_transaction_remove(out, domid, transaction->id, transaction->touched[i].path);
        }
    }
    for (size_t i = 0; i < transaction->touched_count; i++) {
        const struct touched_path *touched = &transaction->touched[i];
        const struct node *node = tree_find(&transaction->tree, touched->path);

        if ((touched->how & TOUCH_WRITTEN) != 0 && node != NULL) {
            record_transaction_put(out, domid, transaction->id, touched->path, node->content);
        }
    }
}

static void save_domain(struct bytes_writer *out, const struct domain *domain)
{
    const struct connection *connection = &domain->connection;
    domid_t domid = connection->domid;
    const struct out_message *message;
    const struct watch *watch;
    const struct transaction *transaction;

    record_domain(out, domid, domain->gfn, domain->remote_port);
    record_domain_flags(out, domid, domain->is_shutdown, domain->ring_error, connection->target);
    record_input(out, domid, domain->consumed, connection->in.bytes, connection->in.used_bytes);
    record_output_start(out, domid, domain->produced - (uint32_t)connection->out.head_sent_bytes);
    STAILQ_FOREACH(message, &connection->out.messages, link)
    {
        record_output(out, domid, message->bytes, message->size_bytes);
    }
    TAILQ_FOREACH(watch, &connection->watches, of_connection)
    {
        record_watch(out, RECORD_WATCH, domid, watch_raw_path(watch), watch->token);
    }
    TAILQ_FOREACH(transaction, &connection->transactions, link)
    {
        save_transaction(out, domid, transaction);
    }
}

int state_save(struct store *store, const char *path, struct err *err)
{
    struct bytes_writer *out = store_records(store);
    const struct domain *domain;

    journal_commit(&store->journal); /* the old file goes on if there is no new one */
    record_next_transaction(out, store->next_transaction_id);
    tree_walk(store->tree.root, "/", save_node, out);
    for (size_t i = 0; i < SPECIAL_COUNT; i++) {
        record_special_perms(out, store->specials[i].name, store->specials[i].perms,
                             store->specials[i].perm_count);
    }
    TAILQ_FOREACH(domain, &store->domains, link)
    {
        save_domain(out, domain);
    }
    return journal_rewrite(&store->journal, path, err);
}
