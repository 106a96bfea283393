/* SPDX-License-Identifier: Apache-2.0 */
/* nether top: CPU time between two looks, as percent of one CPU. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "util/str.h"

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* CPU time of the same instance in an earlier look; its own when it is new. */
static uint64_t earlier_cpu_ns(const json_t *earlier, const json_t *domain)
{
    const json_t *status = json_object_get(domain, "status");
    json_t *other;
    size_t i;

    json_array_foreach((json_t *)earlier, i, other)
    {
        const json_t *other_status = json_object_get(other, "status");

        if (json_equal(json_object_get(other_status, "domid"), json_object_get(status, "domid")) &&
            strcmp(cli_text(json_object_get(other, "config"), "uuid"),
                   cli_text(json_object_get(domain, "config"), "uuid")) == 0) {
            return cli_number(other_status, "cpuTimeNs");
        }
    }
    return cli_number(status, "cpuTimeNs");
}

static void print_table(const json_t *earlier, const json_t *later, double seconds)
{
    json_t *domain;
    size_t i;

    printf("%-20s %5s %-10s %7s %12s %6s\n", "NAME", "ID", "STATE", "CPU%", "MEMORY", "VCPUS");
    json_array_foreach((json_t *)later, i, domain)
    {
        const json_t *status = json_object_get(domain, "status");
        const json_t *domid = json_object_get(status, "domid");
        uint64_t before = earlier_cpu_ns(earlier, domain);
        uint64_t after = cli_number(status, "cpuTimeNs");
        char memory[24];
        char state[24];

        if (domid == NULL) {
            continue; /* it uses nothing */
        }
        str_format_size(cli_number(status, "memoryBytes"), memory, sizeof(memory));
        cli_state(cli_text(status, "state"), "DOMAIN_STATE_", state, sizeof(state));
        printf("%-20s %5lld %-10s %7.1f %12s %6" PRIu64 "\n",
               cli_text(json_object_get(domain, "config"), "name"),
               (long long)json_integer_value(domid), state,
               after > before ? (double)(after - before) / 1e7 / seconds : 0.0, memory,
               cli_number(status, "vcpusOnline"));
    }
}

static int look(struct cli *cli, json_t **domains, struct err *err)
{
    json_t *list = NULL;
    int rc = client_json(cli->client, "GET", "/v1/domains", NULL, &list, err);

    if (rc == 0) {
        *domains = json_incref(json_object_get(list, "domains"));
        json_decref(list);
    }
    return rc;
}

int cli_top(struct cli *cli, const struct cli_command *command, int argc, char **argv,
            struct err *err)
{
    bool is_once = !isatty(STDOUT_FILENO);
    uint64_t interval_s = 2;
    json_t *earlier = NULL;
    json_t *later = NULL;
    double begin_s;
    int rc;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--once") == 0) {
            is_once = true;
        } else if (strcmp(argv[i], "--interval") != 0 || i + 1 >= argc ||
                   !str_parse_u64(argv[++i], 1, 3600, &interval_s)) {
            return cli_usage(command, err, "--interval needs seconds, from 1 to 3600");
        }
    }
    rc = look(cli, &earlier, err);
    begin_s = now_s();
    while (rc == 0) {
        sleep((unsigned)interval_s); /* the interval that is measured, not a wait for something */
        rc = look(cli, &later, err);
        if (rc != 0) {
            break;
        }
        if (!is_once) {
            fputs("\033[H\033[2J", stdout);
        }
        print_table(earlier, later, now_s() - begin_s);
        fflush(stdout);
        begin_s = now_s();
        json_decref(earlier);
        earlier = later;
        if (is_once) {
            break;
        }
    }
    json_decref(earlier);
    return rc;
}
