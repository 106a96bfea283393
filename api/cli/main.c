/* SPDX-License-Identifier: Apache-2.0 */
/* nether: the command line of a Nether host, over its REST API. */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static const struct cli_command commands[] = {
    {"info", "", "the host: CPUs, memory, versions", NULL, cli_info, NULL},
    {"list", "[NAME]", "domains, dom0 and those of other toolstacks included", NULL, cli_list,
     NULL},
    {"create", "--name NAME --memory SIZE --kernel PATH [OPTION]...", "make a domain",
     "  --name NAME             letters, digits, '.', '_', '-'\n"
     "  --uuid UUID             made up when left out\n"
     "  --memory SIZE           512M, 2G or bytes\n"
     "  --vcpus N               default 1\n"
     "  --kernel PATH           kernel on the host: bzImage or ELF with a PVH note\n"
     "  --initrd PATH\n"
     "  --cmdline TEXT          the kernel's command line\n"
     "  --disk target=xvda,path=PATH[,ro]        may be given several times\n"
     "  --nic bridge=NAME[,mac=ADDRESS]          may be given several times\n"
     "  --on-poweroff destroy|restart            default destroy\n"
     "  --on-reboot restart|destroy              default restart\n"
     "  --on-crash destroy|restart|keep          default destroy\n"
     "  --file PATH             a DomainConfig in JSON; options given beside it win\n"
     "  --start                 start it too; when that fails nothing is left of it\n"
     "  --idempotency-key KEY   asking again with the same key changes nothing\n",
     cli_create, NULL},
    {"start", "NAME", "start a domain", NULL, cli_change, "start"},
    {"pause", "NAME", "stop a domain's CPUs", NULL, cli_change, "pause"},
    {"unpause", "NAME", "let them go on", NULL, cli_change, "unpause"},
    {"shutdown", "NAME [--timeout SECONDS]", "ask the guest to power off, and wait", NULL,
     cli_change, "shutdown"},
    {"reboot", "NAME [--timeout SECONDS]", "ask the guest to reboot, and wait", NULL, cli_change,
     "reboot"},
    {"destroy", "NAME", "end a domain at once; its record stays", NULL, cli_change, "destroy"},
    {"delete", "NAME [--force]", "forget a stopped domain",
     "  --force                 destroy it first if it runs\n", cli_delete, NULL},
    {"console", "NAME [--log]", "use a domain's console; Ctrl-] leaves it",
     "  --log, --dump           print what is kept of its output and exit\n"
     "Input may be a pipe: at its end the output is shown until it is silent for a second.\n",
     cli_console, NULL},
    {"dmesg", "", "the hypervisor's messages", NULL, cli_dmesg, NULL},
    {"top", "[--once] [--interval SECONDS]", "what domains use, again and again",
     "  --once                  one table over one interval, and exit\n"
     "  --interval SECONDS      default 2\n",
     cli_top, NULL},
    {"tasks", "[--limit N] [--cancel ID]", "changes and their outcome, newest first", NULL,
     cli_tasks, NULL},
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
    puts("Usage: nether [OPTION]... COMMAND [ARGUMENT]...\n"
         "\n"
         "Commands (nether COMMAND --help tells more):");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    puts("\n"
         "Options:\n"
         "  --socket PATH     netherd's socket (default $NETHER_SOCKET or /run/nether/api.sock)\n"
         "  --host HOST:PORT  use TCP instead (default $NETHER_HOST when set)\n"
         "  --json            print JSON, for programs\n"
         "  --no-wait         do not wait for a change to be done: print its task\n"
         "  --version         show the version and exit\n"
         "  --help            show this and exit\n"
         "\n"
         "Exit status: 0 done, 1 refused or failed, 2 wrong command line, 3 netherd not reached.");
}

static void print_command_help(const struct cli_command *command)
{
    printf("Usage: nether %s %s\n%c%s.\n", command->name, command->arguments,
           command->summary[0] - (command->summary[0] >= 'a' ? 'a' - 'A' : 0),
           command->summary + 1);
    if (command->help != NULL) {
        printf("\n%s", command->help);
    }
}

static const struct cli_command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

/* Take the options that stand before or behind the command's name out of argv. Returns how many
 * words are left, or -1. */
static int take_global_options(struct cli *cli, int argc, char **argv)
{
    int left = 0;

    for (int i = 0; i < argc; i++) {
        const char **value = strcmp(argv[i], "--socket") == 0 ? &cli->options.socket
                             : strcmp(argv[i], "--host") == 0 ? &cli->options.host
                                                              : NULL;

        if (value != NULL) {
            if (i + 1 >= argc) {
                fprintf(stderr, "nether: %s lacks its value\n", argv[i]);
                return -1;
            }
            *value = argv[++i];
            if (value == &cli->options.socket) {
                cli->options.host = NULL; /* the last one given wins */
            }
        } else if (strcmp(argv[i], "--json") == 0) {
            cli->is_json = true;
        } else if (strcmp(argv[i], "--no-wait") == 0) {
            cli->no_wait = true;
        } else {
            argv[left++] = argv[i];
        }
    }
    return left;
}

/* A variable of the environment; an empty one counts as unset. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int run(int argc, char **argv)
{
    struct cli cli = {.options = {.socket = variable("NETHER_SOCKET"), .host = variable("NETHER_HOST")}};
    const struct cli_command *command;
    struct err err = {0};
    int rc;

    argc = take_global_options(&cli, argc - 1, argv + 1);
    argv++;
    if (argc < 0) {
        return CLI_USAGE;
    }
    if (argc == 0 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0 ||
        strcmp(argv[0], "help") == 0) {
        print_help();
        return argc == 0 ? CLI_USAGE : CLI_OK;
    }
    if (strcmp(argv[0], "--version") == 0) {
        puts("nether " NETHER_VERSION);
        return CLI_OK;
    }
    command = find_command(argv[0]);
    if (command == NULL) {
        fprintf(stderr, "nether: there is no command \"%s\". Try: nether --help\n", argv[0]);
        return CLI_USAGE;
    }
    if (wants_help(argc - 1, argv + 1)) {
        print_command_help(command);
        return CLI_OK;
    }
    if (cli.options.socket == NULL) {
        cli.options.socket = "/run/nether/api.sock";
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    rc = client_open(&cli.options, &cli.client, &err);
    if (rc == 0) {
        rc = command->run(&cli, command, argc, argv, &err);
    }
    client_close(cli.client);
    curl_global_cleanup();
    return cli_report(rc, &err);
}

int main(int argc, char **argv)
{
    int status = run(argc, argv);

    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == CLI_OK) {
        fprintf(stderr, "nether: the output cannot be written%s%s\n", errno != 0 ? ": " : "",
                errno != 0 ? strerror(errno) : "");
        status = CLI_FAILED;
    }
    return status;
}
