/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nether-build: a developer's tool, not installed. It builds a domain without the agent, shows its
 * console, and takes it away again, to try the builder and the devices by themselves in the lab.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/domain/console.h"
#include "agent/domain/domain.h"
#include "agent/domain/host.h"
#include "agent/util/str.h"

static const char usage[] =
    "usage: nether-build run [OPTIONS] [WORD OF COMMAND LINE...]\n"
    "       nether-build list | host | dmesg | destroy DOMID | shutdown DOMID | console DOMID\n"
    "options of run:\n"
    "  -k KERNEL   -i INITRD   -m SIZE (256M)   -c VCPUS (1)   -n NAME\n"
    "  -d [ro:]XVDX=PATH   a disk (may be repeated)\n"
    "  -v MAC,BRIDGE       a network interface (may be repeated)\n"
    "  -s SECONDS          destroy the domain after this long (0: when it stops by itself)\n"
    "  -p                  leave the domain, paused, and end\n";

struct options {
    struct domain_config config;
    struct domain_disk disks[DOMAIN_DISKS_MAX];
    struct domain_nic nics[DOMAIN_NICS_MAX];
    char cmdline[DOMAIN_CMDLINE_MAX + 1];
    unsigned seconds;
    int leave_paused;
};

static volatile sig_atomic_t is_interrupted;

