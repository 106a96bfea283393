/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/tests/fake_xen.h"

#include <errno.h>
#include <string.h>

#define LOCAL_PORT_BASE 100

static struct fake_domain *find(void *handle, domid_t domid)
{
    struct fake_xen *fake = handle;

    if (domid >= FAKE_DOMAINS || !fake->domains[domid].exists) {
        return NULL;
    }
    return &fake->domains[domid];
}

static int map_ring(void *handle, domid_t domid, uint64_t gfn, struct xen_ring *ring)
{
    struct fake_domain *domain = find(handle, domid);

    if (domain == NULL || gfn == UINT64_MAX) {
        return EINVAL;
    }
    domain->is_mapped = true;
    *ring = (struct xen_ring){.page = &domain->page, .kind = XEN_RING_GRANT};
    return 0;
}

static void unmap_ring(void *handle, struct xen_ring *ring)
{
    struct fake_xen *fake = handle;

    for (size_t i = 0; i < FAKE_DOMAINS; i++) {
        if (&fake->domains[i].page == ring->page) {
            fake->domains[i].is_mapped = false;
        }
    }
}

static int local_port(void *handle)
{
    (void)handle;
    return 1;
}

static int bind_port(void *handle, domid_t domid, uint32_t remote_port)
{
    struct fake_domain *domain = find(handle, domid);

    if (domain == NULL || remote_port != domid + 1u) {
        errno = EINVAL;
        return -1;
    }
    domain->is_bound = true;
    return LOCAL_PORT_BASE + domid;
}

static void unbind_port(void *handle, int port)
{
    struct fake_xen *fake = handle;

    fake->domains[port - LOCAL_PORT_BASE].is_bound = false;
}

static void notify(void *handle, int port)
{
    struct fake_xen *fake = handle;

    fake->domains[port - LOCAL_PORT_BASE].notified++;
}

static enum xen_domain_state domain_state(void *handle, domid_t domid)
{
    const struct fake_domain *domain = find(handle, domid);

    return domain != NULL ? domain->state : XEN_DOMAIN_GONE;
}

static int none(void *handle)
{
    (void)handle;
    return -1;
}

void fake_xen_init(struct fake_xen *fake)
{
    memset(fake, 0, sizeof(*fake));
    fake->xen = (struct xen){
        .handle = fake,
        .map_ring = map_ring,
        .unmap_ring = unmap_ring,
        .local_port = local_port,
        .bind_port = bind_port,
        .unbind_port = unbind_port,
        .notify = notify,
        .domain_state = domain_state,
        .event_fd = none,
        .next_event = none,
        .domain_event_port = none,
    };
    fake_xen_create(fake, 0);
}

struct fake_domain *fake_xen_create(struct fake_xen *fake, domid_t domid)
{
    fake->domains[domid] = (struct fake_domain){.exists = true, .state = XEN_DOMAIN_ALIVE};
    return &fake->domains[domid];
}
