/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/domain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"
#include "xenstore/ownership.h"
#include "xenstore/path.h"
#include "xenstore/record.h"
#include "xenstore/request.h"
#include "xenstore/ring.h"

/* Requests of one domain handled before the others get their turn. */
#define PUMP_REQUESTS 32

/* Events taken in one turn: a domain that sends one after the other never lets them run out. */
#define EVENTS_AT_ONCE 256

/* Between two lines of the log about the faults of one domain. */
#define COMPLAINT_PAUSE_S 10

static void flush(struct connection *connection);

static const struct connection_ops ring_ops = {.flush = flush};

static struct domain *domain_of(struct connection *connection)
{
    return (struct domain *)(void *)((char *)connection - offsetof(struct domain, connection));
}

struct domain *domain_find(struct store *store, domid_t domid)
{
    struct domain *domain;

    TAILQ_FOREACH(domain, &store->domains, link)
    {
        if (domain->connection.domid == domid) {
            return domain;
        }
    }
    return NULL;
}

void domain_mark_ready(struct domain *domain)
{
    if (!domain->is_ready) {
        domain->is_ready = true;
        TAILQ_INSERT_TAIL(&domain->connection.store->ready, domain, ready_link);
    }
}

static void unmark_ready(struct domain *domain)
{
    if (domain->is_ready) {
        domain->is_ready = false;
        TAILQ_REMOVE(&domain->connection.store->ready, domain, ready_link);
    }
}

static void notify(const struct domain *domain)
{
    const struct xen *xen = domain->connection.store->xen;

    if (domain->local_port >= 0) {
        xen->notify(xen->handle, domain->local_port);
    }
}

/* ---- the life of a connection ---- */

struct domain *domain_restore(struct store *store, domid_t domid, uint64_t gfn, uint32_t port)
{
    struct domain *domain = calloc(1, sizeof(*domain));

    if (domain == NULL) {
        return NULL;
    }
    connection_init(&domain->connection, store, &ring_ops, domid, true);
    domain->gfn = gfn;
    domain->remote_port = port;
    domain->local_port = -1;
    TAILQ_INSERT_TAIL(&store->domains, domain, link);
    return domain;
}

static void detach(struct domain *domain)
{
    const struct xen *xen = domain->connection.store->xen;

    if (domain->local_port >= 0) {
        xen->unbind_port(xen->handle, domain->local_port);
        domain->local_port = -1;
    }
    if (domain->ring.page != NULL) {
        xen->unmap_ring(xen->handle, &domain->ring);
        domain->ring.page = NULL;
    }
}

static int attach(struct domain *domain)
{
    const struct xen *xen = domain->connection.store->xen;
    domid_t domid = domain->connection.domid;
    int rc = xen->map_ring(xen->handle, domid, domain->gfn, &domain->ring);

    if (rc != 0) {
        log_warn("d%u: cannot map ring page, gfn %#llx: %s", domid, (unsigned long long)domain->gfn,
                 strerror(rc));
        return EINVAL;
    }
    domain->local_port = xen->bind_port(xen->handle, domid, domain->remote_port);
    if (domain->local_port < 0) {
        log_warn("d%u: cannot bind port %u: %s", domid, domain->remote_port, strerror(errno));
        detach(domain);
        return EINVAL;
    }
    return 0;
}

static void record_state(const struct domain *domain)
{
    record_domain_flags(store_records(domain->connection.store), domain->connection.domid,
                        domain->is_shutdown, domain->ring_error, domain->connection.target);
}

/* Its output has shrunk: whoever waited for that goes on. For domain 0's they all do. */
static void output_shrank(struct domain *domain, bool was_choked)
{
    struct domain *other;

    if (!was_choked || connection_is_choked(&domain->connection)) {
        return;
    }
    domain_mark_ready(domain);
    if (domain->connection.is_privileged) {
        TAILQ_FOREACH(other, &domain->connection.store->domains, link)
        {
            domain_mark_ready(other);
        }
    }
}

static void clear_messages(struct domain *domain)
{
    bool was_choked = connection_is_choked(&domain->connection);

    wire_input_reset(&domain->connection.in);
    outqueue_clear(&domain->connection.out);
    output_shrank(domain, was_choked);
}

