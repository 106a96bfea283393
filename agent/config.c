/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <getopt.h>
#include <string.h>

#include "util/str.h"

const char config_help[] =
    "Usage: netherd [OPTION]...\n"
    "The agent of a Nether host: keeps domains, runs tasks, serves REST.\n"
    "\n"
    "  --state-dir DIR         where state.db lies (default /var/lib/nether)\n"
    "  --console-dir DIR       where the consoles' logs lie (default /var/log/nether/console)\n"
    "  --socket PATH           Unix socket of the API (default /run/nether/api.sock)\n"
    "  --listen ADDRESS:PORT   loopback address of the API (default 127.0.0.1:7480;\n"
    "                          \"none\" for no TCP)\n"
    "  --shutdown-timeout S    how long a guest may take to stop (default 300 seconds)\n"
    "  --log-level LEVEL       error, warn, info (default) or debug\n"
    "  --version               show the version and exit\n"
    "  --help                  show this and exit\n"
    "\n"
    "Stopping netherd (SIGTERM) leaves running guests alone; starting it again adopts them.\n"
    "Exit status: 0 stopped as asked, 1 could not start, 2 wrong options.\n";

enum {
    OPTION_STATE_DIR = 256,
    OPTION_CONSOLE_DIR,
    OPTION_SOCKET,
    OPTION_LISTEN,
    OPTION_SHUTDOWN_TIMEOUT,
    OPTION_LOG_LEVEL,
    OPTION_VERSION,
    OPTION_HELP,
};

static const struct option options[] = {
    {"state-dir", required_argument, NULL, OPTION_STATE_DIR},
    {"console-dir", required_argument, NULL, OPTION_CONSOLE_DIR},
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"shutdown-timeout", required_argument, NULL, OPTION_SHUTDOWN_TIMEOUT},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static int take(int option, const char *value, struct config *config, struct err *err)
{
    uint64_t number;

    switch (option) {
    case OPTION_STATE_DIR:
        config->state_dir = value;
        return 0;
    case OPTION_CONSOLE_DIR:
        config->console_dir = value;
        return 0;
    case OPTION_SOCKET:
        config->socket = value;
        return 0;
    case OPTION_LISTEN:
        config->listen = strcmp(value, "none") == 0 ? NULL : value;
        return 0;
    case OPTION_SHUTDOWN_TIMEOUT:
        if (!str_parse_u64(value, 1, 86400, &number)) {
            return err_set(err, ERR_INVALID, "--shutdown-timeout must be from 1 to 86400 seconds");
        }
        config->shutdown_timeout_s = (uint32_t)number;
        return 0;
    case OPTION_LOG_LEVEL:
        if (!log_level_parse(value, &config->log_level)) {
            return err_set(err, ERR_INVALID, "--log-level must be error, warn, info or debug");
        }
        return 0;
    case OPTION_VERSION:
        config->action = CONFIG_VERSION;
        return 0;
    case OPTION_HELP:
        config->action = CONFIG_HELP;
        return 0;
    default:
        return err_set(err, ERR_INVALID, "an option is unknown or lacks its value");
    }
}

int config_parse(int argc, char **argv, struct config *config, struct err *err)
{
    int option;
    int rc = 0;

    *config = (struct config){.state_dir = "/var/lib/nether",
                              .console_dir = "/var/log/nether/console",
                              .socket = "/run/nether/api.sock",
                              .listen = "127.0.0.1:7480",
                              .log_level = LOG_LEVEL_INFO,
                              .shutdown_timeout_s = 300};
    optind = 1;
    while (rc == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        rc = take(option, optarg, config, err);
    }
    if (rc == 0 && optind < argc) {
        rc = err_set(err, ERR_INVALID, "netherd takes no argument \"%s\"", argv[optind]);
    }
    return rc;
}
