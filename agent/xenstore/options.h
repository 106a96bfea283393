/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of nether-stored.
 */
#pragma once

#include <stdbool.h>

struct options {
    const char *socket_path;
    const char *pid_file;
    const char *state_dir; /* holds the journal, stored.state; should be on tmpfs */
    const char *log_file;  /* NULL: standard error */
    bool is_foreground;
    bool has_rings;     /* false: socket clients only, for a machine without Xen */
    bool forgets_state; /* start empty whatever the journal says */
};

/**
 * Parse the command line.
 * @param exit_status  receives the status to leave with when the result is false
 * @return false when the program should end: after --help, --version or a mistake
 */
bool options_parse(struct options *options, int argc, char **argv, int *exit_status);
