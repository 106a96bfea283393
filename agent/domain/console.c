/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A console: ring page and event channel on the guest's side; log file, backlog and callback on
 * ours. Input waits in a bounded queue until the guest has taken what is in the ring.
 */
#include "agent/domain/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>

#include "agent/domain/console_ring.h"
#include "agent/domain/store_link.h"
#include "agent/util/log.h"
#include "agent/util/str.h"

#define LOG_MAX_DEFAULT     (16ull << 20)
#define BACKLOG_DEFAULT     (64u << 10)
#define INPUT_QUEUE_BYTES   4096
#define PATH_BYTES          1024

struct console {
    uint32_t domid;
    xenforeignmemory_handle *foreign;
    xenevtchn_handle *evtchn;
    void *page;
    evtchn_port_t port; /* ours */
    struct console_ring ring;

    int log_fd; /* -1: none */
    uint64_t log_bytes;
    uint64_t log_lost_bytes; /* since the log could last be written */
    uint64_t log_max_bytes;
    char log_path[PATH_BYTES];

    console_output_fn output;
    void *opaque;

    char *backlog; /* a ring of backlog_size bytes */
    size_t backlog_size;
    uint64_t backlog_total; /* bytes ever put in */

    char input[INPUT_QUEUE_BYTES];
    size_t input_count;
};

/* ---- log file ---- */

static int open_log(struct console *console, struct err *err)
{
    int fd = open(console->log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) {
        int saved = errno;
        if (fd >= 0) {
            close(fd);
        }
        return err_set_errno(err, saved, "cannot open the console log %s", console->log_path);
    }
    console->log_fd = fd;
    console->log_bytes = (uint64_t)status.st_size;
    return 0;
}

/* A full log becomes PATH.1; the one before is lost. */
static void rotate_log(struct console *console)
{
    char old[PATH_BYTES + 4];
    snprintf(old, sizeof(old), "%s.1", console->log_path);
    close(console->log_fd);
    console->log_fd = -1;
    struct err err = {0};
    if (rename(console->log_path, old) < 0) {
        log_error("domain=%u: cannot rotate the console log: %s", console->domid,
                  strerror(errno));
    } else if (open_log(console, &err) != 0) {
        log_error("domain=%u: %s", console->domid, err.message);
    }
}

static void write_log(struct console *console, const char *data, size_t length)
{
    if (console->log_fd < 0) {
        return;
    }
    if (console->log_bytes + length > console->log_max_bytes) {
        rotate_log(console);
        if (console->log_fd < 0) {
            return;
        }
    }
    while (length > 0) {
        ssize_t written = write(console->log_fd, data, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            /* A full disk must not stop the guest: the log lacks a piece. */
            if (console->log_lost_bytes == 0) {
                log_error("domain=%u: output is not logged in %s: %s", console->domid,
                          console->log_path, strerror(errno));
            }
            console->log_lost_bytes += length;
            return;
        }
        if (console->log_lost_bytes > 0) {
            log_info("domain=%u: output is logged again, %llu bytes are missing", console->domid,
                     (unsigned long long)console->log_lost_bytes);
            console->log_lost_bytes = 0;
        }
        console->log_bytes += (uint64_t)written;
        data += written;
        length -= (size_t)written;
    }
}

/* ---- backlog ---- */

static void put_backlog(struct console *console, const char *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        console->backlog[(console->backlog_total + i) % console->backlog_size] = data[i];
    }
    console->backlog_total += length;
}

size_t console_backlog(const struct console *console, void *out, size_t size)
{
    uint64_t held = console->backlog_total < console->backlog_size ? console->backlog_total
                                                                   : console->backlog_size;
    size_t count = held < size ? (size_t)held : size;
    uint64_t start = console->backlog_total - count;
    for (size_t i = 0; i < count; i++) {
        ((char *)out)[i] = console->backlog[(start + i) % console->backlog_size];
    }
    return count;
}

/* ---- open and close ---- */

/* A number the toolstack wrote below the domain's console node. */
static int read_number(struct store_link *link, uint32_t domid, const char *name, uint64_t *value,
                       struct err *err)
{
    char path[64];
    unsigned int length;
    unsigned tries = 0;
    char *text;
    snprintf(path, sizeof(path), "/local/domain/%u/console/%s", domid, name);
    do {
        text = xs_read(link->xs, XBT_NULL, path, &length);
    } while (text == NULL && store_link_renew(link, &tries));
    bool is_number = text != NULL && str_parse_u64(text, 0, UINT32_MAX, value);
    free(text);
    if (!is_number) {
        return err_set(err, ERR_NOT_FOUND, "domain %u has no console", domid);
    }
    return 0;
}

static int find_ring(uint32_t domid, uint64_t *gfn, uint64_t *port, struct err *err)
{
    struct store_link link;
    int result = store_link_open(&link, true, err);
    if (result == 0) {
        result = read_number(&link, domid, "ring-ref", gfn, err);
    }
    if (result == 0) {
        result = read_number(&link, domid, "port", port, err);
    }
    store_link_close(&link);
    return result;
}

