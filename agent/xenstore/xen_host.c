/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real hypervisor, through the libraries with a stable interface, and domain 0's own kernel.
 */
#define __XEN_TOOLS__ 1

#include "xenstore/xen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/domctl.h>
#include <xen/grant_table.h>
#include <xencall.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>

#include "util/log.h"

/* Linux, include/xen/xenbus_dev.h: the port of the kernel's own ring. */
#define IOCTL_XENBUS_BACKEND_EVTCHN _IOC(_IOC_NONE, 'B', 0, 0)

#define PAGE_BYTES 4096

struct host {
    xencall_handle *call;
    xenevtchn_handle *evtchn;
    xengnttab_handle *gnttab;
    xenforeignmemory_handle *foreign;
    struct xen_domctl *domctl; /* memory a hypercall may point at */
    int backend_fd;            /* /dev/xen/xenbus_backend, or -1: use xenfs */
    int domain_event_port;
};

/* ---- rings ---- */

static int map_local(struct host *host, struct xen_ring *ring)
{
    int fd = host->backend_fd;
    void *page;

    if (fd < 0) {
        fd = open("/proc/xen/xsd_kva", O_RDWR | O_CLOEXEC);
        if (fd < 0) {
            return errno;
        }
    }
    page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd != host->backend_fd) {
        close(fd);
    }
    if (page == MAP_FAILED) {
        return errno;
    }
    *ring = (struct xen_ring){.page = page, .kind = XEN_RING_LOCAL};
    return 0;
}

static int map_ring(void *handle, domid_t domid, uint64_t gfn, struct xen_ring *ring)
{
    struct host *host = handle;
    xen_pfn_t frame = gfn;
    int frame_error = 0;
    void *page;

    if (domid == 0) {
        return map_local(host, ring);
    }
    page = xengnttab_map_grant_ref(host->gnttab, domid, GNTTAB_RESERVED_XENSTORE,
                                   PROT_READ | PROT_WRITE);
    if (page != NULL) {
        *ring = (struct xen_ring){.page = page, .kind = XEN_RING_GRANT};
        return 0;
    }
    page =
        xenforeignmemory_map(host->foreign, domid, PROT_READ | PROT_WRITE, 1, &frame, &frame_error);
    if (page == NULL) {
        return errno != 0 ? errno : EINVAL;
    }
    *ring = (struct xen_ring){.page = page, .kind = XEN_RING_FOREIGN};
    return 0;
}

static void unmap_ring(void *handle, struct xen_ring *ring)
{
    struct host *host = handle;

    switch (ring->kind) {
    case XEN_RING_LOCAL:
        munmap(ring->page, PAGE_BYTES);
        break;
    case XEN_RING_GRANT:
        xengnttab_unmap(host->gnttab, ring->page, 1);
        break;
    case XEN_RING_FOREIGN:
        xenforeignmemory_unmap(host->foreign, ring->page, 1);
        break;
    }
}

static int local_port(void *handle)
{
    struct host *host = handle;
    int port = -1;
    FILE *file;

    if (host->backend_fd >= 0) {
        return ioctl(host->backend_fd, IOCTL_XENBUS_BACKEND_EVTCHN);
    }
    file = fopen("/proc/xen/xsd_port", "re");
    if (file == NULL) {
        return -1;
    }
    if (fscanf(file, "%d", &port) != 1) {
        port = -1;
        errno = EIO;
    }
    fclose(file);
    return port;
}

/* ---- event channels ---- */

static int bind_port(void *handle, domid_t domid, uint32_t remote_port)
{
    struct host *host = handle;

    return xenevtchn_bind_interdomain(host->evtchn, domid, remote_port);
}

static void unbind_port(void *handle, int port)
{
    struct host *host = handle;

    xenevtchn_unbind(host->evtchn, (evtchn_port_t)port);
}

static void notify(void *handle, int port)
{
    struct host *host = handle;

    xenevtchn_notify(host->evtchn, (evtchn_port_t)port);
}

static int event_fd(void *handle)
{
    struct host *host = handle;

    return xenevtchn_fd(host->evtchn);
}

static int next_event(void *handle)
{
    struct host *host = handle;
    int port = xenevtchn_pending(host->evtchn);

    if (port >= 0) {
        /* Armed before anyone looks at the ring, so what comes meanwhile is an event again. */
        xenevtchn_unmask(host->evtchn, (evtchn_port_t)port);
    }
    return port;
}

