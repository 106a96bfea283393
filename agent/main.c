/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netherd: a start list, a wait for SIGTERM or SIGINT, and the mirrored stop list. Guests are not
 * touched by either.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "command/agent.h"
#include "config.h"
#include "rest/server.h"

/* Make a folder and those above it. */
static int make_folder(const char *path, mode_t mode, struct err *err)
{
    char partial[1024];

    if (strlen(path) >= sizeof(partial)) {
        return err_set(err, ERR_INVALID, "the path is too long: %s", path);
    }
    for (size_t i = 1; i <= strlen(path); i++) {
        if (path[i] == '/' || path[i] == '\0') {
            memcpy(partial, path, i);
            partial[i] = '\0';
            if (mkdir(partial, mode) != 0 && errno != EEXIST) {
                return err_set_errno(err, errno, "cannot make the folder %s", partial);
            }
        }
    }
    return 0;
}

static int make_folders(const struct config *config, struct err *err)
{
    char run[1024];
    char *slash;
    int rc = make_folder(config->state_dir, 0700, err);

    if (rc == 0) {
        rc = make_folder(config->console_dir, 0700, err);
    }
    snprintf(run, sizeof(run), "%s", config->socket);
    slash = strrchr(run, '/');
    if (rc == 0 && slash != NULL && slash != run) {
        *slash = '\0';
        rc = make_folder(run, 0755, err);
    }
    return rc;
}

/* One agent for a state folder: two would both adopt every guest. Held until the process ends. */
static int lock_state(const char *state_dir, int *fd, struct err *err)
{
    char path[1100];

    snprintf(path, sizeof(path), "%s/netherd.lock", state_dir);
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0) {
        return err_set_errno(err, errno, "cannot open %s", path);
    }
    if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
        int error = errno;

        close(*fd);
        return error == EWOULDBLOCK
                   ? err_set(err, ERR_CONFLICT, "another netherd works on %s", state_dir)
                   : err_set_errno(err, error, "cannot lock %s", path);
    }
    return 0;
}

/* Tell a service manager, when there is one, how we are (the protocol of sd_notify(3)). */
static void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t length;
    int fd;

    if (path == NULL || path[0] == '\0' || strlen(path) >= sizeof(name.sun_path)) {
        return;
    }
    memcpy(name.sun_path, path, strlen(path));
    length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (name.sun_path[0] == '@') {
        name.sun_path[0] = '\0'; /* abstract */
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    if (sendto(fd, state, strlen(state), 0, (const struct sockaddr *)&name, length) < 0) {
        log_warn("the service manager cannot be told %s: %s", state, strerror(errno));
    }
    close(fd);
}

/* Blocked in every thread, so that only the wait below sees them. */
static void block_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* One heap for all threads: an own one for each (malloc's default) keeps what any of them once needed, and dom0
 * is small. They wait for the hypervisor and for files, not for malloc(). */
static void share_heap(void)
{
    mallopt(M_ARENA_MAX, 1);
}

static int run(const struct config *config, struct err *err)
{
    struct agent_options agent_options = {.ops = &domain_ops_hypervisor,
                                          .state_folder = config->state_dir,
                                          .console_folder = config->console_dir,
                                          .shutdown_timeout_s = config->shutdown_timeout_s};
    struct rest_options rest_options = {.socket_path = config->socket,
                                        .tcp_address = config->listen};
    struct rest_server *server;
    struct agent *agent;
    sigset_t signals;
    int signal_number;
    int lock_fd;
    int rc;

    share_heap();
    block_signals(&signals);
    rc = make_folders(config, err);
    if (rc != 0) {
        return rc;
    }
    rc = lock_state(config->state_dir, &lock_fd, err);
    if (rc != 0) {
        return rc;
    }
    rc = agent_start(&agent_options, &agent, err);
    if (rc != 0) {
        goto unlock_state;
    }
    rest_options.agent = agent;
    rc = rest_server_start(&rest_options, &server, err);
    if (rc != 0) {
        goto stop_agent;
    }
    log_info("netherd %s: ready", NETHER_VERSION);
    notify("READY=1");

    sigwait(&signals, &signal_number);
    log_info("netherd: stopping; running guests go on");
    notify("STOPPING=1");

    agent_wake_waiters(agent);
    rest_server_stop(server);
stop_agent:
    agent_stop(agent);
unlock_state:
    close(lock_fd);
    return rc;
}

int main(int argc, char **argv)
{
    struct config config;
    struct err err = {0};

    if (config_parse(argc, argv, &config, &err) != 0 ||
        (config.listen != NULL && rest_check_address(config.listen, &err) != 0)) {
        fprintf(stderr, "netherd: %s\nTry: netherd --help\n", err.message);
        return 2;
    }
    if (config.action == CONFIG_HELP) {
        fputs(config_help, stdout);
        return 0;
    }
    if (config.action == CONFIG_VERSION) {
        puts("netherd " NETHER_VERSION);
        return 0;
    }
    log_set_level(config.log_level);
    if (run(&config, &err) != 0) {
        log_error("netherd: %s", err.message);
        return 1;
    }
    return 0;
}
