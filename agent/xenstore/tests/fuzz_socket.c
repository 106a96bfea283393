/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: what clients may send on the socket, to the real listener over real sockets. The input is a
 * list of steps of two clients: connect, send a request, send bytes as they are, read, hang up. After
 * each the daemon has its turn. What it answers must be messages; in the end nothing is left.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/log.h"
#include "util/tests/fuzz.h"
#include "xenstore/domain.h"
#include "xenstore/socket.h"
#include "xenstore/tests/fake_xen.h"

#define CLIENTS 2

/* One client's end, and how far the message that it is reading has come. */
struct peer {
    int fd;
    struct xsd_sockmsg header;
    size_t header_bytes;
    size_t body_left;
};

static struct fake_xen fake;
static struct store store;
static struct loop loop;
static struct socket_listener listener;
static struct peer peers[CLIENTS];

static void turn(void)
{
    struct err err;

    for (int i = 0; i < 4; i++) {
        struct domain *domain;
        struct connection *connection;

        fuzz_check(loop_dispatch(&loop, 0, &err) == 0);
        while ((domain = TAILQ_FIRST(&store.ready)) != NULL) {
            domain_pump(domain);
        }
        journal_commit(&store.journal);
        while ((connection = TAILQ_FIRST(&store.unflushed)) != NULL) {
            TAILQ_REMOVE(&store.unflushed, connection, unflushed_link);
            connection->is_unflushed = false;
            connection->ops->flush(connection);
        }
    }
}

static void hang_up(struct peer *peer)
{
    if (peer->fd >= 0) {
        close(peer->fd);
    }
    *peer = (struct peer){.fd = -1};
}

static void reach(struct peer *peer)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    hang_up(peer);
    memcpy(address.sun_path, listener.path, sizeof(address.sun_path));
    peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    fuzz_check(peer->fd >= 0);
    if (connect(peer->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        hang_up(peer);
    }
}

/* What the daemon sends is headers with a length that is allowed, and as many bytes. */
static void take(struct peer *peer, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        size_t part;

        if (peer->body_left > 0) {
            part = size < peer->body_left ? size : peer->body_left;
            peer->body_left -= part;
        } else {
            part = sizeof(peer->header) - peer->header_bytes;
            part = size < part ? size : part;
            memcpy((uint8_t *)&peer->header + peer->header_bytes, bytes, part);
            peer->header_bytes += part;
            if (peer->header_bytes == sizeof(peer->header)) {
                fuzz_check(peer->header.type < XS_TYPE_COUNT);
                fuzz_check(peer->header.len <= XENSTORE_PAYLOAD_MAX);
                peer->body_left = peer->header.len;
                peer->header_bytes = 0;
            }
        }
        bytes += part;
        size -= part;
    }
}

