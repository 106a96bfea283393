/* SPDX-License-Identifier: Apache-2.0 */
/* nether tasks */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "util/str.h"

static void print_row(const json_t *task)
{
    char state[24];

    cli_state(cli_text(task, "state"), "TASK_STATE_", state, sizeof(state));
    printf("%-36s %-16s %-20s %-10s %3" PRIu64 "%% %-24s %s\n", cli_text(task, "id"),
           cli_text(task, "kind"), cli_text(task, "domainName"), state,
           cli_number(task, "progressPercent"), cli_text(task, "createTime"),
           cli_text(json_object_get(task, "error"), "message"));
}

static int cancel(struct cli *cli, const char *id, struct err *err)
{
    char *segment = client_escape(cli->client, id);
    char path[256];
    int rc;

    if (segment == NULL ||
        (size_t)snprintf(path, sizeof(path), "/v1/tasks/%s/cancel", segment) >= sizeof(path)) {
        free(segment);
        return err_set(err, ERR_INVALID, "\"%.64s\" is not the id of a task", id);
    }
    rc = client_json(cli->client, "POST", path, NULL, NULL, err);
    free(segment);
    return rc;
}

int cli_tasks(struct cli *cli, const struct cli_command *command, int argc, char **argv,
              struct err *err)
{
    uint64_t limit = 20;
    json_t *list = NULL;
    json_t *task;
    char path[64];
    size_t i;
    int rc;

    if (argc == 3 && strcmp(argv[1], "--cancel") == 0) {
        return cancel(cli, argv[2], err);
    }
    if (argc != 1 && (argc != 3 || strcmp(argv[1], "--limit") != 0 ||
                      !str_parse_u64(argv[2], 1, 1000, &limit))) {
        return cli_usage(command, err, "--limit is from 1 to 1000");
    }
    snprintf(path, sizeof(path), "/v1/tasks?limit=%u", (unsigned)limit);
    rc = client_json(cli->client, "GET", path, NULL, &list, err);
    if (rc != 0) {
        return rc;
    }
    if (cli->is_json) {
        cli_print_json(json_object_get(list, "tasks"));
    } else {
        printf("%-36s %-16s %-20s %-10s %4s %-24s %s\n", "ID", "KIND", "DOMAIN", "STATE", "", "ASKED",
               "ERROR");
        json_array_foreach(json_object_get(list, "tasks"), i, task)
        {
            print_row(task);
        }
    }
    json_decref(list);
    return 0;
}
