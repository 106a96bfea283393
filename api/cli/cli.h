/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of `nether`: one file each, one table in main.c. A command gets the words from its
 * own name on and answers with an exit status; what went wrong it leaves in err.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/client.h"
#include "util/err.h"

enum cli_status {
    CLI_OK = 0,
    CLI_FAILED = 1,      /* refused, or the task failed */
    CLI_USAGE = 2,       /* the command line makes no sense */
    CLI_UNREACHABLE = 3, /* netherd cannot be reached */
};

struct cli {
    struct client_options options; /* for a second connection */
    struct client *client;
    bool is_json; /* for programs: print the server's JSON as it is */
    bool no_wait; /* do not wait for tasks: print them */
};

struct cli_command {
    const char *name;
    const char *arguments; /* "NAME [OPTION]..." */
    const char *summary;
    const char *help; /* more lines, or NULL */
    int (*run)(struct cli *cli, const struct cli_command *command, int argc, char **argv,
               struct err *err);
    const char *verb; /* for change.c: the REST action */
};

int cli_info(struct cli *, const struct cli_command *, int, char **, struct err *);
int cli_list(struct cli *, const struct cli_command *, int, char **, struct err *);
int cli_create(struct cli *, const struct cli_command *, int, char **, struct err *);
int cli_change(struct cli *, const struct cli_command *, int, char **, struct err *);
int cli_delete(struct cli *, const struct cli_command *, int, char **, struct err *);
int cli_console(struct cli *, const struct cli_command *, int, char **, struct err *);
int cli_dmesg(struct cli *, const struct cli_command *, int, char **, struct err *);
int cli_top(struct cli *, const struct cli_command *, int, char **, struct err *);
int cli_tasks(struct cli *, const struct cli_command *, int, char **, struct err *);

/* cli.c: what commands share */

/** ERR_INVALID for a command line that makes no sense; its text tells the usage. */
int cli_usage(const struct cli_command *command, struct err *err, const char *problem);

/** Say on stderr what went wrong; returns the exit status. */
int cli_report(int rc, const struct err *err);

/** "/v1/domains/NAME" + suffix. The caller frees it; NULL: no memory. */
char *cli_domain_path(struct cli *cli, const char *name, const char *suffix);

/** Print JSON as it is, indented. */
void cli_print_json(const json_t *value);

/** Send a change and see its task through, with progress on a terminal. */
int cli_run_task(struct cli *cli, const char *method, const char *path, const json_t *body,
                 struct err *err);

/** A text member, "" when absent. A number member, whether it came as a string or a number. */
const char *cli_text(const json_t *object, const char *name);
uint64_t cli_number(const json_t *object, const char *name);

/** "DOMAIN_STATE_RUNNING" => "running" in out. */
void cli_state(const char *enum_name, const char *prefix, char *out, size_t size_bytes);
