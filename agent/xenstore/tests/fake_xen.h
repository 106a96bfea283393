/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hypervisor for tests: each domain is a page and a state; event channels are counters.
 */
#pragma once

#include "xenstore/xen.h"

#define FAKE_DOMAINS 8

struct fake_domain {
    bool exists;
    enum xen_domain_state state;
    bool is_mapped;
    bool is_bound;
    unsigned int notified; /* events the daemon sent it */
    struct xenstore_domain_interface page;
};

struct fake_xen {
    struct xen xen; /* what the daemon gets */
    struct fake_domain domains[FAKE_DOMAINS];
};

/** Domain 0 exists and runs. The port of domain N is N + 1, on our side N + 100. */
void fake_xen_init(struct fake_xen *fake);

/** A new domain with a cleared page. */
struct fake_domain *fake_xen_create(struct fake_xen *fake, domid_t domid);
