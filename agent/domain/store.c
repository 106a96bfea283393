/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Xenstore for a toolstack: single requests over libxenstore, transactions over store_wire.c.
 */
#include "agent/domain/store.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <xen/xen.h>

#include <xen/io/xs_wire.h>

#include "agent/domain/ctx.h"
#include "agent/domain/store_wire.h"

#define NODES_MAX   256
#define PATH_BYTES  128
#define VALUE_BYTES 1100
#define RETRIES_MAX 64

struct node {
    enum store_access access;
    char path[PATH_BYTES];
    char value[VALUE_BYTES];
};

struct store_batch {
    uint32_t guest_domid;
    bool is_overflown;
    size_t count;
    struct node nodes[NODES_MAX];
};

struct store_batch *store_batch_new(uint32_t guest_domid)
{
    struct store_batch *batch = calloc(1, sizeof(*batch));
    if (batch != NULL) {
        batch->guest_domid = guest_domid;
    }
    return batch;
}

void store_batch_free(struct store_batch *batch)
{
    free(batch);
}

void store_add(struct store_batch *batch, enum store_access access, const char *directory,
               const char *name, const char *value_format, ...)
{
    if (batch == NULL) {
        return;
    }
    if (batch->count == NODES_MAX) {
        batch->is_overflown = true;
        return;
    }
    struct node *node = &batch->nodes[batch->count++];
    node->access = access;
    int length = name != NULL
                     ? snprintf(node->path, sizeof(node->path), "%s/%s", directory, name)
                     : snprintf(node->path, sizeof(node->path), "%s", directory);
    if (length < 0 || (size_t)length >= sizeof(node->path)) {
        batch->is_overflown = true;
    }
    va_list args;
    va_start(args, value_format);
    length = vsnprintf(node->value, sizeof(node->value), value_format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof(node->value)) {
        batch->is_overflown = true;
    }
}

/* Permissions as the protocol writes them: the owner with what others may, then each exception. */
static size_t format_access(enum store_access access, uint32_t guest_domid, char *out,
                            size_t size_bytes)
{
    uint32_t owner = access == STORE_GUEST_OWNS ? guest_domid : OWN_DOMID;
    uint32_t reader = access == STORE_GUEST_OWNS ? OWN_DOMID : guest_domid;
    int length = snprintf(out, size_bytes, "n%u%cr%u", owner, '\0', reader);
    return (size_t)length + 1;
}

/* The requests a batch becomes: a write for each node, and its permissions where it has its own. */
struct requests {
    size_t count;
    struct store_wire_request list[2 * NODES_MAX];
    size_t node_of[2 * NODES_MAX];
    char bodies[2 * NODES_MAX][PATH_BYTES + VALUE_BYTES];
};

static void add_request(struct requests *requests, size_t node, const char *path, uint32_t type,
                        const char *rest, size_t rest_bytes)
{
    char *body = requests->bodies[requests->count];
    size_t path_bytes = strlen(path) + 1;
    memcpy(body, path, path_bytes);
    memcpy(body + path_bytes, rest, rest_bytes);
    requests->list[requests->count] = (struct store_wire_request){
        .type = type,
        .body = body,
        .size_bytes = path_bytes + rest_bytes,
    };
    requests->node_of[requests->count++] = node;
}

static struct requests *make_requests(const struct store_batch *batch)
{
    struct requests *requests = malloc(sizeof(*requests));
    if (requests == NULL) {
        return NULL;
    }
    requests->count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct node *node = &batch->nodes[i];
        add_request(requests, i, node->path, XS_WRITE, node->value, strlen(node->value));
        if (node->access != STORE_INHERIT) {
            char permissions[40];
            size_t length = format_access(node->access, batch->guest_domid, permissions,
                                          sizeof(permissions));
            add_request(requests, i, node->path, XS_SET_PERMS, permissions, length);
        }
    }
    return requests;
}

/* Are all nodes of batch there? It is whole or not at all, so the last one tells. */
static bool is_written(struct domain_ctx *ctx, const struct store_batch *batch)
{
    const struct node *last = &batch->nodes[batch->count - 1];
    char value[VALUE_BYTES];
    return store_read(ctx, last->path, value, sizeof(value), NULL) == 0 &&
           strcmp(value, last->value) == 0;
}

int store_commit(struct domain_ctx *ctx, struct store_batch *batch, struct err *err)
{
    if (batch == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for xenstore nodes");
    }
    if (batch->is_overflown) {
        return err_set(err, ERR_INTERNAL, "too many or too long xenstore nodes");
    }
    struct requests *requests = make_requests(batch);
    if (requests == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for xenstore nodes");
    }
    int result = -ERR_CONFLICT;
    unsigned tries = 0;
    bool is_again = true;
    for (int attempt = 0; attempt < RETRIES_MAX && is_again; attempt++) {
        size_t failed = 0;
        result = store_wire_transact(ctx->store.fd, requests->list, requests->count, &failed, err);
        is_again = result == -ERR_CONFLICT;
        if (result == -ERR_UNAVAILABLE && store_link_renew(&ctx->store, &tries)) {
            /* The answer is lost, but the transaction may have been carried out: then a second one would
             * undo what others have made of its nodes since. */
            is_again = !is_written(ctx, batch);
            result = is_again ? result : 0;
        } else if (result == -ERR_TIMEOUT) {
            /* Its answers would be taken for those to the next requests: these find no connection, and renew it. */
            close(ctx->store.fd);
            ctx->store.fd = -1;
        }
        if (result != 0 && !is_again) {
            err_prefix(err, "xenstore node %s", batch->nodes[requests->node_of[failed]].path);
        }
    }
    free(requests);
    return result;
}

