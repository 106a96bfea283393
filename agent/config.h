/* SPDX-License-Identifier: Apache-2.0 */
/* Every option of netherd, in one struct. */
#pragma once

#include <stdint.h>

#include "util/err.h"
#include "util/log.h"

struct config {
    const char *state_dir;
    const char *console_dir;
    const char *socket;
    const char *listen; /* NULL: no TCP */
    enum log_level log_level;
    uint32_t shutdown_timeout_s;
    enum config_action {
        CONFIG_RUN,
        CONFIG_HELP,
        CONFIG_VERSION,
    } action;
};

extern const char config_help[];

/** Read the command line into config, over the defaults. ERR_INVALID says which word is wrong. */
int config_parse(int argc, char **argv, struct config *config, struct err *err);
