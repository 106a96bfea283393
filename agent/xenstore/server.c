/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/server.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "util/log.h"
#include "xenstore/connection.h"
#include "xenstore/domain.h"
#include "xenstore/files.h"
#include "xenstore/loop.h"
#include "xenstore/socket.h"
#include "xenstore/state.h"

/* While the journal cannot be written, how often that is tried again. */
#define JOURNAL_RETRY_S 5

struct server {
    struct store store;
    struct loop loop;
    struct socket_listener listener;
    struct loop_source events; /* event channels */
    struct loop_source signals;
    char journal_path[PATH_MAX];
    time_t journal_retry_at;
    bool is_stopping;
};

static void on_signal(struct loop_source *source, uint32_t events)
{
    struct server *server =
        (struct server *)(void *)((char *)source - offsetof(struct server, signals));
    struct signalfd_siginfo info;

    (void)events;
    while (read(source->fd, &info, sizeof(info)) == sizeof(info)) {
        log_info("stopping: %s", strsignal((int)info.ssi_signo));
        server->is_stopping = true;
    }
}

static void on_event_channel(struct loop_source *source, uint32_t events)
{
    struct server *server =
        (struct server *)(void *)((char *)source - offsetof(struct server, events));

    (void)events;
    domain_handle_events(&server->store);
}

static int watch_signals(struct server *server, struct err *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    server->signals = (struct loop_source){
        .fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC),
        .events = EPOLLIN,
        .on_ready = on_signal,
    };
    if (server->signals.fd < 0) {
        return err_set_errno(err, errno, "cannot wait for signals");
    }
    return loop_add(&server->loop, &server->signals, err);
}

static int restore(struct server *server, const struct options *options, struct err *err)
{
    struct store *store = &server->store;
    bool found = false;
    int rc;

    snprintf(server->journal_path, sizeof(server->journal_path), "%s/stored.state",
             options->state_dir);
    rc = files_make_folder_of(server->journal_path, err);
    if (rc == 0 && !options->forgets_state) {
        rc = state_load(store, server->journal_path, &found, err);
    }
    if (rc == 0 && !found && store_put_initial_nodes(store) != 0) {
        rc = err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    if (rc == 0) {
        rc = state_save(store, server->journal_path, err);
    }
    if (rc == 0 && found) {
        log_info("went on with %zu nodes from %s", tree_node_count(&store->tree),
                 server->journal_path);
    }
    return rc;
}

static int attach_xen(struct server *server, struct err *err)
{
    const struct xen *xen = server->store.xen;
    int rc;

    server->events = (struct loop_source){
        .fd = xen->event_fd(xen->handle), .events = EPOLLIN, .on_ready = on_event_channel};
    rc = loop_add(&server->loop, &server->events, err);
    if (rc != 0) {
        return rc;
    }
    domain_attach_restored(&server->store);
    return domain_introduce_local(&server->store, err);
}

/* Domains that were introduced while there were rings cannot be served without. */
static void drop_domains(struct store *store)
{
    struct domain *domain;

    while ((domain = TAILQ_FIRST(&store->domains)) != NULL) {
        domain_remove(domain);
    }
}

static void pump_domains(struct store *store)
{
    struct domain *last = TAILQ_LAST(&store->ready, domain_list);
    struct domain *domain;

    /* Those that become ready again while we are at it wait for the next turn. */
    while ((domain = TAILQ_FIRST(&store->ready)) != NULL) {
        bool is_last = domain == last;

        domain_pump(domain);
        if (is_last) {
            break;
        }
    }
}

static void flush_connections(struct store *store)
{
    struct connection *last = TAILQ_LAST(&store->unflushed, connection_list);
    struct connection *connection;

    while ((connection = TAILQ_FIRST(&store->unflushed)) != NULL) {
        bool is_last = connection == last;

        TAILQ_REMOVE(&store->unflushed, connection, unflushed_link);
        connection->is_unflushed = false;
        connection->ops->flush(connection);
        if (is_last) {
            break;
        }
    }
}

static void tend_journal(struct server *server)
{
    struct timespec now;
    struct err err;

    if (!journal_wants_rewrite(&server->store.journal)) {
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec < server->journal_retry_at) {
        return;
    }
    if (state_save(&server->store, server->journal_path, &err) != 0) {
        log_error("journal: %s", err.message);
        server->journal_retry_at = now.tv_sec + JOURNAL_RETRY_S;
    }
}

/* How long there is nothing to do but wait for clients; -1: for ever. */
static int idle_ms(const struct store *store)
{
    if (!TAILQ_EMPTY(&store->ready) || !TAILQ_EMPTY(&store->unflushed)) {
        return 0;
    }
    return journal_wants_rewrite(&store->journal) ? JOURNAL_RETRY_S * 1000 : -1;
}

static int serve(struct server *server, struct err *err)
{
    int rc = 0;

    while (rc == 0 && !server->is_stopping) {
        pump_domains(&server->store);
        journal_commit(&server->store.journal);
        flush_connections(&server->store);
        tend_journal(server);
        rc = loop_dispatch(&server->loop, idle_ms(&server->store), err);
    }
    return rc;
}

int server_run(const struct options *options, const struct xen *xen,
               void (*on_ready)(void *context), void *context, struct err *err)
{
    static struct server server; /* too large for a stack, and there is one */
    struct domain *domain;
    int rc;

    server = (struct server){0};
    rc = loop_init(&server.loop, err);
    if (rc != 0) {
        return rc;
    }
    if (store_init(&server.store) != 0) {
        rc = err_set(err, ERR_NO_MEMORY, "out of memory");
        goto destroy_loop;
    }
    rc = watch_signals(&server, err);
    if (rc == 0) {
        rc = restore(&server, options, err);
    }
    if (rc != 0) {
        goto destroy_store;
    }
    server.store.xen = xen;
    if (xen != NULL) {
        rc = attach_xen(&server, err);
    } else {
        drop_domains(&server.store);
    }
    if (rc == 0) {
        rc =
            socket_listen(&server.listener, &server.loop, &server.store, options->socket_path, err);
    }
    if (rc == 0) {
        log_info("serving at %s%s", options->socket_path, xen != NULL ? " and rings" : "");
        if (on_ready != NULL) {
            on_ready(context);
        }
        rc = serve(&server, err);
        socket_close(&server.listener);
        journal_commit(&server.store.journal);
        flush_connections(&server.store);
    }
destroy_store:
    while ((domain = TAILQ_FIRST(&server.store.domains)) != NULL) {
        domain_free(domain);
    }
    if (server.signals.fd > 0) {
        close(server.signals.fd);
    }
    store_destroy(&server.store);
destroy_loop:
    loop_destroy(&server.loop);
    return rc;
}