/* Take the ring as the page has it, and open the connection. */
static void start_ring(struct domain *domain)
{
    struct xenstore_domain_interface *page = domain->ring.page;
    struct bytes_writer *out = store_records(domain->connection.store);
    domid_t domid = domain->connection.domid;

    clear_messages(domain);
    domain->consumed = __atomic_load_n(&page->req_cons, __ATOMIC_RELAXED);
    domain->published = domain->consumed;
    domain->produced = __atomic_load_n(&page->rsp_prod, __ATOMIC_RELAXED);
    domain->ring_error = XENSTORE_ERROR_NONE;
    domain->connection.is_closed = false;
    domain->is_restarting_ring = false;
    record_domain(out, domid, domain->gfn, domain->remote_port);
    record_state(domain);
    record_input(out, domid, domain->consumed, NULL, 0);
    record_output_start(out, domid, domain->produced);
    page->server_features = XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR;
    page->error = XENSTORE_ERROR_NONE;
    __atomic_store_n(&page->connection, XENSTORE_CONNECTED, __ATOMIC_RELEASE);
    domain_mark_ready(domain);
    notify(domain);
}

int domain_introduce(struct store *store, domid_t domid, uint64_t gfn, uint32_t port)
{
    const struct xen *xen = store->xen;
    struct domain *domain = domain_find(store, domid);
    bool is_new = domain == NULL;
    int rc;

    if (xen == NULL) {
        return ENOSYS;
    }
    if (domid != 0 && xen->domain_state(xen->handle, domid) == XEN_DOMAIN_GONE) {
        return EINVAL;
    }
    if (is_new) {
        domain = domain_restore(store, domid, gfn, port);
        if (domain == NULL) {
            return ENOMEM;
        }
    } else {
        detach(domain);
        domain->gfn = gfn;
        domain->remote_port = port;
    }
    rc = attach(domain);
    if (rc != 0) {
        if (is_new) {
            domain_free(domain);
        } else {
            domain_remove(domain);
        }
        return rc;
    }
    start_ring(domain);
    return 0;
}

int domain_introduce_local(struct store *store, struct err *err)
{
    const struct xen *xen = store->xen;
    int port;
    int rc;

    if (domain_find(store, 0) != NULL) {
        return 0;
    }
    port = xen->local_port(xen->handle);
    if (port < 0) {
        return err_set_errno(err, errno, "the kernel offers no xenstore port");
    }
    rc = domain_introduce(store, 0, 0, (uint32_t)port);
    return rc == 0 ? 0 : err_set_errno(err, rc, "cannot serve the local kernel");
}

void domain_free(struct domain *domain)
{
    struct store *store = domain->connection.store;

    unmark_ready(domain);
    detach(domain);
    connection_destroy(&domain->connection);
    TAILQ_REMOVE(&store->domains, domain, link);
    free(domain);
}

void domain_remove(struct domain *domain)
{
    struct store *store = domain->connection.store;
    domid_t domid = domain->connection.domid;
    struct domain *other;

    log_info("d%u: released", domid);
    domain_free(domain);
    record_of_domain(store_records(store), RECORD_DOMAIN_REMOVED, domid);
    TAILQ_FOREACH(other, &store->domains, link)
    {
        if (other->connection.target == domid) {
            domain_set_target(other, DOMID_INVALID);
        }
    }
    ownership_forget(store, domid);
    watch_fire_special(store, PATH_RELEASE_DOMAIN);
}

void domain_resume(struct domain *domain)
{
    domain->is_shutdown = false;
    record_state(domain);
}

void domain_set_target(struct domain *domain, domid_t target)
{
    domain->connection.target = target;
    record_state(domain);
}

/* A domain may fail as often as it likes; the log hears of it now and then. */
static void complain(struct domain *domain, const char *reason)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (domain->complained_at == 0 || now.tv_sec - domain->complained_at >= COMPLAINT_PAUSE_S) {
        domain->complained_at = now.tv_sec;
        log_warn("d%u: connection ended: %s", domain->connection.domid, reason);
    }
}

/* The domain broke the protocol: forget the connection, tell it why, leave everybody else alone. */
static void fail(struct domain *domain, uint32_t ring_error)
{
    static const char *const reasons[] = {"none", "communication", "impossible ring index",
                                          "message too long"};

    complain(domain, reasons[ring_error]);
    connection_reset(&domain->connection);
    clear_messages(domain);
    domain->connection.is_closed = true;
    domain->ring_error = ring_error;
    record_state(domain);
    connection_wants_flush(&domain->connection);
}