/* The error of a request, from errno. */
static int failed(struct err *err, const char *verb, const char *path)
{
    if (errno == EBADF || errno == EPIPE || errno == ECONNRESET) {
        return err_set(err, ERR_UNAVAILABLE,
                       "cannot %s xenstore node %s: nether-stored is not there", verb, path);
    }
    return err_set_errno(err, errno, "cannot %s xenstore node %s", verb, path);
}

int store_read(struct domain_ctx *ctx, const char *path, char *out, size_t size_bytes,
               struct err *err)
{
    unsigned int length = 0;
    unsigned tries = 0;
    char *value;
    do {
        value = xs_read(ctx->store.xs, XBT_NULL, path, &length);
    } while (value == NULL && store_link_renew(&ctx->store, &tries));
    if (value == NULL) {
        return failed(err, "read", path);
    }
    int result = 0;
    if (length >= size_bytes) {
        result = err_set(err, ERR_INTERNAL, "xenstore node %s is too long", path);
    } else {
        memcpy(out, value, length);
        out[length] = '\0';
    }
    free(value);
    return result;
}

int store_write(struct domain_ctx *ctx, const char *path, const char *value, struct err *err)
{
    unsigned tries = 0;
    bool is_done;
    do {
        is_done = xs_write(ctx->store.xs, XBT_NULL, path, value, (unsigned int)strlen(value));
    } while (!is_done && store_link_renew(&ctx->store, &tries));
    return is_done ? 0 : failed(err, "write", path);
}

int store_remove(struct domain_ctx *ctx, const char *path, struct err *err)
{
    unsigned tries = 0;
    bool is_done;
    do {
        is_done = xs_rm(ctx->store.xs, XBT_NULL, path) || errno == ENOENT;
    } while (!is_done && store_link_renew(&ctx->store, &tries));
    return is_done ? 0 : failed(err, "remove", path);
}

int store_list(struct domain_ctx *ctx, const char *path, char ***names, unsigned int *count,
               struct err *err)
{
    unsigned tries = 0;
    do {
        *count = 0;
        *names = xs_directory(ctx->store.xs, XBT_NULL, path, count);
    } while (*names == NULL && store_link_renew(&ctx->store, &tries));
    return *names != NULL || errno == ENOENT ? 0 : failed(err, "list", path);
}

int store_introduce(struct domain_ctx *ctx, uint32_t domid, uint64_t gfn, uint32_t port,
                    struct err *err)
{
    unsigned tries = 0;
    bool is_done;
    do {
        is_done = xs_introduce_domain(ctx->store.xs, domid, gfn, port);
    } while (!is_done && store_link_renew(&ctx->store, &tries));
    return is_done ? 0
                   : err_set(err, ERR_UNAVAILABLE, "xenstore does not take domain %u in: %s", domid,
                             strerror(errno));
}

void store_release(struct domain_ctx *ctx, uint32_t domid)
{
    unsigned tries = 0;
    while (!xs_release_domain(ctx->store.xs, domid) && store_link_renew(&ctx->store, &tries)) {
    }
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool check_condition(struct domain_ctx *ctx, const char *path,
                            store_condition_fn is_reached, void *opaque)
{
    char value[256];
    bool is_there = store_read(ctx, path, value, sizeof(value), NULL) == 0;
    return is_reached(is_there ? value : NULL, opaque);
}

/* Takes every event that has arrived for any of our watches. */
static void drain_watches(struct domain_ctx *ctx)
{
    for (char **event = xs_check_watch(ctx->store.xs); event != NULL;
         event = xs_check_watch(ctx->store.xs)) {
        free(event);
    }
}

static int set_watch(struct domain_ctx *ctx, const char *path, const char *token, struct err *err)
{
    unsigned tries = 0;
    bool is_set;
    do {
        is_set = xs_watch(ctx->store.xs, path, token);
    } while (!is_set && store_link_renew(&ctx->store, &tries));
    return is_set ? 0 : failed(err, "watch", path);
}

int store_wait(struct domain_ctx *ctx, const char *path, store_condition_fn is_reached,
               void *opaque, int timeout_ms, struct err *err)
{
    static const char token[] = "wait";
    int64_t deadline = now_ms() + timeout_ms;

    if (check_condition(ctx, path, is_reached, opaque)) {
        return 0;
    }
    int result = set_watch(ctx, path, token, err);
    unsigned generation = ctx->store.generation;
    /* A watch fires once when set, so nothing that happened before is missed. */
    while (result == 0 && !check_condition(ctx, path, is_reached, opaque)) {
        int64_t left = deadline - now_ms();
        if (left <= 0) {
            result = err_set(err, ERR_TIMEOUT, "xenstore node %s did not change in %d ms", path,
                             timeout_ms);
        } else if (generation != ctx->store.generation) {
            result = set_watch(ctx, path, token, err); /* the first one ended with its connection */
            generation = ctx->store.generation;
        } else {
            struct pollfd fds[] = {{.fd = xs_fileno(ctx->store.xs), .events = POLLIN},
                                   {.fd = ctx->store.fd, .events = POLLIN}}; /* hangs up */
            if (poll(fds, 2, (int)left) < 0 && errno != EINTR) {
                result = err_set_errno(err, errno, "cannot wait for xenstore");
            }
            drain_watches(ctx);
        }
    }
    xs_unwatch(ctx->store.xs, path, token);
    drain_watches(ctx);
    return result;
}
