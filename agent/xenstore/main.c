/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nether-stored: options, background, pid file, hypervisor; then it serves.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/log.h"
#include "xenstore/files.h"
#include "xenstore/options.h"
#include "xenstore/server.h"

/* Go to the background; the starter leaves with status 0 when the child is ready to serve, or with
 * 1 when it is not. Returns, in the child, the descriptor to say so on. */
static int go_to_background(void)
{
    int ends[2];
    char byte;
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    child = fork();
    if (child < 0) {
        return -1;
    }
    if (child > 0) {
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    close(ends[0]);
    setsid();
    return ends[1];
}

static void say_ready(void *context)
{
    int *ready_fd = context;

    if (*ready_fd >= 0) {
        int null = open("/dev/null", O_RDWR);

        if (write(*ready_fd, "+", 1) != 1) {
            log_warn("the starter is gone");
        }
        close(*ready_fd);
        *ready_fd = -1;
        if (null >= 0) {
            dup2(null, STDIN_FILENO);
            dup2(null, STDOUT_FILENO);
            if (null > STDERR_FILENO) {
                close(null);
            }
        }
    }
}

static int redirect_log(const char *path, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0) {
        return err_set_errno(err, errno, "cannot write the log to %s", path);
    }
    close(fd);
    return 0;
}

static int run(const struct options *options, int *ready_fd, struct err *err)
{
    struct xen xen;
    int pid_fd;
    int rc = 0;

    if (options->log_file != NULL) {
        rc = redirect_log(options->log_file, err);
        if (rc != 0) {
            return rc;
        }
    }
    pid_fd = files_lock_pid(options->pid_file, err);
    if (pid_fd < 0) {
        return pid_fd;
    }
    if (options->has_rings) {
        rc = xen_host_open(&xen, err);
    }
    if (rc == 0) {
        rc = server_run(options, options->has_rings ? &xen : NULL, say_ready, ready_fd, err);
        if (options->has_rings) {
            xen_host_close(&xen);
        }
    }
    unlink(options->pid_file);
    close(pid_fd);
    return rc;
}

int main(int argc, char **argv)
{
    struct options options;
    struct err err;
    int ready_fd = -1;
    int exit_status;

    if (!options_parse(&options, argc, argv, &exit_status)) {
        return exit_status;
    }
    if (!options.is_foreground) {
        ready_fd = go_to_background();
        if (ready_fd < 0) {
            log_error("cannot go to the background: %s", strerror(errno));
            return EXIT_FAILURE;
        }
    }
    if (run(&options, &ready_fd, &err) != 0) {
        log_error("%s", err.message);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
