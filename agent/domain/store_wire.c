/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of the xenstore protocol (<xen/io/xs_wire.h>), as far as a transaction of writes
 * needs it. Requests go out in windows, small enough that neither side can be stuck in a write
 * while the other is in one too.
 */
#include "agent/domain/store_wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <xen/xen.h>

#include <xen/io/xs_wire.h>

#include "agent/util/buf.h"

#define WINDOW_REQUESTS 64
#define WINDOW_BYTES    (WINDOW_REQUESTS * (sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX))
#define TIMEOUT_S       30

struct reply {
    struct xsd_sockmsg header;
    char body[XENSTORE_PAYLOAD_MAX + 1];
};

int store_wire_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int lost(struct err *err)
{
    return err_set(err, errno == EAGAIN ? ERR_TIMEOUT : ERR_UNAVAILABLE,
                   "the connection to xenstore is lost: %s",
                   errno == EAGAIN ? "it does not answer" : strerror(errno));
}

static bool send_all(int fd, const char *bytes, size_t size_bytes)
{
    while (size_bytes > 0) {
        ssize_t sent = send(fd, bytes, size_bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        size_bytes -= (size_t)sent;
    }
    return true;
}

static bool receive_all(int fd, void *bytes, size_t size_bytes)
{
    char *at = bytes;
    while (size_bytes > 0) {
        ssize_t got = recv(fd, at, size_bytes, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            errno = got == 0 ? ECONNRESET : errno;
            return false;
        }
        at += got;
        size_bytes -= (size_t)got;
    }
    return true;
}

/* Reads one reply. Returns 0, or -1 with errno when the stream cannot be followed any further. */
static int receive(int fd, struct reply *reply)
{
    if (!receive_all(fd, &reply->header, sizeof(reply->header))) {
        return -1;
    }
    if (reply->header.len > XENSTORE_PAYLOAD_MAX) {
        errno = EPROTO;
        return -1;
    }
    if (!receive_all(fd, reply->body, reply->header.len)) {
        return -1;
    }
    reply->body[reply->header.len] = '\0';
    return 0;
}

/* The errno value that an error reply names. */
static int error_of(const struct reply *reply)
{
    for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++) {
        if (strcmp(reply->body, xsd_errors[i].errstring) == 0) {
            return xsd_errors[i].errnum;
        }
    }
    return EINVAL;
}

static bool add_request(struct buf *out, const struct store_wire_request *request, uint32_t id,
                        uint32_t transaction)
{
    struct xsd_sockmsg header = {
        .type = request->type,
        .req_id = id,
        .tx_id = transaction,
        .len = (uint32_t)request->size_bytes,
    };
    return request->size_bytes <= XENSTORE_PAYLOAD_MAX &&
           buf_append(out, &header, sizeof(header)) &&
           buf_append(out, request->body, request->size_bytes);
}

/*
 * Sends a window and reads all its replies; the last is left in *reply. *problem becomes the errno value
 * of the first refused request, *failed its number. A non-zero result means that the connection is
 * of no more use.
 */
static int exchange(int fd, const struct store_wire_request *requests, size_t count,
                    uint32_t transaction, struct reply *reply, int *problem, size_t *failed,
                    struct err *err)
{
    struct buf out;
    buf_init(&out, WINDOW_BYTES);
    *problem = 0;
    for (size_t i = 0; i < count; i++) {
        if (!add_request(&out, &requests[i], (uint32_t)i, transaction)) {
            buf_free(&out);
            return err_set(err, ERR_INTERNAL, "a xenstore request does not fit");
        }
    }
    bool is_sent = send_all(fd, out.data, out.size_bytes);
    buf_free(&out);
    if (!is_sent) {
        return lost(err);
    }
    for (size_t i = 0; i < count; i++) {
        if (receive(fd, reply) < 0) {
            return lost(err);
        }
        if (reply->header.type == XS_ERROR && *problem == 0) {
            *problem = error_of(reply);
            *failed = reply->header.req_id < count ? reply->header.req_id : i;
        }
    }
    return 0;
}

int store_wire_transact(int fd, const struct store_wire_request *requests, size_t count,
                        size_t *failed, struct err *err)
{
    struct reply *reply = malloc(sizeof(*reply));
    if (reply == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for a xenstore transaction");
    }
    const struct store_wire_request start = {XS_TRANSACTION_START, "", 1};
    int problem = 0;
    size_t at = 0;
    *failed = 0;
    int result = exchange(fd, &start, 1, 0, reply, &problem, &at, err);
    if (result != 0 || problem != 0) {
        result = result != 0 ? result
                             : err_set_errno(err, problem, "cannot start a xenstore transaction");
        goto free_reply;
    }
    uint32_t transaction = (uint32_t)strtoul(reply->body, NULL, 10);

    for (size_t done = 0; done < count && problem == 0; done += WINDOW_REQUESTS) {
        size_t left = count - done;
        size_t window = left < WINDOW_REQUESTS ? left : WINDOW_REQUESTS;
        result = exchange(fd, requests + done, window, transaction, reply, &problem, &at, err);
        if (result != 0) {
            goto free_reply;
        }
        *failed = done + at;
    }

    const struct store_wire_request end = {XS_TRANSACTION_END, problem == 0 ? "T" : "F", 2};
    int end_problem = 0;
    result = exchange(fd, &end, 1, transaction, reply, &end_problem, &at, err);
    if (result == 0 && problem != 0) {
        result = err_set_errno(err, problem, "a xenstore request was refused");
    } else if (result == 0 && end_problem == EAGAIN) {
        result = err_set(err, ERR_CONFLICT, "another xenstore transaction was faster");
    } else if (result == 0 && end_problem != 0) {
        *failed = 0;
        result = err_set_errno(err, end_problem, "cannot commit a xenstore transaction");
    }
free_reply:
    free(reply);
    return result;
}
