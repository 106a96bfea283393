/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network interface: write the two directories, wait for netback to create its end, take that up
 * and into the bridge, and say so in "hotplug-status", without which netback never connects. What a
 * hotplug script would do is done here; "script" must exist for netback, but nothing runs it.
 */
#include "agent/domain/vif.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/domain/ctx.h"
#include "agent/domain/device.h"
#include "agent/domain/domain.h"
#include "agent/domain/store.h"

#define APPEAR_TIMEOUT_MS 60000
#define NO_SCRIPT         "/bin/true"

int vif_check_bridge(const struct domain_nic *nic, size_t index, struct err *err)
{
    if (nic->bridge[0] == '\0') {
        return 0;
    }
    char path[64];
    char field[64];
    snprintf(path, sizeof(path), "/sys/class/net/%s/bridge", nic->bridge);
    snprintf(field, sizeof(field), "nics[%zu].bridge", index);
    if (strchr(nic->bridge, '/') != NULL || access(path, F_OK) != 0) {
        return err_set_field(err, ERR_NOT_FOUND, field, "there is no bridge \"%s\" on this host",
                             nic->bridge);
    }
    return 0;
}

static int write_nodes(struct domain_ctx *ctx, uint32_t domid, const struct domain_nic *nic,
                       size_t index, const struct device_paths *paths, const char *name,
                       struct err *err)
{
    const char *fe = paths->frontend;
    const char *be = paths->backend;
    struct store_batch *batch = store_batch_new(domid);

    device_add_common(batch, paths, domid);
    store_add(batch, STORE_INHERIT, fe, "handle", "%zu", index);
    store_add(batch, STORE_INHERIT, fe, "mac", "%s", nic->mac);

    store_add(batch, STORE_INHERIT, be, "handle", "%zu", index);
    store_add(batch, STORE_INHERIT, be, "mac", "%s", nic->mac);
    store_add(batch, STORE_INHERIT, be, "script", "%s", NO_SCRIPT);
    store_add(batch, STORE_INHERIT, be, "bridge", "%s", nic->bridge);
    store_add(batch, STORE_INHERIT, be, "vifname", "%s", name);
    store_add(batch, STORE_INHERIT, be, "type", "vif");
    int result = store_commit(ctx, batch, err);
    store_batch_free(batch);
    return result;
}

/* A netlink socket that hears of every interface that appears. */
static int listen_for_links(struct err *err)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int saved = errno;
        if (fd >= 0) {
            close(fd);
        }
        return err_set_errno(err, saved, "cannot listen for network interfaces");
    }
    return fd;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Index of interface name, 0 when there is none. */
static int interface_index(int control, const char *name)
{
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    return ioctl(control, SIOCGIFINDEX, &request) == 0 ? request.ifr_ifindex : 0;
}

/* Waits until interface name exists. The messages only say when to look again. */
static int wait_interface(int links, int control, const char *name, struct err *err)
{
    int64_t deadline = now_ms() + APPEAR_TIMEOUT_MS;
    while (interface_index(control, name) == 0) {
        int64_t left = deadline - now_ms();
        if (left <= 0) {
            return err_set(err, ERR_UNAVAILABLE,
                           "dom0's network backend did not create %s: is xen-netback loaded?",
                           name);
        }
        struct pollfd pollfd = {.fd = links, .events = POLLIN};
        if (poll(&pollfd, 1, (int)left) < 0 && errno != EINTR) {
            return err_set_errno(err, errno, "cannot wait for network interface %s", name);
        }
        char ignored[4096];
        while (recv(links, ignored, sizeof(ignored), 0) > 0) {
        }
    }
    return 0;
}

/* Puts interface name into the bridge, with the bridge's MTU. */
static int join_bridge(int control, const char *name, const char *bridge, struct err *err)
{
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", bridge);
    if (ioctl(control, SIOCGIFMTU, &request) == 0) {
        int mtu = request.ifr_mtu;
        request = (struct ifreq){.ifr_mtu = mtu};
        snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
        if (ioctl(control, SIOCSIFMTU, &request) < 0) {
            return err_set_errno(err, errno, "cannot set the MTU of %s to %d", name, mtu);
        }
    }
    request = (struct ifreq){.ifr_ifindex = interface_index(control, name)};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", bridge);
    if (ioctl(control, SIOCBRADDIF, &request) < 0) {
        return err_set_errno(err, errno, "cannot put %s into bridge %s", name, bridge);
    }
    return 0;
}

static int take_up(int control, const char *name, struct err *err)
{
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    if (ioctl(control, SIOCGIFFLAGS, &request) == 0) {
        request.ifr_flags |= IFF_UP;
        if (ioctl(control, SIOCSIFFLAGS, &request) == 0) {
            return 0;
        }
    }
    return err_set_errno(err, errno, "cannot take %s up", name);
}

static void name_interface(const struct vif *vif, char name[IFNAMSIZ])
{
    snprintf(name, IFNAMSIZ, "vif%u.%u", vif->domid % 100000, vif->number % 100);
}

int vif_start(struct domain_ctx *ctx, uint32_t domid, const struct domain_nic *nic, size_t index,
              struct vif *vif, struct err *err)
{
    *vif = (struct vif){
        .domid = domid,
        .number = (uint32_t)index,
        .links = -1,
        .control = -1,
        .nic = nic,
    };
    vif->control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (vif->control < 0) {
        return err_set_errno(err, errno, "cannot open a socket");
    }
    vif->links = listen_for_links(err);
    if (vif->links < 0) {
        return vif->links;
    }
    char name[IFNAMSIZ];
    name_interface(vif, name);
    struct device_paths paths = device_paths_of("vif", domid, vif->number);
    return write_nodes(ctx, domid, nic, index, &paths, name, err);
}

int vif_finish(struct domain_ctx *ctx, struct vif *vif, struct err *err)
{
    char name[IFNAMSIZ];
    name_interface(vif, name);
    struct device_paths paths = device_paths_of("vif", vif->domid, vif->number);

    int result = wait_interface(vif->links, vif->control, name, err);
    if (result == 0 && vif->nic->bridge[0] != '\0') {
        result = join_bridge(vif->control, name, vif->nic->bridge, err);
    }
    if (result == 0) {
        result = take_up(vif->control, name, err);
    }
    if (result == 0) {
        char status[DEVICE_PATH_BYTES + 24];
        snprintf(status, sizeof(status), "%s/hotplug-status", paths.backend);
        result = store_write(ctx, status, "connected", err);
    }
    return result;
}

void vif_release(struct vif *vif)
{
    if (vif->nic == NULL) {
        return;
    }
    if (vif->links >= 0) {
        close(vif->links);
    }
    if (vif->control >= 0) {
        close(vif->control);
    }
    *vif = (struct vif){0};
}
