/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rest/server.h"
#include "util/str.h"

#define BACKLOG 64

static bool answers(const struct sockaddr_un *name)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_alive = fd >= 0 && connect(fd, (const struct sockaddr *)name, sizeof(*name)) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return is_alive;
}

int listen_unix(const char *path, int *fd, struct err *err)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    mode_t old_mask;
    int rc;

    if (!str_copy(name.sun_path, sizeof(name.sun_path), path)) {
        return err_set(err, ERR_INVALID, "the socket's path is longer than %zu bytes: %s",
                       sizeof(name.sun_path) - 1, path);
    }
    if (answers(&name)) {
        return err_set(err, ERR_CONFLICT, "another server answers on %s", path);
    }
    if (unlink(path) != 0 && errno != ENOENT) {
        return err_set_errno(err, errno, "%s is in the way", path);
    }
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0) {
        return err_set_errno(err, errno, "socket");
    }
    old_mask = umask(0117); /* 0660 from the first moment on */
    rc = bind(*fd, (const struct sockaddr *)&name, sizeof(name));
    umask(old_mask);
    if (rc != 0 || listen(*fd, BACKLOG) != 0) {
        rc = err_set_errno(err, errno, "cannot listen on %s", path);
        close(*fd);
        return rc;
    }
    return 0;
}

/* Split "host:port" or "[host]:port" and check that it is loopback. */
static int parse_address(const char *address, struct sockaddr_storage *name, socklen_t *length,
                         struct err *err)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)name;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)name;
    const char *colon = strrchr(address, ':');
    char host[64];
    uint64_t port;
    size_t host_length = colon != NULL ? (size_t)(colon - address) : 0;

    memset(name, 0, sizeof(*name));
    if (colon == NULL || host_length == 0 || host_length >= sizeof(host) ||
        !str_parse_u64(colon + 1, 0, 65535, &port)) {
        return err_set(err, ERR_INVALID, "\"%s\" is not ADDRESS:PORT", address);
    }
    memcpy(host, address, host_length);
    host[host_length] = '\0';
    if (host[0] == '[' && host[host_length - 1] == ']') {
        host[host_length - 1] = '\0';
        if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) != 1) {
            return err_set(err, ERR_INVALID, "\"%s\" is not an IPv6 address", host + 1);
        }
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        *length = sizeof(*v6);
        if (IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr)) {
            return 0;
        }
    } else {
        if (inet_pton(AF_INET, host, &v4->sin_addr) != 1) {
            return err_set(err, ERR_INVALID, "\"%s\" is not an IP address", host);
        }
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        *length = sizeof(*v4);
        if (ntohl(v4->sin_addr.s_addr) >> 24 == 127) {
            return 0;
        }
    }
    return err_set(err, ERR_PERMISSION,
                   "%s is not a loopback address: without TLS nothing is opened to the network. "
                   "Listen on 127.0.0.1 and forward it (ssh -L), or use the Unix socket",
                   address);
}

int rest_check_address(const char *tcp_address, struct err *err)
{
    struct sockaddr_storage name;
    socklen_t length = 0;

    return parse_address(tcp_address, &name, &length, err);
}

int listen_tcp(const char *address, int *fd, struct err *err)
{
    struct sockaddr_storage name;
    socklen_t length = 0;
    int one = 1;
    int rc = parse_address(address, &name, &length, err);

    if (rc != 0) {
        return rc;
    }
    *fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0) {
        return err_set_errno(err, errno, "socket");
    }
    setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(*fd, (const struct sockaddr *)&name, length) != 0 || listen(*fd, BACKLOG) != 0) {
        rc = errno == EADDRINUSE
                 ? err_set(err, ERR_CONFLICT, "another server answers on %s", address)
                 : err_set_errno(err, errno, "cannot listen on %s", address);
        close(*fd);
        return rc;
    }
    return 0;
}
