/* SPDX-License-Identifier: Apache-2.0 */
/* nether create */
#include "cli/cli.h"
#include "cli/create_options.h"

int cli_create(struct cli *cli, const struct cli_command *command, int argc, char **argv,
               struct err *err)
{
    struct create_options options;
    int rc = create_options_parse(argc, argv, &options, err);

    if (rc != 0) {
        struct err problem = *err;

        return cli_usage(command, err, problem.message);
    }
    client_set_idempotency_key(cli->client, options.idempotency_key);
    rc = cli_run_task(cli, "POST", options.start ? "/v1/domains?start=1" : "/v1/domains",
                      options.config, err);
    json_decref(options.config);
    return rc;
}
