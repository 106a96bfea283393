/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/log.h"
#include "util/str.h"
#include "xenstore/connection.h"
#include "xenstore/files.h"
#include "xenstore/request.h"

/* Requests of one client handled before the others get their turn. */
#define REQUESTS_AT_ONCE 32
#define CLIENTS_MAX      512

struct client {
    struct connection connection;
    struct loop_source source;
    struct socket_listener *listener;
};

static struct client *client_of(struct connection *connection)
{
    return (struct client *)(void *)((char *)connection - offsetof(struct client, connection));
}

static void client_free(struct client *client)
{
    loop_remove(client->listener->loop, &client->source);
    close(client->source.fd);
    connection_destroy(&client->connection);
    client->listener->client_count--;
    free(client);
}

static void client_end(struct client *client)
{
    client->connection.is_closed = true;
    connection_wants_flush(&client->connection); /* frees it */
}

static void wait_for(struct client *client)
{
    uint32_t events = connection_is_choked(&client->connection) ? 0 : EPOLLIN;

    if (client->connection.out.waiting_bytes > 0) {
        events |= EPOLLOUT;
    }
    loop_change(client->listener->loop, &client->source, events);
}

static void flush(struct connection *connection)
{
    struct client *client = client_of(connection);
    const char *bytes;
    size_t size_bytes;

    while (!connection->is_closed && (size_bytes = outqueue_peek(&connection->out, &bytes)) > 0) {
        ssize_t sent = send(client->source.fd, bytes, size_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent >= 0) {
            outqueue_consume(&connection->out, (size_t)sent);
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            connection->is_closed = true;
        }
    }
    if (connection->is_closed) {
        client_free(client);
    } else {
        wait_for(client);
    }
}

static const struct connection_ops socket_ops = {.flush = flush};

/* Receive until the message is complete. False: it is not yet, or the client is at its end. */
static bool receive(struct client *client)
{
    struct wire_input *in = &client->connection.in;
    size_t wanted;

    while ((wanted = wire_input_wanted(in)) > 0) {
        char bytes[WIRE_MESSAGE_MAX];
        ssize_t got = recv(client->source.fd, bytes, wanted, MSG_DONTWAIT);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && errno == EAGAIN) {
            return false;
        }
        if (got <= 0) {
            client_end(client);
            return false;
        }
        if (wire_input_add(in, bytes, (size_t)got) != 0) {
            log_warn("socket: client sent a message that is too long");
            client_end(client);
            return false;
        }
    }
    return true;
}

static void on_client_ready(struct loop_source *source, uint32_t events)
{
    struct client *client =
        (struct client *)(void *)((char *)source - offsetof(struct client, source));

    if (client->connection.is_closed) {
        return;
    }
    if ((events & EPOLLOUT) != 0) {
        connection_wants_flush(&client->connection);
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) {
        return;
    }
    for (int i = 0; i < REQUESTS_AT_ONCE && !client->connection.is_closed; i++) {
        if (connection_is_choked(&client->connection)) {
            if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
                client_end(client); /* it will never read what waits for it */
            }
            return;
        }
        if (!receive(client)) {
            return;
        }
        request_handle(&client->connection);
    }
}

static void accept_client(struct socket_listener *listener)
{
    int fd = accept4(listener->source.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct client *client;
    struct err err;

    if (fd < 0) {
        return;
    }
    client = listener->client_count < CLIENTS_MAX ? calloc(1, sizeof(*client)) : NULL;
    if (client == NULL) {
        log_warn("socket: client refused: %s",
                 listener->client_count < CLIENTS_MAX ? "out of memory" : "too many");
        close(fd);
        return;
    }
    client->listener = listener;
    client->source = (struct loop_source){.fd = fd, .events = EPOLLIN, .on_ready = on_client_ready};
    if (loop_add(listener->loop, &client->source, &err) != 0) {
        log_warn("socket: client refused: %s", err.message);
        close(fd);
        free(client);
        return;
    }
    connection_init(&client->connection, listener->store, &socket_ops, 0, false);
    listener->client_count++;
}

static void on_listener_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    accept_client((struct socket_listener *)(void *)((char *)source -
                                                     offsetof(struct socket_listener, source)));
}

int socket_listen(struct socket_listener *listener, struct loop *loop, struct store *store,
                  const char *path, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t old_mask;
    int rc;
    int fd;

    *listener = (struct socket_listener){.loop = loop, .store = store};
    if (!str_copy(address.sun_path, sizeof(address.sun_path), path)) {
        return err_set(err, ERR_INVALID, "socket path too long: %s", path);
    }
    rc = files_make_folder_of(path, err);
    if (rc != 0) {
        return rc;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return err_set_errno(err, errno, "cannot create a socket");
    }
    unlink(path);
    old_mask = umask(0177);
    rc = bind(fd, (struct sockaddr *)&address, sizeof(address));
    umask(old_mask);
    if (rc != 0 || listen(fd, 64) != 0) {
        rc = err_set_errno(err, errno, "cannot listen at %s", path);
        close(fd);
        return rc;
    }
    listener->source =
        (struct loop_source){.fd = fd, .events = EPOLLIN, .on_ready = on_listener_ready};
    rc = loop_add(loop, &listener->source, err);
    if (rc != 0) {
        close(fd);
        return rc;
    }
    str_copy(listener->path, sizeof(listener->path), path);
    return 0;
}

void socket_close(struct socket_listener *listener)
{
    struct connection *connection = TAILQ_FIRST(&listener->store->connections);

    while (connection != NULL) {
        struct connection *next = TAILQ_NEXT(connection, link);

        if (connection->ops == &socket_ops) {
            client_free(client_of(connection));
        }
        connection = next;
    }
    loop_remove(listener->loop, &listener->source);
    close(listener->source.fd);
    unlink(listener->path);
}
