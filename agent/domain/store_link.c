/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/domain/store_link.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/domain/ctx.h"
#include "agent/domain/store_wire.h"
#include "agent/util/log.h"

#define WAIT_MS   60000 /* init needs a second, a busy host some more */
#define LOOK_NS   20000000
#define HANGUP_MS 200   /* a dying daemon's connections end one after the other */
#define TRIES_MAX 16 /* of one request: more restarts than that are not bad luck */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Both connections or none. */
static bool connect_both(struct store_link *link)
{
    const char *path = getenv("XENSTORED_PATH");
    link->fd = store_wire_connect(path != NULL ? path : STORE_SOCKET);
    if (link->fd < 0) {
        return false;
    }
    /* Not the kernel's device: a connection through it would outlive the daemon's end, which the other one tells. */
    link->xs = xs_open(XS_OPEN_SOCKETONLY);
    /* xs_fileno() makes the pipe for watch events when it is first asked: better here than in the
     * middle of a build, where there may be no descriptor left. */
    if (link->xs != NULL && xs_fileno(link->xs) >= 0) {
        return true;
    }
    int saved = errno;
    store_link_close(link);
    errno = saved;
    return false;
}

/* The same, again and again for wait_ms. */
static bool connect_within(struct store_link *link, int64_t wait_ms)
{
    int64_t deadline = now_ms() + wait_ms;
    while (!connect_both(link)) {
        if (now_ms() >= deadline) {
            return false;
        }
        struct timespec interval = {.tv_nsec = LOOK_NS};
        nanosleep(&interval, NULL);
    }
    return true;
}

int store_link_open(struct store_link *link, bool is_patient, struct err *err)
{
    *link = (struct store_link){.fd = -1};
    if (!connect_within(link, is_patient ? WAIT_MS : 0)) {
        return err_set(err, ERR_UNAVAILABLE, "cannot reach xenstore (is nether-stored running?): %s",
                       strerror(errno));
    }
    return 0;
}

void store_link_close(struct store_link *link)
{
    if (link->xs != NULL) {
        xs_close(link->xs);
        link->xs = NULL;
    }
    if (link->fd >= 0) {
        close(link->fd);
        link->fd = -1;
    }
}

/* Once it watches, libxenstore has a thread that reads, and a request whose connection ends before its answer
 * fails with EINVAL, as a bad request does. Then the other connection, which ends at the same time, tells. */
static bool is_lost(const struct store_link *link, int reason)
{
    struct pollfd hangs_up = {.fd = link->fd};

    return reason == EBADF || reason == EPIPE || reason == ECONNRESET ||
           (reason == EINVAL && poll(&hangs_up, 1, HANGUP_MS) == 1);
}

bool store_link_renew(struct store_link *link, unsigned *tries)
{
    int saved = errno;
    if (!is_lost(link, saved) || ++*tries > TRIES_MAX) {
        errno = saved;
        return false;
    }
    /* The old ones are kept until there are new ones: a request on them fails, and no more. */
    struct store_link fresh = {.fd = -1};
    if (!connect_within(&fresh, link->is_away ? 0 : WAIT_MS)) {
        link->is_away = true;
        errno = saved;
        return false;
    }
    log_info("xenstore: connected again");
    fresh.generation = link->generation + 1;
    store_link_close(link);
    *link = fresh;
    return true;
}