/* The domain set page->connection: it wants to start over with empty rings. */
static void restart_ring(struct domain *domain)
{
    connection_reset(&domain->connection);
    clear_messages(domain);
    domain->connection.is_closed = false;
    domain->ring_error = XENSTORE_ERROR_NONE;
    domain->consumed = 0;
    domain->published = 0;
    domain->produced = 0;
    domain->is_restarting_ring = true;
    record_of_domain(store_records(domain->connection.store), RECORD_RING_RESET,
                     domain->connection.domid);
    connection_wants_flush(&domain->connection);
}

/* ---- bytes in ---- */

/* Take bytes until the message is complete. False: it is not (yet), or the domain has failed. */
static bool receive(struct domain *domain)
{
    struct wire_input *in = &domain->connection.in;
    size_t wanted;

    while ((wanted = wire_input_wanted(in)) > 0) {
        char bytes[XENSTORE_RING_SIZE];
        ssize_t got = ring_take_request(domain->ring.page, &domain->consumed, bytes,
                                        wanted < sizeof(bytes) ? wanted : sizeof(bytes));

        if (got < 0) {
            fail(domain, XENSTORE_ERROR_RINGIDX);
            return false;
        }
        if (got == 0) {
            return false;
        }
        if (wire_input_add(in, bytes, (size_t)got) != 0) {
            fail(domain, XENSTORE_ERROR_PROTO);
            return false;
        }
    }
    return true;
}

/* Are its requests left waiting? A domain's are while it does not read what we say, or while the kernel of
 * domain 0 is behind with the events that the domains' requests cause: nothing else bounds these. That
 * kernel's own are not: it always reads. */
static bool must_wait(const struct domain *domain)
{
    const struct domain *kernel = domain_find(domain->connection.store, 0);

    return !domain->connection.is_privileged &&
           (connection_is_choked(&domain->connection) ||
            (kernel != NULL && connection_is_choked(&kernel->connection)));
}

void domain_pump(struct domain *domain)
{
    struct connection *connection = &domain->connection;
    uint32_t consumed_before;
    int handled = 0;

    unmark_ready(domain);
    if (domain->ring.page == NULL || domain->is_restarting_ring) {
        return;
    }
    if (__atomic_load_n(&domain->ring.page->connection, __ATOMIC_ACQUIRE) != XENSTORE_CONNECTED) {
        restart_ring(domain);
        return;
    }
    consumed_before = domain->consumed;
    while (handled < PUMP_REQUESTS && !connection->is_closed && !must_wait(domain) &&
           receive(domain)) {
        request_handle(connection);
        handled++;
    }
    if (handled == PUMP_REQUESTS) {
        domain_mark_ready(domain);
    }
    if (handled > 0 && must_wait(domain)) {
        /* When they go on, those that had no turn come first. */
        TAILQ_REMOVE(&connection->store->domains, domain, link);
        TAILQ_INSERT_TAIL(&connection->store->domains, domain, link);
    }
    if (connection->out.waiting_bytes > 0) {
        connection_wants_flush(connection); /* the event may mean that there is room again */
    }
    if (domain->consumed != consumed_before && !connection->is_closed) {
        record_input(store_records(connection->store), connection->domid, domain->consumed,
                     connection->in.bytes, connection->in.used_bytes);
        connection_wants_flush(connection);
    }
}

/* ---- bytes out ---- */

static void publish_restart(struct domain *domain)
{
    struct xenstore_domain_interface *page = domain->ring.page;

    domain->is_restarting_ring = false;
    page->req_cons = 0;
    page->req_prod = 0;
    page->rsp_cons = 0;
    page->rsp_prod = 0;
    page->error = XENSTORE_ERROR_NONE;
    __atomic_store_n(&page->connection, XENSTORE_CONNECTED, __ATOMIC_RELEASE);
}

/* Put as much output as fits. Returns the bytes put, or -1. */
static ssize_t send_output(struct domain *domain)
{
    struct outqueue *out = &domain->connection.out;
    const char *bytes;
    size_t size_bytes;
    ssize_t total = 0;

    while ((size_bytes = outqueue_peek(out, &bytes)) > 0) {
        ssize_t put = ring_put_response(domain->ring.page, &domain->produced, bytes, size_bytes);

        if (put < 0) {
            return -1;
        }
        if (put == 0) {
            break; /* full: the domain sends an event when it has made room */
        }
        outqueue_consume(out, (size_t)put);
        total += put;
    }
    return total;
}

