/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/options.h"

#include <getopt.h>
#include <stdio.h>

#include "util/log.h"

#ifndef NETHER_VERSION
#define NETHER_VERSION "unknown"
#endif

static const char help[] =
    "Usage: nether-stored [OPTION]...\n"
    "The xenstore daemon: serves the store to domains and to programs of domain 0.\n"
    "\n"
    "  --socket PATH      Unix socket for libxenstore (default /run/xenstored/socket)\n"
    "  --pid-file PATH    pid and lock file (default /run/nether/stored.pid)\n"
    "  --state-dir PATH   folder of the journal stored.state, on tmpfs (default /run/nether)\n"
    "  --forget           start with an empty store, whatever the journal holds\n"
    "  --no-ring          serve only the socket: for a machine without Xen\n"
    "  --foreground       stay in the foreground (the default)\n"
    "  --background       go to the background; the command returns when the socket is served\n"
    "  --log FILE         append the log to FILE instead of standard error\n"
    "  --log-level LEVEL  error, warn, info (default) or debug\n"
    "  --help             this text\n"
    "  --version          the version\n"
    "\n"
    "Killed at any moment and started again, it goes on with the same state; socket clients must\n"
    "connect again. The exit status is 0 after SIGTERM, 1 after a failure, 2 for a wrong option.\n";

enum option_id {
    OPTION_SOCKET = 1,
    OPTION_PID_FILE,
    OPTION_STATE_DIR,
    OPTION_FORGET,
    OPTION_NO_RING,
    OPTION_FOREGROUND,
    OPTION_BACKGROUND,
    OPTION_LOG,
    OPTION_LOG_LEVEL,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {"pid-file", required_argument, NULL, OPTION_PID_FILE},
    {"state-dir", required_argument, NULL, OPTION_STATE_DIR},
    {"forget", no_argument, NULL, OPTION_FORGET},
    {"no-ring", no_argument, NULL, OPTION_NO_RING},
    {"foreground", no_argument, NULL, OPTION_FOREGROUND},
    {"background", no_argument, NULL, OPTION_BACKGROUND},
    {"log", required_argument, NULL, OPTION_LOG},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

/* False: stop with *exit_status. */
static bool take_option(struct options *options, int option, int *exit_status)
{
    enum log_level level;

    switch (option) {
    case OPTION_SOCKET:
        options->socket_path = optarg;
        return true;
    case OPTION_PID_FILE:
        options->pid_file = optarg;
        return true;
    case OPTION_STATE_DIR:
        options->state_dir = optarg;
        return true;
    case OPTION_FORGET:
        options->forgets_state = true;
        return true;
    case OPTION_NO_RING:
        options->has_rings = false;
        return true;
    case OPTION_FOREGROUND:
        options->is_foreground = true;
        return true;
    case OPTION_BACKGROUND:
        options->is_foreground = false;
        return true;
    case OPTION_LOG:
        options->log_file = optarg;
        return true;
    case OPTION_LOG_LEVEL:
        if (!log_level_parse(optarg, &level)) {
            fprintf(stderr, "nether-stored: unknown log level '%s'\n", optarg);
            *exit_status = 2;
            return false;
        }
        log_set_level(level);
        return true;
    case OPTION_HELP:
        fputs(help, stdout);
        *exit_status = 0;
        return false;
    case OPTION_VERSION:
        puts("nether-stored " NETHER_VERSION);
        *exit_status = 0;
        return false;
    default:
        fputs("Try 'nether-stored --help'.\n", stderr);
        *exit_status = 2;
        return false;
    }
}

bool options_parse(struct options *options, int argc, char **argv, int *exit_status)
{
    int option;

    *options = (struct options){
        .socket_path = "/run/xenstored/socket",
        .pid_file = "/run/nether/stored.pid",
        .state_dir = "/run/nether",
        .is_foreground = true,
        .has_rings = true,
    };
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (!take_option(options, option, exit_status)) {
            return false;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "nether-stored: unexpected argument '%s'\n", argv[optind]);
        *exit_status = 2;
        return false;
    }
    return true;
}
