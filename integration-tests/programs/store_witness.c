/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of xenstore that is there while nether-stored is killed: it writes the same number to two nodes in one
 * transaction, counts up, and looks whether what it was promised is kept.
 *
 *   store_witness [FOLDER]     until SIGTERM; then prints what it did, and fails if a promise was broken:
 *     - the two nodes are equal for whoever looks (transactions are whole)
 *     - a number that was committed is there, and no later one is
 *     - the watch on the first node fires after each commit
 *
 * It goes through dom0's kernel (/dev/xen/xenbus), so its watches and open transactions outlive the daemon; what it
 * reads besides through the daemon's socket needs a new connection after each kill.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xenstore.h>

#define EVENT_TIMEOUT_MS 60000
#define PAUSE_US         20000 /* there is other work for the processor */
#define PATH_BYTES       128

static volatile sig_atomic_t is_stopping;
static char first_path[PATH_BYTES], second_path[PATH_BYTES];
static unsigned long committed, conflicts, events, reconnects;

static void stop(int signal)
{
    (void)signal;
    is_stopping = 1;
}

static void fail(const char *what, unsigned long value)
{
    printf("store_witness: %s: %lu; %lu committed, %s\n", what, value, committed, strerror(errno));
    exit(1);
}

/* The number in a node. */
static unsigned long read_number(struct xs_handle *xs, xs_transaction_t transaction, const char *path, int *is_read)
{
    unsigned int length;
    char *text = xs_read(xs, transaction, path, &length);
    unsigned long number = text != NULL ? strtoul(text, NULL, 10) : 0;

    *is_read = text != NULL;
    free(text);
    return number;
}

/* Both nodes in one transaction: equal, and nothing but what was committed. */
static void look(struct xs_handle *xs, xs_transaction_t transaction, unsigned long at_least)
{
    int has_first, has_second;
    unsigned long first = read_number(xs, transaction, first_path, &has_first);
    unsigned long second = read_number(xs, transaction, second_path, &has_second);

    if (!has_first || !has_second) {
        fail("a node cannot be read", first);
    }
    if (first != second) {
        fail("half a transaction is seen", first);
    }
    if (first != at_least) {
        fail("what was committed is not what is there", first);
    }
}

/* Writes number to both; as often as there are conflicts, which a restart of the daemon is one of. */
static void commit(struct xs_handle *xs, unsigned long number)
{
    char text[24];
    int length = snprintf(text, sizeof(text), "%lu", number);

    for (;;) {
        xs_transaction_t transaction = xs_transaction_start(xs);

        if (transaction == XBT_NULL) {
            fail("a transaction cannot be started", number);
        }
        if (number > 1) {
            look(xs, transaction, committed);
        }
        if (!xs_write(xs, transaction, first_path, text, (unsigned int)length)) {
            fail("the first node cannot be written", number);
        }
        if (!xs_write(xs, transaction, second_path, text, (unsigned int)length)) {
            fail("the second node cannot be written", number);
        }
        if (xs_transaction_end(xs, transaction, false)) {
            committed = number;
            return;
        }
        if (errno != EAGAIN) {
            fail("a transaction cannot be ended", number);
        }
        conflicts++;
    }
}

/* At least one event since the commit. */
static void wait_event(struct xs_handle *xs)
{
    struct pollfd pollfd = {.fd = xs_fileno(xs), .events = POLLIN};
    char **event = xs_check_watch(xs);

    while (event == NULL) {
        int ready = poll(&pollfd, 1, EVENT_TIMEOUT_MS);

        if (ready == 0) {
            fail("the watch does not fire", committed);
        }
        event = xs_check_watch(xs);
    }
    while (event != NULL) {
        if (strcmp(event[XS_WATCH_PATH], first_path) != 0) {
            fail("the watch fires for another node", committed);
        }
        free(event);
        events++;
        event = xs_check_watch(xs);
    }
}

/* The same seen through the daemon's socket; *xs is a new connection whenever the daemon is. */
static void look_from_socket(struct xs_handle **xs)
{
    int has_first = 0;
    unsigned long first = *xs != NULL ? read_number(*xs, XBT_NULL, first_path, &has_first) : 0;

    if (has_first && first != committed) {
        fail("through the socket another number is seen", first);
    }
    if (has_first) {
        return;
    }
    if (*xs != NULL && errno == ENOENT) {
        fail("through the socket the node is missing", committed);
    }
    xs_close(*xs);
    *xs = xs_open(0);
    reconnects += *xs != NULL;
}

static struct xs_handle *open_by(const char *path)
{
    struct xs_handle *xs;

    setenv("XENSTORED_PATH", path, 1);
    xs = xs_open(0);
    unsetenv("XENSTORED_PATH");
    return xs;
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "/witness";
    struct xs_handle *xs = open_by("/dev/xen/xenbus"), *socket = NULL;

    signal(SIGTERM, stop);
    signal(SIGPIPE, SIG_IGN);
    snprintf(first_path, sizeof(first_path), "%s/first", folder);
    snprintf(second_path, sizeof(second_path), "%s/second", folder);
    if (xs == NULL || !xs_watch(xs, first_path, "token")) {
        fail("xenstore cannot be reached", 0);
    }
    wait_event(xs); /* a watch fires when it is set */
    while (!is_stopping) {
        commit(xs, committed + 1);
        wait_event(xs);
        look_from_socket(&socket);
        usleep(PAUSE_US);
    }
    if (!xs_rm(xs, XBT_NULL, folder)) {
        fail("the nodes cannot be removed", committed);
    }
    printf("%lu transactions, %lu conflicts, %lu events, %lu connections\n", committed, conflicts, events, reconnects);
    return 0;
}