static int domain_event_port(void *handle)
{
    struct host *host = handle;

    return host->domain_event_port;
}

/* ---- domains ---- */

static enum xen_domain_state domain_state(void *handle, domid_t domid)
{
    struct host *host = handle;
    struct xen_domctl *domctl = host->domctl;
    uint32_t flags;

    *domctl = (struct xen_domctl){
        .cmd = XEN_DOMCTL_getdomaininfo,
        .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
        .domain = domid,
    };
    if (xencall1(host->call, __HYPERVISOR_domctl, (uint64_t)(uintptr_t)domctl) != 0) {
        if (errno != ESRCH) {
            log_error("d%u: cannot ask for its state: errno %d", domid, errno);
            return XEN_DOMAIN_ALIVE; /* not knowing is no reason to drop it */
        }
        return XEN_DOMAIN_GONE;
    }
    /* The answer is about the first domain with this id or a higher one. */
    if (domctl->u.getdomaininfo.domain != domid) {
        return XEN_DOMAIN_GONE;
    }
    flags = domctl->u.getdomaininfo.flags;
    if ((flags & XEN_DOMINF_dying) != 0) {
        return XEN_DOMAIN_GONE;
    }
    return (flags & XEN_DOMINF_shutdown) != 0 ? XEN_DOMAIN_SHUTDOWN : XEN_DOMAIN_ALIVE;
}

/* ---- opening ---- */

static int open_handles(struct host *host, struct err *err)
{
    int fd;

    host->call = xencall_open(NULL, 0);
    if (host->call == NULL) {
        return err_set_errno(err, errno, "cannot open /dev/xen/privcmd");
    }
    host->evtchn = xenevtchn_open(NULL, 0);
    if (host->evtchn == NULL) {
        return err_set_errno(err, errno, "cannot open /dev/xen/evtchn");
    }
    host->gnttab = xengnttab_open(NULL, 0);
    if (host->gnttab == NULL) {
        return err_set_errno(err, errno, "cannot open /dev/xen/gntdev");
    }
    host->foreign = xenforeignmemory_open(NULL, 0);
    if (host->foreign == NULL) {
        return err_set_errno(err, errno, "cannot open foreign memory");
    }
    host->domctl = xencall_alloc_buffer(host->call, sizeof(*host->domctl));
    if (host->domctl == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for hypercalls");
    }
    fd = xenevtchn_fd(host->evtchn);
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
        return err_set_errno(err, errno, "cannot set up event channels");
    }
    host->backend_fd = open("/dev/xen/xenbus_backend", O_RDWR | O_CLOEXEC);
    host->domain_event_port = xenevtchn_bind_virq(host->evtchn, VIRQ_DOM_EXC);
    if (host->domain_event_port < 0) {
        return err_set_errno(err, errno, "cannot bind VIRQ_DOM_EXC");
    }
    return 0;
}

void xen_host_close(struct xen *xen)
{
    struct host *host = xen->handle;

    if (host->domctl != NULL) {
        xencall_free_buffer(host->call, host->domctl);
    }
    if (host->backend_fd >= 0) {
        close(host->backend_fd);
    }
    if (host->foreign != NULL) {
        xenforeignmemory_close(host->foreign);
    }
    if (host->gnttab != NULL) {
        xengnttab_close(host->gnttab);
    }
    if (host->evtchn != NULL) {
        xenevtchn_close(host->evtchn);
    }
    if (host->call != NULL) {
        xencall_close(host->call);
    }
    free(host);
    xen->handle = NULL;
}

int xen_host_open(struct xen *xen, struct err *err)
{
    struct host *host = calloc(1, sizeof(*host));
    int rc;

    if (host == NULL) {
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    host->backend_fd = -1;
    host->domain_event_port = -1;
    *xen = (struct xen){
        .handle = host,
        .map_ring = map_ring,
        .unmap_ring = unmap_ring,
        .local_port = local_port,
        .bind_port = bind_port,
        .unbind_port = unbind_port,
        .notify = notify,
        .domain_state = domain_state,
        .event_fd = event_fd,
        .next_event = next_event,
        .domain_event_port = domain_event_port,
    };
    rc = open_handles(host, err);
    if (rc != 0) {
        xen_host_close(xen);
    }
    return rc;
}
