/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon needs of the hypervisor and of domain 0's kernel, as one table of functions:
 * shared pages, event channels, the state of domains. The real one is in xen_host.c; tests have one
 * of their own; without any (store->xen NULL) there are only socket clients.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"
#include "xenstore/wire.h"

enum xen_domain_state {
    XEN_DOMAIN_ALIVE,
    XEN_DOMAIN_SHUTDOWN, /* it has stopped, whatever the reason, and still exists */
    XEN_DOMAIN_GONE,     /* dying, or there is none with this id */
};

enum xen_ring_kind {
    XEN_RING_LOCAL,   /* of domain 0's own kernel */
    XEN_RING_GRANT,   /* through the domain's grant reference 1 */
    XEN_RING_FOREIGN, /* by frame number */
};

struct xen_ring {
    struct xenstore_domain_interface *page; /* NULL: not mapped */
    enum xen_ring_kind kind;
};

struct xen {
    void *handle;
    /** Map a domain's ring page; domain 0's is that of the local kernel. 0 or an errno value. */
    int (*map_ring)(void *handle, domid_t domid, uint64_t gfn, struct xen_ring *ring);
    void (*unmap_ring)(void *handle, struct xen_ring *ring);
    /** The port the local kernel offers for its own ring, or -1. */
    int (*local_port)(void *handle);
    /** Connect to a domain's event-channel port. The port on our side, or -1 with errno. */
    int (*bind_port)(void *handle, domid_t domid, uint32_t remote_port);
    void (*unbind_port)(void *handle, int port);
    void (*notify)(void *handle, int port);
    enum xen_domain_state (*domain_state)(void *handle, domid_t domid);
    /** A file descriptor that is readable when next_event() has something. */
    int (*event_fd)(void *handle);
    /** A port that had an event and is armed again, or -1: none. */
    int (*next_event)(void *handle);
    /** The port on which changes of domain states are announced (VIRQ_DOM_EXC), or -1. */
    int (*domain_event_port)(void *handle);
};

/** Open the interfaces of the running hypervisor. 0 or a negative error. */
int xen_host_open(struct xen *xen, struct err *err);

/** Close them; rings must be unmapped before. */
void xen_host_close(struct xen *xen);
