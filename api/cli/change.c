/* SPDX-License-Identifier: Apache-2.0 */
/* nether start, pause, unpause, shutdown, reboot, destroy and delete */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "util/str.h"

int cli_change(struct cli *cli, const struct cli_command *command, int argc, char **argv,
               struct err *err)
{
    bool may_time_out = strstr(command->arguments, "--timeout") != NULL;
    const char *name = NULL;
    char suffix[64];
    uint64_t timeout_s = 0;
    char *path;
    int rc;

    for (int i = 1; i < argc; i++) {
        if (may_time_out && strcmp(argv[i], "--timeout") == 0) {
            if (i + 1 >= argc || !str_parse_u64(argv[++i], 1, 86400, &timeout_s)) {
                return cli_usage(command, err, "--timeout needs seconds, from 1 to 86400");
            }
        } else if (name == NULL && argv[i][0] != '-') {
            name = argv[i];
        } else {
            return cli_usage(command, err, "one name is wanted");
        }
    }
    if (name == NULL) {
        return cli_usage(command, err, "the name of a domain is missing");
    }
    snprintf(suffix, sizeof(suffix), "/%s", command->verb);
    if (timeout_s > 0) {
        snprintf(suffix, sizeof(suffix), "/%s?timeout=%u", command->verb, (unsigned)timeout_s);
    }
    path = cli_domain_path(cli, name, suffix);
    rc = cli_run_task(cli, "POST", path, NULL, err);
    free(path);
    return rc;
}

int cli_delete(struct cli *cli, const struct cli_command *command, int argc, char **argv,
               struct err *err)
{
    const char *name = NULL;
    bool force = false;
    char *path;
    int rc;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--force") == 0) {
            force = true;
        } else if (name == NULL && argv[i][0] != '-') {
            name = argv[i];
        } else {
            return cli_usage(command, err, "one name is wanted");
        }
    }
    if (name == NULL) {
        return cli_usage(command, err, "the name of a domain is missing");
    }
    path = cli_domain_path(cli, name, force ? "?force=1" : "");
    rc = cli_run_task(cli, "DELETE", path, NULL, err);
    free(path);
    return rc;
}
