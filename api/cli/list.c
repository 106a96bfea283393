/* SPDX-License-Identifier: Apache-2.0 */
/* nether list */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "util/str.h"

static void print_row(const json_t *domain)
{
    const json_t *config = json_object_get(domain, "config");
    const json_t *status = json_object_get(domain, "status");
    const json_t *domid = json_object_get(status, "domid");
    double cpu_s = (double)cli_number(status, "cpuTimeNs") / 1e9;
    char number[16] = "-";
    char memory[24];
    char state[24];

    if (domid != NULL) {
        snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(domid));
    }
    str_format_size(cli_number(config, "memoryBytes"), memory, sizeof(memory));
    cli_state(cli_text(status, "state"), "DOMAIN_STATE_", state, sizeof(state));
    printf("%-20s %5s %-10s %10s %5" PRIu64 " %10.1f  %-3s %s\n", cli_text(config, "name"), number,
           state, memory, cli_number(config, "vcpus"), cpu_s,
           json_is_true(json_object_get(domain, "managed")) ? "yes" : "no",
           cli_text(status, "reason"));
}

int cli_list(struct cli *cli, const struct cli_command *command, int argc, char **argv,
             struct err *err)
{
    json_t *list = NULL;
    const json_t *domains;
    bool is_found = false;
    size_t i;
    json_t *domain;
    int rc;

    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        return cli_usage(command, err, "list takes one name at most");
    }
    rc = client_json(cli->client, "GET", "/v1/domains", NULL, &list, err);
    if (rc != 0) {
        return rc;
    }
    domains = json_object_get(list, "domains");
    if (cli->is_json && argc == 1) {
        cli_print_json(domains);
        is_found = true;
    } else if (!cli->is_json) {
        printf("%-20s %5s %-10s %10s %5s %10s  %-3s %s\n", "NAME", "ID", "STATE", "MEMORY", "VCPUS",
               "CPU(s)", "OWN", "REASON");
    }
    json_array_foreach((json_t *)domains, i, domain)
    {
        const json_t *config = json_object_get(domain, "config");

        if (argc == 2 && strcmp(cli_text(config, "name"), argv[1]) != 0 &&
            strcasecmp(cli_text(config, "uuid"), argv[1]) != 0) {
            continue;
        }
        if (!cli->is_json) {
            print_row(domain);
        } else if (argc == 2) {
            cli_print_json(domain);
        }
        is_found = true;
    }
    json_decref(list);
    if (argc == 2 && !is_found) {
        return err_set(err, ERR_NOT_FOUND, "there is no domain \"%s\"", argv[1]);
    }
    return 0;
}
