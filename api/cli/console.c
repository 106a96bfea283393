/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nether console: a thread shows what the stream of output brings, over a connection of its own,
 * while the main thread sends what is typed. Ctrl-] leaves.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"

#define ESCAPE_KEY  0x1d /* Ctrl-] */
#define SILENCE_MS  1000 /* after the end of a piped input */
#define FULL_US     20000 /* the guest's queue is full: it empties as fast as the guest reads */

struct viewer {
    struct client *client;
    char *path;
    int end_fds[2]; /* a byte is written for output, and the write end closed at its end */
    atomic_bool is_leaving;
    int write_error; /* errno of an output that could not be shown */
    struct err err;
    int rc;
};

static bool write_all(int fd, const char *data, size_t size_bytes)
{
    while (size_bytes > 0) {
        ssize_t written = write(fd, data, size_bytes);

        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        data += written;
        size_bytes -= (size_t)written;
    }
    return true;
}

static bool show(void *opaque, const void *data, size_t size_bytes)
{
    struct viewer *viewer = opaque;

    if (!write_all(STDOUT_FILENO, data, size_bytes)) {
        viewer->write_error = errno;
        return false;
    }
    return write_all(viewer->end_fds[1], "o", 1) && !atomic_load(&viewer->is_leaving);
}

static void *view(void *opaque)
{
    struct viewer *viewer = opaque;

    viewer->rc = client_stream(viewer->client, viewer->path, show, viewer, &viewer->err);
    if (viewer->write_error != 0) {
        viewer->rc = err_set_errno(&viewer->err, viewer->write_error, "the output cannot be written");
    }
    close(viewer->end_fds[1]);
    return NULL;
}

/* Send all of it; the guest may read slowly. */
static int send_input(struct cli *cli, const char *path, const char *data, size_t size_bytes,
                      struct err *err)
{
    int rc = 0;

    while (rc == 0 && size_bytes > 0) {
        json_t *answer = NULL;
        size_t accepted;

        rc = client_bytes(cli->client, path, data, size_bytes, &answer, err);
        accepted = (size_t)cli_number(answer, "acceptedBytes");
        json_decref(answer);
        if (accepted > size_bytes) {
            accepted = size_bytes;
        }
        data += accepted;
        size_bytes -= accepted;
        if (rc == 0 && size_bytes > 0) {
            usleep(FULL_US);
        }
    }
    return rc;
}

/* Carry input until Ctrl-], the end of the output (*has_ended), or silence after the end of a piped input. */
static int carry_input(struct cli *cli, const char *path, const struct viewer *viewer,
                       bool is_terminal, bool *has_ended, struct err *err)
{
    struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                            {.fd = viewer->end_fds[0], .events = POLLIN}};
    char bytes[4096];
    ssize_t got;
    int rc = 0;

    *has_ended = false;
    while (rc == 0) {
        int ready = poll(fds, 2, fds[0].fd < 0 ? SILENCE_MS : -1);

        if (ready == 0) {
            return 0;
        }
        if (ready < 0) {
            continue; /* a signal */
        }
        if (fds[1].revents != 0 && read(viewer->end_fds[0], bytes, sizeof(bytes)) <= 0) {
            *has_ended = true;
            return 0;
        }
        if (fds[0].fd < 0 || fds[0].revents == 0) {
            continue;
        }
        got = read(STDIN_FILENO, bytes, sizeof(bytes));
        if (got <= 0) {
            fds[0].fd = -1;
        } else {
            const char *escape = is_terminal ? memchr(bytes, ESCAPE_KEY, (size_t)got) : NULL;

            rc = send_input(cli, path, bytes,
                            escape != NULL ? (size_t)(escape - bytes) : (size_t)got, err);
            if (is_terminal && rc == -(int)ERR_CONFLICT) {
                rc = 0; /* it does not run just now: a key goes nowhere, as on a line without a peer */
            }
            if (escape != NULL) {
                return rc;
            }
        }
    }
    return rc;
}

static int attach(struct cli *cli, const char *name, struct err *err)
{
    struct viewer viewer = {.rc = 0};
    struct termios saved;
    struct termios raw;
    bool is_terminal = tcgetattr(STDIN_FILENO, &saved) == 0;
    char *path = cli_domain_path(cli, name, "/console");
    pthread_t thread;
    bool has_ended;
    int rc;

    signal(SIGPIPE, SIG_IGN); /* it would end us with the terminal raw */
    viewer.path = cli_domain_path(cli, name, "/console?follow=1&tail=2048");
    if (path == NULL || viewer.path == NULL || pipe(viewer.end_fds) != 0) {
        rc = err_set(err, ERR_NO_MEMORY, "no memory for a console");
        goto free_paths;
    }
    rc = client_open(&cli->options, &viewer.client, err);
    if (rc != 0) {
        goto close_pipe;
    }
    if (pthread_create(&thread, NULL, view, &viewer) != 0) {
        rc = err_set(err, ERR_NO_MEMORY, "no memory for a console");
        goto close_client;
    }
    if (is_terminal) {
        fprintf(stderr, "Connected to %s. Ctrl-] leaves.\n", name);
        raw = saved;
        cfmakeraw(&raw);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    rc = carry_input(cli, path, &viewer, is_terminal, &has_ended, err);
    if (is_terminal) {
        tcsetattr(STDIN_FILENO, TCSANOW, &saved);
        fputc('\n', stderr);
    }
    fflush(stdout);
    atomic_store(&viewer.is_leaving, true);
    /* The viewer may wait for output that never comes; a silent stream holds it. It ends with the
     * process. What it left in err counts only if it has ended by itself. */
    if (!has_ended) {
        _exit(cli_report(rc, err));
    }
    pthread_join(thread, NULL);
    if (rc == 0 && viewer.rc != 0) {
        *err = viewer.err;
        rc = viewer.rc;
    }

close_client:
    client_close(viewer.client);
close_pipe:
    close(viewer.end_fds[0]);
free_paths:
    free(path);
    free(viewer.path);
    return rc;
}

static bool print_bytes(void *opaque, const void *data, size_t size_bytes)
{
    (void)opaque;
    return fwrite(data, 1, size_bytes, stdout) == size_bytes;
}

int cli_console(struct cli *cli, const struct cli_command *command, int argc, char **argv,
                struct err *err)
{
    const char *name = NULL;
    bool is_log = false;
    char *path;
    int rc;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--log") == 0 || strcmp(argv[i], "--dump") == 0) {
            is_log = true;
        } else if (name == NULL && argv[i][0] != '-') {
            name = argv[i];
        } else {
            return cli_usage(command, err, "one name is wanted");
        }
    }
    if (name == NULL) {
        return cli_usage(command, err, "the name of a domain is missing");
    }
    if (!is_log) {
        return attach(cli, name, err);
    }
    path = cli_domain_path(cli, name, "/console");
    rc = path != NULL ? client_stream(cli->client, path, print_bytes, NULL, err)
                      : err_set(err, ERR_NO_MEMORY, "no memory");
    free(path);
    return rc;
}
