/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain that has been introduced: a client whose bytes go through a shared page and an event
 * channel. What a domain does wrong on its ring ends its own connection and nothing else.
 *
 *   domain_introduce() -> CONNECTED --domain_fail(): impossible index or length--> FAILED
 *                             ^  \----- domain_remove(): released, dying, gone ---> freed
 *                             \-------- reconnection by the domain, or introduced again --- FAILED
 *
 * For the journal: what was taken from the ring is recorded before the domain can see that it was
 * taken, and what is sent is recorded before it is put into the ring. How far sending got stands in
 * the shared page itself (rsp_prod). So after a kill every request is answered exactly once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

#include "xenstore/connection.h"
#include "xenstore/store.h"
#include "xenstore/xen.h"

struct domain {
    struct connection connection;
    TAILQ_ENTRY(domain) link;       /* of store->domains */
    TAILQ_ENTRY(domain) ready_link; /* of store->ready, if is_ready */
    uint64_t gfn;
    uint32_t remote_port;
    int local_port; /* -1: not bound */
    struct xen_ring ring;
    uint32_t consumed;       /* requests taken: index in the request ring */
    uint32_t published;      /* the same as the domain was told */
    uint32_t produced;       /* responses put: index in the response ring */
    uint32_t ring_error;     /* XENSTORE_ERROR_*: not NONE while FAILED */
    time_t complained_at;    /* when the log last heard of its faults (monotonic seconds) */
    bool is_ready;           /* its ring should be looked at */
    bool is_restarting_ring; /* it asked to reconnect; the page is cleared at the next flush */
    bool is_shutdown;        /* and @releaseDomain has said so */
};

/** The introduced domain with this id, or NULL. */
struct domain *domain_find(struct store *store, domid_t domid);

/**
 * Introduce a domain, or introduce it again (new page or port).
 * @return 0, EINVAL (no such domain, page or port) or ENOMEM
 */
int domain_introduce(struct store *store, domid_t domid, uint64_t gfn, uint32_t port);

/** An introduced domain as the journal tells of it: not attached yet. NULL: out of memory. */
struct domain *domain_restore(struct store *store, domid_t domid, uint64_t gfn, uint32_t port);

/** Attach all restored domains; those that died meanwhile are removed. */
void domain_attach_restored(struct store *store);

/** Introduce the local kernel, domain 0, if it is not yet. 0 or a negative error. */
int domain_introduce_local(struct store *store, struct err *err);

/** Let a domain go, with its connection and the nodes it owns, and fire @releaseDomain. */
void domain_remove(struct domain *domain);

/** Only the memory, ring and port: the daemon ends, or replays the journal. */
void domain_free(struct domain *domain);

/** Have domain_pump() called for it. */
void domain_mark_ready(struct domain *domain);

/** Handle a bounded number of its requests; marks it ready again if there may be more. */
void domain_pump(struct domain *domain);

/** An event on one of our ports. */
void domain_handle_event(struct store *store, int port);

/** A bounded number of the events that are there. */
void domain_handle_events(struct store *store);

/** Look which domains have shut down or are gone, and tell. */
void domain_check_all(struct store *store);

/** It has been resumed: a later shutdown is news again. */
void domain_resume(struct domain *domain);

/** Give it the rights of another domain too. */
void domain_set_target(struct domain *domain, domid_t target);