static int connect_ring(struct console *console, uint64_t gfn, uint64_t port, struct err *err)
{
    console->foreign = xenforeignmemory_open(NULL, 0);
    if (console->foreign == NULL) {
        return err_set(err, ERR_UNAVAILABLE, "cannot open the foreign memory device: %s",
                       strerror(errno));
    }
    xen_pfn_t frame = gfn;
    int map_error = 0;
    console->page = xenforeignmemory_map(console->foreign, console->domid, PROT_READ | PROT_WRITE,
                                         1, &frame, &map_error);
    if (console->page == NULL || map_error != 0) {
        return err_set(err, ERR_NOT_FOUND, "cannot map the console of domain %u: %s",
                       console->domid, strerror(map_error != 0 ? abs(map_error) : errno));
    }
    console_ring_init(&console->ring, console->page);

    console->evtchn = xenevtchn_open(NULL, 0);
    if (console->evtchn == NULL) {
        return err_set(err, ERR_UNAVAILABLE, "cannot open the event channel device: %s",
                       strerror(errno));
    }
    xenevtchn_port_or_error_t bound =
        xenevtchn_bind_interdomain(console->evtchn, console->domid, (evtchn_port_t)port);
    if (bound < 0) {
        return err_set(err, ERR_CONFLICT,
                       "cannot take the console of domain %u (has another process got it?): %s",
                       console->domid, strerror(errno));
    }
    console->port = (evtchn_port_t)bound;
    int flags = fcntl(xenevtchn_fd(console->evtchn), F_GETFL);
    fcntl(xenevtchn_fd(console->evtchn), F_SETFL, flags | O_NONBLOCK);
    /* Whoever had the console before may have been killed after it made room and before it said so. */
    if (xenevtchn_notify(console->evtchn, console->port) < 0) {
        return err_set_errno(err, errno, "the console of domain %u is lost", console->domid);
    }
    return 0;
}

int console_open(uint32_t domid, const struct console_options *options, struct console **out,
                 struct err *err)
{
    struct console *console = calloc(1, sizeof(*console));
    if (console == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for a console");
    }
    console->domid = domid;
    console->log_fd = -1;
    console->output = options->output;
    console->opaque = options->opaque;
    console->log_max_bytes =
        options->log_max_bytes != 0 ? options->log_max_bytes : LOG_MAX_DEFAULT;
    console->backlog_size = options->backlog_bytes != 0 ? options->backlog_bytes : BACKLOG_DEFAULT;

    int result = 0;
    console->backlog = malloc(console->backlog_size);
    if (console->backlog == NULL) {
        result = err_set(err, ERR_NO_MEMORY, "no memory for a console's backlog");
    } else if (options->log_path != NULL) {
        result = str_copy(console->log_path, sizeof(console->log_path), options->log_path)
                     ? open_log(console, err)
                     : err_set(err, ERR_INVALID, "the console log's path is too long");
    }
    uint64_t gfn = 0;
    uint64_t port = 0;
    if (result == 0) {
        result = find_ring(domid, &gfn, &port, err);
    }
    if (result == 0) {
        result = connect_ring(console, gfn, port, err);
    }
    if (result != 0) {
        console_close(console);
        return result;
    }
    *out = console;
    return 0;
}

void console_close(struct console *console)
{
    if (console == NULL) {
        return;
    }
    if (console->evtchn != NULL) {
        xenevtchn_close(console->evtchn);
    }
    if (console->page != NULL) {
        xenforeignmemory_unmap(console->foreign, console->page, 1);
    }
    if (console->foreign != NULL) {
        xenforeignmemory_close(console->foreign);
    }
    if (console->log_fd >= 0) {
        close(console->log_fd);
    }
    free(console->backlog);
    free(console);
}

/* ---- in use ---- */

int console_fd(const struct console *console)
{
    return xenevtchn_fd(console->evtchn);
}

uint64_t console_faults(const struct console *console)
{
    return console->ring.faults;
}

/* Takes the pending event, when there is one, and lets the next one come. */
static int take_event(struct console *console, struct err *err)
{
    xenevtchn_port_or_error_t port = xenevtchn_pending(console->evtchn);
    if (port < 0) {
        if (errno == EAGAIN || errno == EINTR) {
            return 0;
        }
        return err_set_errno(err, errno, "the console of domain %u is lost", console->domid);
    }
    if (xenevtchn_unmask(console->evtchn, (evtchn_port_t)port) < 0) {
        return err_set_errno(err, errno, "the console of domain %u is lost", console->domid);
    }
    return 0;
}

/* Moves queued input into the ring. Returns true when something was moved. */
static bool push_input(struct console *console)
{
    size_t pushed = console_ring_write(&console->ring, console->input, console->input_count);
    if (pushed == 0) {
        return false;
    }
    console->input_count -= pushed;
    memmove(console->input, console->input + pushed, console->input_count);
    return true;
}

int console_pump(struct console *console, struct err *err)
{
    /* The event is taken before the ring is read, so bytes that come later bring a new one. */
    int result = take_event(console, err);
    if (result != 0) {
        return result;
    }
    char bytes[2048]; /* the whole ring: a guest that writes on does not keep us here */
    size_t count = console_ring_peek(&console->ring, bytes, sizeof(bytes));
    bool has_moved = push_input(console);
    if (count != 0) {
        write_log(console, bytes, count);
        put_backlog(console, bytes, count);
        if (console->output != NULL) {
            console->output(console->opaque, bytes, count);
        }
        console_ring_take(&console->ring, count);
    }
    /* There is space in the output ring, or input: the guest may be waiting for either. */
    if ((count != 0 || has_moved) && xenevtchn_notify(console->evtchn, console->port) < 0) {
        return err_set_errno(err, errno, "the console of domain %u is lost", console->domid);
    }
    return 0;
}

size_t console_write(struct console *console, const void *data, size_t length)
{
    size_t room = INPUT_QUEUE_BYTES - console->input_count;
    size_t count = length < room ? length : room;
    memcpy(console->input + console->input_count, data, count);
    console->input_count += count;
    if (push_input(console)) {
        xenevtchn_notify(console->evtchn, console->port);
    }
    return count;
}
