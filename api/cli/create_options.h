/* SPDX-License-Identifier: Apache-2.0 */
/* The options of nether create, as a DomainConfig in JSON. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "util/err.h"

struct create_options {
    json_t *config; /* owned */
    bool start;
    const char *idempotency_key;
};

/** argv[0] is "create". ERR_INVALID says which word is wrong; then nothing is to be freed. */
int create_options_parse(int argc, char **argv, struct create_options *options, struct err *err);