static void read_all(struct peer *peer)
{
    uint8_t bytes[4096];
    ssize_t got;

    while (peer->fd >= 0 && (got = recv(peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
        take(peer, bytes, (size_t)got);
    }
}

static void put(const struct peer *peer, const void *bytes, size_t size)
{
    if (peer->fd >= 0) {
        /* It may have hung up on us; what does not fit is lost, which only makes the input another one. */
        (void)!send(peer->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

static void request(const struct peer *peer, const uint8_t **at, const uint8_t *end)
{
    uint8_t type = *at < end ? *(*at)++ : 0;
    uint8_t transaction = *at < end ? *(*at)++ : 0;
    uint8_t length = *at < end ? *(*at)++ : 0;
    size_t size = (size_t)(end - *at) < length ? (size_t)(end - *at) : length;
    struct xsd_sockmsg header = {
        .type = type % (XS_TYPE_COUNT + 2), .tx_id = transaction % 4, .len = (uint32_t)size};

    put(peer, &header, sizeof(header));
    put(peer, *at, size);
    *at += size;
}

static void step(const uint8_t **at, const uint8_t *end)
{
    uint8_t what = *(*at)++;
    struct peer *peer = &peers[what % CLIENTS];
    size_t size;

    switch (what / CLIENTS % 8) {
    case 0:
        reach(peer);
        break;
    case 1:
        hang_up(peer);
        break;
    case 2:
        size = *at < end ? *(*at)++ : 0;
        size = (size_t)(end - *at) < size ? (size_t)(end - *at) : size;
        put(peer, *at, size);
        *at += size;
        break;
    case 3:
        read_all(peer);
        break;
    default:
        request(peer, at, end);
        break;
    }
    turn();
}

static void start(void)
{
    static char folder[] = "/tmp/fuzz-socket-XXXXXX";
    static bool is_made;
    char path[64];
    struct err err;

    if (!is_made) {
        fuzz_check(mkdtemp(folder) != NULL);
        is_made = true;
    }
    log_set_level(LOG_LEVEL_ERROR);
    fake_xen_init(&fake);
    fuzz_check(store_init(&store) == 0 && store_put_initial_nodes(&store) == 0);
    store.xen = &fake.xen;
    fake_xen_create(&fake, 3);
    snprintf(path, sizeof(path), "%s/socket", folder);
    fuzz_check(loop_init(&loop, &err) == 0);
    fuzz_check(socket_listen(&listener, &loop, &store, path, &err) == 0);
    for (int i = 0; i < CLIENTS; i++) {
        peers[i] = (struct peer){.fd = -1};
        reach(&peers[i]);
    }
    turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *at = data;
    struct domain *domain;

    start();
    while (at < data + size) {
        step(&at, data + size);
    }
    for (int i = 0; i < CLIENTS; i++) {
        read_all(&peers[i]);
        hang_up(&peers[i]);
    }
    turn();
    fuzz_check(listener.client_count == 0);
    while ((domain = TAILQ_FIRST(&store.domains)) != NULL) {
        domain_remove(domain);
    }
    fuzz_check(TAILQ_EMPTY(&store.connections));
    fuzz_check(!fake.domains[3].is_mapped && !fake.domains[3].is_bound);
    socket_close(&listener);
    loop_destroy(&loop);
    store_destroy(&store);
    return 0;
}

/* Appends a request of the first client. */
static size_t add(uint8_t *out, size_t used, uint8_t type, uint8_t transaction, const char *payload,
                  size_t size)
{
    out[used++] = 4 * CLIENTS;
    out[used++] = type;
    out[used++] = transaction;
    out[used++] = (uint8_t)size;
    memcpy(out + used, payload, size);
    return used + size;
}
#define ADD(type, transaction, text) used = add(out, used, type, transaction, text, sizeof(text) - 1)

size_t fuzz_seed(size_t index, uint8_t *out, size_t room)
{
    size_t used = 0;

    fuzz_check(room >= 1024);
    switch (index) {
    case 0:
        ADD(XS_WRITE, 0, "/a/b\0value");
        ADD(XS_READ, 0, "/a/b\0");
        ADD(XS_DIRECTORY, 0, "/a\0");
        ADD(XS_SET_PERMS, 0, "/a/b\0n3\0r4\0");
        ADD(XS_GET_PERMS, 0, "/a/b\0");
        ADD(XS_RM, 0, "/a\0");
        ADD(XS_MKDIR, 0, "/c\0");
        ADD(XS_DIRECTORY_PART, 0, "/\0000\0");
        return used;
    case 1:
        ADD(XS_TRANSACTION_START, 0, "\0");
        ADD(XS_WRITE, 1, "/t\0001");
        ADD(XS_READ, 1, "/t\0");
        ADD(XS_TRANSACTION_END, 1, "T\0");
        ADD(XS_TRANSACTION_START, 0, "\0");
        ADD(XS_RM, 2, "/t\0");
        ADD(XS_TRANSACTION_END, 2, "F\0");
        return used;
    case 2:
        ADD(XS_WATCH, 0, "/w\0token\0");
        ADD(XS_WATCH, 0, "@releaseDomain\0gone\0");
        ADD(XS_WRITE, 0, "/w/x\0001");
        out[used++] = 3 * CLIENTS;
        ADD(XS_UNWATCH, 0, "/w\0token\0");
        ADD(XS_RESET_WATCHES, 0, "\0");
        return used;
    case 3:
        ADD(XS_INTRODUCE, 0, "3\0001\0004\0");
        ADD(XS_IS_DOMAIN_INTRODUCED, 0, "3\0");
        ADD(XS_GET_DOMAIN_PATH, 0, "3\0");
        ADD(XS_SET_TARGET, 0, "3\0000\0");
        ADD(XS_RESUME, 0, "3\0");
        ADD(XS_RELEASE, 0, "3\0");
        return used;
    case 4:
        ADD(XS_CONTROL, 0, "memory\0");
        ADD(XS_CONTROL, 0, "check\0");
        ADD(XS_CONTROL, 0, "quota\0set\0nodes\00010\0");
        ADD(XS_CONTROL, 0, "help\0");
        out[used++] = 2 * CLIENTS;
        out[used++] = 8;
        memcpy(out + used, "\xff\xff\xff\xff\x00\x00\x00\x00", 8);
        return used + 8;
    default:
        return 0;
    }
}
