/* SPDX-License-Identifier: Apache-2.0 */
/* nether info, nether dmesg */
#include <stdio.h>

#include "cli/cli.h"
#include "util/str.h"

int cli_info(struct cli *cli, const struct cli_command *command, int argc, char **argv,
             struct err *err)
{
    json_t *host = NULL;
    char total[24];
    char available[24];
    int rc;

    (void)argv;
    if (argc != 1) {
        return cli_usage(command, err, "info takes no argument");
    }
    rc = client_json(cli->client, "GET", "/v1/host", NULL, &host, err);
    if (rc != 0) {
        return rc;
    }
    if (cli->is_json) {
        cli_print_json(host);
    } else {
        str_format_size(cli_number(host, "memoryBytes"), total, sizeof(total));
        str_format_size(cli_number(host, "freeMemoryBytes"), available, sizeof(available));
        printf("host          %s\n", cli_text(host, "hostname"));
        printf("hypervisor    %s\n", cli_text(host, "hypervisorVersion"));
        printf("agent         %s\n", cli_text(host, "agentVersion"));
        printf("CPUs          %llu (%llu cores a socket, %llu threads a core, %llu nodes)\n",
               (unsigned long long)cli_number(host, "cpus"),
               (unsigned long long)cli_number(host, "coresPerSocket"),
               (unsigned long long)cli_number(host, "threadsPerCore"),
               (unsigned long long)cli_number(host, "nodes"));
        printf("CPU clock     %llu MHz\n", (unsigned long long)cli_number(host, "cpuKhz") / 1000);
        printf("memory        %s\n", total);
        printf("free memory   %s\n", available);
        printf("domains       %llu\n", (unsigned long long)cli_number(host, "domains"));
        printf("capabilities  %s\n", cli_text(host, "capabilities"));
    }
    json_decref(host);
    return 0;
}

static bool print_bytes(void *opaque, const void *data, size_t size_bytes)
{
    (void)opaque;
    return fwrite(data, 1, size_bytes, stdout) == size_bytes;
}

int cli_dmesg(struct cli *cli, const struct cli_command *command, int argc, char **argv,
              struct err *err)
{
    (void)argv;
    if (argc != 1) {
        return cli_usage(command, err, "dmesg takes no argument");
    }
    return client_stream(cli->client, "/v1/host/log", print_bytes, NULL, err);
}
