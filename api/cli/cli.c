/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/str.h"

#define PROGRESS_US 200000

int cli_usage(const struct cli_command *command, struct err *err, const char *problem)
{
    return err_set_field(err, ERR_INVALID, "usage", "%s\nUsage: nether %s %s\nTry: nether %s --help",
                         problem, command->name, command->arguments, command->name);
}

int cli_report(int rc, const struct err *err)
{
    if (rc == 0) {
        return CLI_OK;
    }
    if (strcmp(err->field, "usage") == 0) {
        fprintf(stderr, "nether: %s\n", err->message);
        return CLI_USAGE;
    }
    if (err->field[0] != '\0' && strstr(err->message, err->field) == NULL) {
        fprintf(stderr, "nether: %s (%s)\n", err->message, err->field);
    } else {
        fprintf(stderr, "nether: %s\n", err->message);
    }
    return err->code == ERR_UNAVAILABLE && strstr(err->message, "cannot reach") != NULL
               ? CLI_UNREACHABLE
               : CLI_FAILED;
}

char *cli_domain_path(struct cli *cli, const char *name, const char *suffix)
{
    char *segment = client_escape(cli->client, name);
    char *path = NULL;

    if (segment != NULL && asprintf(&path, "/v1/domains/%s%s", segment, suffix) < 0) {
        path = NULL;
    }
    free(segment);
    return path;
}

void cli_print_json(const json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2));
    putchar('\n');
}

const char *cli_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

uint64_t cli_number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    uint64_t number = 0;

    if (json_is_integer(value)) {
        return (uint64_t)json_integer_value(value);
    }
    if (json_is_string(value)) {
        str_parse_u64(json_string_value(value), 0, UINT64_MAX, &number);
    }
    return number;
}

void cli_state(const char *enum_name, const char *prefix, char *out, size_t size_bytes)
{
    size_t used = 0;

    if (str_has_prefix(enum_name, prefix)) {
        enum_name += strlen(prefix);
    }
    for (; *enum_name != '\0' && used + 1 < size_bytes; enum_name++) {
        out[used++] = (char)tolower((unsigned char)*enum_name);
    }
    out[used] = '\0';
}

static bool has_ended(const json_t *task)
{
    const char *state = cli_text(task, "state");

    return strcmp(state, "TASK_STATE_PENDING") != 0 && strcmp(state, "TASK_STATE_RUNNING") != 0;
}

static void show_progress(const json_t *task)
{
    fprintf(stderr, "\r\033[K%s %s: %3llu%% %s", cli_text(task, "domainName"),
            cli_text(task, "kind"), (unsigned long long)cli_number(task, "progressPercent"),
            cli_text(task, "stage"));
    fflush(stderr);
}

/* Ask for the task until it has ended. *task is replaced by what is read. */
static int wait_for(struct cli *cli, json_t **task, struct err *err)
{
    bool is_terminal = isatty(STDERR_FILENO) && !cli->is_json;
    char path[96];
    int rc = 0;

    snprintf(path, sizeof(path), "/v1/tasks/%.40s%s", cli_text(*task, "id"),
             is_terminal ? "" : "?wait=1");
    while (rc == 0 && !has_ended(*task)) {
        json_t *next = NULL;

        if (is_terminal) {
            show_progress(*task);
            usleep(PROGRESS_US);
        }
        rc = client_json(cli->client, "GET", path, NULL, &next, err);
        if (rc == 0) {
            json_decref(*task);
            *task = next;
        }
    }
    if (is_terminal) {
        fputs("\r\033[K", stderr);
    }
    return rc;
}

int cli_run_task(struct cli *cli, const char *method, const char *path, const json_t *body,
                 struct err *err)
{
    json_t *task = NULL;
    int rc;

    if (path == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory");
    }
    rc = client_json(cli->client, method, path, body, &task, err);
    if (rc == 0 && !cli->no_wait) {
        rc = wait_for(cli, &task, err);
    }
    if (rc == 0 && has_ended(task) &&
        strcmp(cli_text(task, "state"), "TASK_STATE_SUCCEEDED") != 0) {
        const json_t *error = json_object_get(task, "error");

        rc = err_set_field(err, err_code_from_name(cli_text(error, "code")),
                           cli_text(error, "field"), "%s", cli_text(error, "message"));
    }
    if (rc == 0 && cli->is_json) {
        cli_print_json(task);
    } else if (rc == 0 && cli->no_wait) {
        printf("task %s\n", cli_text(task, "id"));
    }
    json_decref(task);
    return rc;
}