static void flush(struct connection *connection)
{
    struct domain *domain = domain_of(connection);
    bool must_notify = false;
    bool was_choked = connection_is_choked(connection);
    ssize_t sent;

    if (domain->ring.page == NULL) {
        return;
    }
    if (connection->is_closed) {
        if (domain->ring_error == XENSTORE_ERROR_NONE) {
            fail(domain, XENSTORE_ERROR_COMM);
        }
        domain->ring.page->error = domain->ring_error;
        notify(domain);
        return;
    }
    if (domain->is_restarting_ring) {
        publish_restart(domain);
        must_notify = true;
    }
    if (domain->published != domain->consumed) {
        uint32_t produced;

        must_notify |= ring_publish_requests(domain->ring.page, domain->published, domain->consumed,
                                             &produced);
        domain->published = domain->consumed;
        if (produced != domain->consumed) {
            domain_mark_ready(domain);
        }
    }
    sent = send_output(domain);
    if (sent < 0) {
        fail(domain, XENSTORE_ERROR_RINGIDX); /* flushed once more: that tells the domain */
        return;
    }
    output_shrank(domain, was_choked);
    if (sent > 0 || must_notify) {
        notify(domain);
    }
}

/* ---- after a restart of the daemon ---- */

/* Drop what was delivered before the kill: the page says how far it got. */
static int resume_output(struct domain *domain)
{
    uint32_t produced = __atomic_load_n(&domain->ring.page->rsp_prod, __ATOMIC_RELAXED);
    uint32_t delivered = produced - domain->produced;

    if (delivered > domain->connection.out.waiting_bytes) {
        return EINVAL;
    }
    outqueue_consume(&domain->connection.out, delivered);
    domain->produced = produced;
    return 0;
}

static void resume_ring(struct domain *domain)
{
    if (domain->ring_error != XENSTORE_ERROR_NONE) {
        domain->connection.is_closed = true;
    } else if (__atomic_load_n(&domain->ring.page->connection, __ATOMIC_ACQUIRE) ==
                   XENSTORE_CONNECTED &&
               resume_output(domain) != 0) {
        fail(domain, XENSTORE_ERROR_RINGIDX);
    }
    /* Say again what the domain may not have been told. */
    domain->published = domain->consumed;
    if (!domain->connection.is_closed) {
        uint32_t ignored;

        ring_publish_requests(domain->ring.page, domain->published, domain->consumed, &ignored);
    }
    connection_wants_flush(&domain->connection);
    domain_mark_ready(domain);
    notify(domain);
}

void domain_attach_restored(struct store *store)
{
    const struct xen *xen = store->xen;
    struct domain *domain = TAILQ_FIRST(&store->domains);

    while (domain != NULL) {
        struct domain *next = TAILQ_NEXT(domain, link);
        domid_t domid = domain->connection.domid;

        if (domid != 0 && xen->domain_state(xen->handle, domid) == XEN_DOMAIN_GONE) {
            domain_remove(domain);
        } else if (attach(domain) == 0) {
            resume_ring(domain);
        } else {
            log_error("d%u: lost at the restart of the daemon", domid);
            domain_remove(domain);
        }
        domain = next;
    }
    domain_check_all(store);
}

/* ---- events ---- */

void domain_handle_event(struct store *store, int port)
{
    struct domain *domain;

    if (port == store->xen->domain_event_port(store->xen->handle)) {
        domain_check_all(store);
        return;
    }
    TAILQ_FOREACH(domain, &store->domains, link)
    {
        if (domain->local_port == port) {
            domain_mark_ready(domain);
            return;
        }
    }
}

void domain_handle_events(struct store *store)
{
    const struct xen *xen = store->xen;
    int port;

    for (int i = 0; i < EVENTS_AT_ONCE && (port = xen->next_event(xen->handle)) >= 0; i++) {
        domain_handle_event(store, port);
    }
}

void domain_check_all(struct store *store)
{
    const struct xen *xen = store->xen;
    struct domain *domain = TAILQ_FIRST(&store->domains);
    bool has_news = false;

    while (domain != NULL) {
        struct domain *next = TAILQ_NEXT(domain, link);
        domid_t domid = domain->connection.domid;
        enum xen_domain_state state = XEN_DOMAIN_ALIVE;

        if (domid != 0) {
            state = xen->domain_state(xen->handle, domid);
        }
        if (state == XEN_DOMAIN_GONE) {
            domain_remove(domain);
        } else if (state == XEN_DOMAIN_SHUTDOWN && !domain->is_shutdown) {
            domain->is_shutdown = true;
            record_state(domain);
            has_news = true;
        }
        domain = next;
    }
    if (has_news) {
        watch_fire_special(store, PATH_RELEASE_DOMAIN);
    }
}