static void on_signal(int number)
{
    (void)number;
    is_interrupted = 1;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int fail(const struct err *err)
{
    fprintf(stderr, "nether-build: %s%s%s (%s)\n", err->field, err->field[0] ? ": " : "",
            err->message, err_code_name(err->code));
    return 1;
}

static int show_stage(void *opaque, unsigned percent, const char *stage)
{
    double *start = opaque;
    fprintf(stderr, "%7.3f s %3u%% %s\n", now() - *start, percent, stage);
    return is_interrupted;
}

static void show_output(void *opaque, const void *data, size_t length)
{
    (void)opaque;
    fwrite(data, 1, length, stdout);
    fflush(stdout);
}

/* Shows the console until the domain stops, the time is over or a signal comes. */
static int follow(struct domain_ctx *ctx, uint32_t domid, unsigned seconds, struct err *err)
{
    struct console_options options = {.output = show_output};
    struct console *console;
    struct domain_events *events;
    int result = console_open(domid, &options, &console, err);
    if (result != 0) {
        return result;
    }
    result = domain_events_open(&events, err);
    if (result != 0) {
        console_close(console);
        return result;
    }
    result = domain_unpause(ctx, domid, err);
    double end = now() + seconds;
    while (result == 0 && !is_interrupted && (seconds == 0 || now() < end)) {
        struct pollfd fds[] = {
            {.fd = console_fd(console), .events = POLLIN},
            {.fd = domain_events_fd(events), .events = POLLIN},
            {.fd = STDIN_FILENO, .events = POLLIN},
        };
        if (poll(fds, 3, 200) < 0 && errno != EINTR) {
            break;
        }
        if (fds[0].revents != 0) {
            result = console_pump(console, err);
        }
        if ((fds[2].revents & POLLIN) != 0) {
            char input[256];
            ssize_t got = read(STDIN_FILENO, input, sizeof(input));
            if (got > 0) {
                console_write(console, input, (size_t)got);
            }
        }
        if (fds[1].revents != 0 && result == 0) {
            struct domain_info info;
            result = domain_events_drain(events, err);
            if (result == 0 && domain_get_info(ctx, domid, &info, err) == 0 &&
                (info.state & DOMAIN_STATE_SHUTDOWN) != 0) {
                console_pump(console, err);
                fprintf(stderr, "\ndomain %u stopped: reason %d\n", domid,
                        (int)info.shutdown_reason);
                break;
            }
        }
    }
    domain_events_close(events);
    console_close(console);
    return result;
}

static int run(struct domain_ctx *ctx, struct options *options)
{
    struct err err = {0};
    uint32_t domid;
    double start = now();
    if (domain_build(ctx, &options->config, &domid, show_stage, &start, &err) != 0) {
        return fail(&err);
    }
    fprintf(stderr, "domain %u built in %.3f s\n", domid, now() - start);
    if (options->leave_paused) {
        return 0;
    }
    int result = follow(ctx, domid, options->seconds, &err);
    if (result != 0) {
        fail(&err);
    }
    start = now();
    if (domain_destroy(ctx, domid, &err) != 0) {
        return fail(&err);
    }
    fprintf(stderr, "domain %u destroyed in %.3f s\n", domid, now() - start);
    return result != 0;
}

static int list(struct domain_ctx *ctx)
{
    struct err err = {0};
    struct domain_info *infos;
    size_t count;
    if (domain_list_info(ctx, &infos, &count, &err) != 0) {
        return fail(&err);
    }
    for (size_t i = 0; i < count; i++) {
        printf("%u %s \"%s\" state 0x%x reason %d cpu %.3f s memory %llu KiB of %llu vcpus %u/%u\n",
               infos[i].domid, infos[i].uuid, infos[i].name, infos[i].state,
               (int)infos[i].shutdown_reason, (double)infos[i].cpu_time_ns / 1e9,
               (unsigned long long)infos[i].memory_bytes / 1024,
               (unsigned long long)infos[i].max_memory_bytes / 1024, infos[i].vcpus_online,
               infos[i].vcpus_max);
    }
    free(infos);
    return 0;
}

static int host(struct domain_ctx *ctx)
{
    struct err err = {0};
    struct host_info info;
    if (host_read_info(ctx, &info, &err) != 0) {
        return fail(&err);
    }
    printf("version %u.%u%s, %u cpus of %u kHz, %u cores a socket, %u threads a core, %u nodes\n"
           "memory %llu KiB, free %llu KiB\ncapabilities %s\n",
           info.version_major, info.version_minor, info.version_extra, info.cpus, info.cpu_khz,
           info.cores_per_socket, info.threads_per_core, info.nodes,
           (unsigned long long)info.memory_bytes / 1024,
           (unsigned long long)info.free_memory_bytes / 1024, info.capabilities);
    uint64_t *idle_ns;
    size_t count;
    if (host_read_cpu_idle(ctx, &idle_ns, &count, &err) != 0) {
        return fail(&err);
    }
    for (size_t i = 0; i < count; i++) {
        printf("cpu %zu idle %.3f s\n", i, (double)idle_ns[i] / 1e9);
    }
    free(idle_ns);
    return 0;
}

static int dmesg(struct domain_ctx *ctx)
{
    struct err err = {0};
    char *text;
    size_t length;
    if (host_read_log(ctx, &text, &length, &err) != 0) {
        return fail(&err);
    }
    fwrite(text, 1, length, stdout);
    free(text);
    return 0;
}

static int parse_run(int argc, char **argv, struct options *options)
{
    struct domain_config *config = &options->config;
    config->memory_bytes = 256 << 20;
    config->vcpus = 1;
    config->kernel = "/var/lib/nether/images/vmlinuz";
    config->disks = options->disks;
    config->nics = options->nics;
    config->cmdline = options->cmdline;
    str_make_uuid(config->uuid);
    str_copy(config->name, sizeof(config->name), "try");

    for (int c; (c = getopt(argc, argv, "+k:i:m:c:n:d:v:s:p")) != -1;) {
        uint64_t number;
        switch (c) {
        case 'k':
            config->kernel = optarg;
            break;
        case 'i':
            config->initrd = optarg;
            break;
        case 'm':
            if (!str_parse_size(optarg, &config->memory_bytes)) {
                return -1;
            }
            break;
        case 'c':
            if (!str_parse_u64(optarg, 0, UINT32_MAX, &number)) {
                return -1;
            }
            config->vcpus = (uint32_t)number;
            break;
        case 'n':
            str_copy(config->name, sizeof(config->name), optarg);
            break;
        case 'd': {
            struct domain_disk *disk = &options->disks[config->disk_count];
            char *equals = strchr(optarg, '=');
            if (equals == NULL || config->disk_count == DOMAIN_DISKS_MAX) {
                return -1;
            }
            *equals = '\0';
            disk->readonly = str_has_prefix(optarg, "ro:");
            str_copy(disk->target, sizeof(disk->target), optarg + (disk->readonly ? 3 : 0));
            str_copy(disk->path, sizeof(disk->path), equals + 1);
            config->disk_count++;
            break;
        }
        case 'v': {
            struct domain_nic *nic = &options->nics[config->nic_count];
            char *comma = strchr(optarg, ',');
            if (comma == NULL || config->nic_count == DOMAIN_NICS_MAX) {
                return -1;
            }
            *comma = '\0';
            str_copy(nic->mac, sizeof(nic->mac), optarg);
            str_copy(nic->bridge, sizeof(nic->bridge), comma + 1);
            config->nic_count++;
            break;
        }
        case 's':
            if (!str_parse_u64(optarg, 0, 86400, &number)) {
                return -1;
            }
            options->seconds = (unsigned)number;
            break;
        case 'p':
            options->leave_paused = 1;
            break;
        default:
            return -1;
        }
    }
    size_t used = 0;
    for (int i = optind; i < argc; i++) {
        int length = snprintf(options->cmdline + used, sizeof(options->cmdline) - used, "%s%s",
                              used != 0 ? " " : "", argv[i]);
        if (length < 0 || (size_t)length >= sizeof(options->cmdline) - used) {
            return -1;
        }
        used += (size_t)length;
    }
    return 0;
}

static int dispatch(struct domain_ctx *ctx, int argc, char **argv)
{
    static struct options options;
    uint64_t domid;
    struct err err = {0};

    if (strcmp(argv[1], "run") == 0 && parse_run(argc - 1, argv + 1, &options) == 0) {
        return run(ctx, &options);
    }
    if (strcmp(argv[1], "list") == 0) {
        return list(ctx);
    }
    if (strcmp(argv[1], "host") == 0) {
        return host(ctx);
    }
    if (strcmp(argv[1], "dmesg") == 0) {
        return dmesg(ctx);
    }
    if (argc == 3 && str_parse_u64(argv[2], 1, 32767, &domid)) {
        int result;
        if (strcmp(argv[1], "destroy") == 0) {
            result = domain_destroy(ctx, (uint32_t)domid, &err);
        } else if (strcmp(argv[1], "shutdown") == 0) {
            result = domain_request_shutdown(ctx, (uint32_t)domid, "poweroff", &err);
        } else if (strcmp(argv[1], "console") == 0) {
            result = follow(ctx, (uint32_t)domid, 0, &err);
        } else {
            fputs(usage, stderr);
            return 2;
        }
        return result != 0 ? fail(&err) : 0;
    }
    fputs(usage, stderr);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs(usage, stderr);
        return 2;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    struct err err = {0};
    struct domain_ctx *ctx;
    if (domain_ctx_open(&ctx, &err) != 0) {
        return fail(&err);
    }
    int status = dispatch(ctx, argc, argv);
    domain_ctx_close(ctx);
    return status;
}
