/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netload: one TCP stream, or UDP requests one after the other, between two of dom0 and guests.
 *
 *     netload serve PORT                         takes both, for ever, in the background
 *     netload stream ADDRESS PORT MIB            prints "stream BYTES NANOSECONDS"
 *     netload ask ADDRESS PORT OUT BACK COUNT    prints "ask MIN MEDIAN MAX", nanoseconds a request
 *
 * A stream ends when the server has read all of it and says how much that was. A request is one datagram
 * of OUT bytes, answered by one of BACK bytes. Exit code 1: something was lost.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_BYTES    65536
#define DATAGRAM_MAX   65507
#define ANSWER_WAIT_MS 20000

/* The head of a request. */
struct request {
    uint32_t number;
    uint32_t back_bytes;
};

static char buffer[CHUNK_BYTES];

static _Noreturn void fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "netload: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct sockaddr_in address_of(const char *text, const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

    if (inet_pton(AF_INET, text, &address.sin_addr) != 1) {
        fail("%s is no IPv4 address", text);
    }
    return address;
}

static int open_socket(int type)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        fail("no socket: %m");
    }
    return fd;
}

/* --- The server ------------------------------------------------------------------------------------ */

static int bound_socket(int type, const char *port)
{
    struct sockaddr_in address = address_of("0.0.0.0", port);
    int fd = open_socket(type), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        fail("port %s is not to be had: %m", port);
    }
    return fd;
}

static void take_stream(int listener)
{
    int fd = accept(listener, NULL, NULL);
    uint64_t total = 0;
    ssize_t got;

    if (fd < 0) {
        return;
    }
    while ((got = read(fd, buffer, sizeof(buffer))) > 0) {
        total += (uint64_t)got;
    }
    if (got < 0 || write(fd, &total, sizeof(total)) != sizeof(total)) {
        fprintf(stderr, "netload: a stream broke after %lu bytes: %m\n", (unsigned long)total);
    }
    close(fd);
}

static void answer(int fd)
{
    struct sockaddr_in from;
    socklen_t from_bytes = sizeof(from);
    ssize_t got = recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &from_bytes);
    struct request request;

    if (got < (ssize_t)sizeof(request)) {
        return;
    }
    memcpy(&request, buffer, sizeof(request));
    if (request.back_bytes < sizeof(request) || request.back_bytes > DATAGRAM_MAX) {
        return;
    }
    sendto(fd, buffer, request.back_bytes, 0, (struct sockaddr *)&from, from_bytes);
}

static _Noreturn void serve(const char *port)
{
    struct pollfd waits[] = {
        {.fd = bound_socket(SOCK_STREAM, port), .events = POLLIN},
        {.fd = bound_socket(SOCK_DGRAM, port), .events = POLLIN},
    };

    if (listen(waits[0].fd, 4) != 0 || daemon(0, 0) != 0) {
        fail("cannot serve: %m");
    }
    for (;;) {
        poll(waits, 2, -1);
        if (waits[0].revents != 0) {
            take_stream(waits[0].fd);
        }
        if (waits[1].revents != 0) {
            answer(waits[1].fd);
        }
    }
}

/* --- The client ------------------------------------------------------------------------------------ */

static int connected_socket(int type, const char *to, const char *port)
{
    struct sockaddr_in address = address_of(to, port);
    int fd = open_socket(type);

    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        fail("%s:%s cannot be reached: %m", to, port);
    }
    return fd;
}

static void stream(const char *to, const char *port, uint64_t mib)
{
    int fd = connected_socket(SOCK_STREAM, to, port);
    uint64_t total = mib << 20, taken = 0, start = now_ns();

    for (uint64_t sent = 0; sent < total;) {
        uint64_t left = total - sent;
        ssize_t put = write(fd, buffer, left < sizeof(buffer) ? left : sizeof(buffer));

        if (put <= 0) {
            fail("the stream broke after %lu bytes: %m", (unsigned long)sent);
        }
        sent += (uint64_t)put;
    }
    shutdown(fd, SHUT_WR);
    if (recv(fd, &taken, sizeof(taken), MSG_WAITALL) != sizeof(taken) || taken != total) {
        fail("%lu bytes sent, %lu taken", (unsigned long)total, (unsigned long)taken);
    }
    printf("stream %lu %lu\n", (unsigned long)total, (unsigned long)(now_ns() - start));
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

static uint64_t ask_once(int fd, struct request request, size_t out_bytes)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    uint64_t start = now_ns();
    struct request got;

    memcpy(buffer, &request, sizeof(request));
    if (send(fd, buffer, out_bytes, 0) != (ssize_t)out_bytes) {
        fail("request %u cannot be sent: %m", request.number);
    }
    if (poll(&wait, 1, ANSWER_WAIT_MS) != 1 ||
        recv(fd, buffer, sizeof(buffer), 0) != (ssize_t)request.back_bytes) {
        fail("request %u has no answer of %u bytes", request.number, request.back_bytes);
    }
    memcpy(&got, buffer, sizeof(got));
    if (got.number != request.number) {
        fail("request %u has the answer of %u", request.number, got.number);
    }
    return now_ns() - start;
}

static void ask(const char *to, const char *port, size_t out_bytes, uint32_t back_bytes, uint32_t count)
{
    int fd = connected_socket(SOCK_DGRAM, to, port);
    uint64_t *times = calloc(count, sizeof(*times));

    if (out_bytes < sizeof(struct request) || out_bytes > DATAGRAM_MAX || count == 0 || !times) {
        fail("%zu bytes, %u times: cannot be", out_bytes, count);
    }
    ask_once(fd, (struct request){.number = count, .back_bytes = back_bytes}, out_bytes); /* ARP */
    for (uint32_t i = 0; i < count; i++) {
        times[i] = ask_once(fd, (struct request){.number = i, .back_bytes = back_bytes}, out_bytes);
    }
    qsort(times, count, sizeof(*times), compare);
    printf("ask %lu %lu %lu\n", (unsigned long)times[0], (unsigned long)times[count / 2],
           (unsigned long)times[count - 1]);
    free(times);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "serve") == 0) {
        serve(argv[2]);
    } else if (argc == 5 && strcmp(argv[1], "stream") == 0) {
        stream(argv[2], argv[3], strtoul(argv[4], NULL, 10));
    } else if (argc == 7 && strcmp(argv[1], "ask") == 0) {
        ask(argv[2], argv[3], strtoul(argv[4], NULL, 10), (uint32_t)strtoul(argv[5], NULL, 10),
            (uint32_t)strtoul(argv[6], NULL, 10));
    } else {
        fprintf(stderr, "usage: netload serve PORT | stream ADDRESS PORT MIB |"
                        " ask ADDRESS PORT OUT BACK COUNT\n");
        return 2;
    }
    return 0;
}
