/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_wire.c against a daemon of the test's own, at the other end of a socket pair.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xen/xen.h>

#include <xen/io/xs_wire.h>

#include "agent/domain/store_wire.h"

/* How the daemon behaves, and what it has seen. */
struct daemon {
    int fd;
    const char *refuse_path;  /* answer EACCES to a write of this */
    const char *end_error;    /* answer this to the end of a transaction that is to be kept */
    uint32_t announced_bytes; /* when not 0: the length of the first answer, which is a lie */
    size_t writes;
    char end[4];
};

static bool read_all(int fd, void *out, size_t size)
{
    for (size_t got = 0; got < size;) {
        ssize_t n = read(fd, (char *)out + got, size - got);
        if (n <= 0) {
            return false;
        }
        got += (size_t)n;
    }
    return true;
}

static void answer(struct daemon *daemon, struct xsd_sockmsg header, uint32_t type,
                   const char *body, size_t size)
{
    header.type = type;
    header.len = daemon->announced_bytes != 0 ? daemon->announced_bytes : (uint32_t)size;
    /* the client may have hung up already: that is what some tests are about */
    (void)!send(daemon->fd, &header, sizeof(header), MSG_NOSIGNAL);
    (void)!send(daemon->fd, body, size, MSG_NOSIGNAL);
}

static void *serve(void *opaque)
{
    struct daemon *daemon = opaque;
    struct xsd_sockmsg header;
    char body[4097];
    while (read_all(daemon->fd, &header, sizeof(header)) && header.len <= 4096 &&
           read_all(daemon->fd, body, header.len)) {
        body[header.len] = '\0';
        const char *error = NULL;
        switch (header.type) {
        case XS_TRANSACTION_START:
            answer(daemon, header, XS_TRANSACTION_START, "42", 3);
            continue;
        case XS_TRANSACTION_END:
            memcpy(daemon->end, body, header.len);
            error = daemon->end_error;
            break;
        default:
            daemon->writes++;
            if (daemon->refuse_path != NULL && strcmp(body, daemon->refuse_path) == 0) {
                error = "EACCES";
            }
        }
        if (header.tx_id != 42) {
            error = "EINVAL";
        }
        if (error != NULL) {
            answer(daemon, header, XS_ERROR, error, strlen(error) + 1);
        } else {
            answer(daemon, header, header.type, "OK", 3);
        }
    }
    close(daemon->fd);
    return NULL;
}

static int run(struct daemon *daemon, size_t count, size_t *failed, struct err *err)
{
    int fds[2];
    pthread_t thread;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    daemon->fd = fds[1];
    pthread_create(&thread, NULL, serve, daemon);

    char(*paths)[40] = calloc(count, sizeof(*paths));
    struct store_wire_request *requests = calloc(count, sizeof(*requests));
    for (size_t i = 0; i < count; i++) {
        snprintf(paths[i], sizeof(paths[i]), "/node/%zu", i);
        requests[i] =
            (struct store_wire_request){XS_WRITE, paths[i], strlen(paths[i]) + 1};
    }
    int result = store_wire_transact(fds[0], requests, count, failed, err);
    close(fds[0]);
    pthread_join(thread, NULL);
    free(requests);
    free(paths);
    return result;
}

Test(store_wire, many_requests_are_one_transaction)
{
    struct daemon daemon = {0};
    struct err err = {0};
    size_t failed;

    cr_expect_eq(run(&daemon, 500, &failed, &err), 0, "%s", err.message);

    cr_expect_eq(daemon.writes, 500);
    cr_expect_str_eq(daemon.end, "T");
}

Test(store_wire, a_refused_request_undoes_all_and_is_named)
{
    struct daemon daemon = {.refuse_path = "/node/70"};
    size_t failed;

    cr_expect_eq(run(&daemon, 100, &failed, NULL), -ERR_PERMISSION);

    cr_expect_eq(failed, 70);
    cr_expect_str_eq(daemon.end, "F");
}

Test(store_wire, a_lost_race_is_a_conflict)
{
    struct daemon daemon = {.end_error = "EAGAIN"};
    size_t failed;
    cr_expect_eq(run(&daemon, 3, &failed, NULL), -ERR_CONFLICT);
}

Test(store_wire, a_failed_commit_is_an_error)
{
    struct daemon daemon = {.end_error = "ENOSPC"};
    size_t failed;
    cr_expect_eq(run(&daemon, 3, &failed, NULL), -ERR_NO_SPACE);
}

Test(store_wire, an_answer_too_long_ends_the_connection)
{
    struct daemon daemon = {.announced_bytes = 4097};
    size_t failed;
    cr_expect_eq(run(&daemon, 3, &failed, NULL), -ERR_UNAVAILABLE);
}

Test(store_wire, a_daemon_that_is_gone_is_unavailable)
{
    int fds[2];
    size_t failed;
    const struct store_wire_request request = {XS_WRITE, "/a", 3};
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    close(fds[1]);
    cr_expect_eq(store_wire_transact(fds[0], &request, 1, &failed, NULL), -ERR_UNAVAILABLE);
    close(fds[0]);
    cr_expect_eq(store_wire_connect("/nonexistent/socket"), -1);
}
