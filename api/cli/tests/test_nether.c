/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program nether as it is run: exit statuses, what it says on stderr, what it leaves a terminal in. The
 * agent behind it has the in-memory stand-in for the hypervisor.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "command/command.h"
#include "fake_hypervisor.h"
#include "rest_fixture.h"

/* How a run ended. */
struct ending {
    int status; /* of waitpid() */
    char text[4096]; /* stderr */
};

static void set_up(void)
{
    signal(SIGPIPE, SIG_IGN);
    rest_set_up(NULL);
}

TestSuite(nether, .init = set_up, .fini = rest_tear_down, .timeout = 60);

static void create(const char *name, bool start)
{
    struct domain_spec spec = {.memory_bytes = 64 << 20, .vcpus = 1, .kernel = "/boot/vmlinuz"};
    struct command command = {.kind = COMMAND_DOMAIN_CREATE, .wait_ms = 20000};
    struct command_result result;

    snprintf(spec.name, sizeof(spec.name), "%s", name);
    command.create.spec = &spec;
    command.create.start = start;
    cr_assert_eq(command_run(agent, &command, &result, &err), 0, "%s", err.message);
}

/* Start nether with these words and file descriptors; takes in and out over. Its stderr is *text_fd. */
static pid_t start(const char *const words[], int in, int out, int *text_fd)
{
    const char *argv[12] = {NETHER_PATH, "--socket", socket_path};
    int fds[2];
    pid_t pid;

    for (size_t i = 0; words[i] != NULL && i < 8; i++) {
        argv[3 + i] = words[i];
    }
    cr_assert(in >= 0 && out >= 0);
    cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        dup2(in, STDIN_FILENO);
        dup2(out, STDOUT_FILENO);
        dup2(fds[1], STDERR_FILENO);
        signal(SIGPIPE, SIG_DFL);
        execv(argv[0], (char *const *)argv);
        _exit(126);
    }
    close(in);
    close(out);
    close(fds[1]);
    *text_fd = fds[0];
    return pid;
}

static struct ending end_of(pid_t pid, int text_fd)
{
    struct ending ending = {0};
    size_t used = 0;
    ssize_t got;

    while ((got = read(text_fd, ending.text + used, sizeof(ending.text) - 1 - used)) > 0) {
        used += (size_t)got;
    }
    close(text_fd);
    cr_assert_eq(waitpid(pid, &ending.status, 0), pid);
    return ending;
}

static struct ending run(const char *const words[], const char *in, const char *out)
{
    int text_fd;
    pid_t pid = start(words, open(in, O_RDONLY | O_CLOEXEC), open(out, O_WRONLY | O_CLOEXEC),
                      &text_fd);

    return end_of(pid, text_fd);
}

static void expect_failure(const struct ending *ending, const char *reason)
{
    cr_expect(WIFEXITED(ending->status) && WEXITSTATUS(ending->status) == 1, "status %#x",
              ending->status);
    cr_expect_not_null(strstr(ending->text, reason), "stderr: \"%s\"", ending->text);
}

Test(nether, console_that_ends_by_itself_tells_why)
{
    const char *const words[] = {"console", "none", NULL};

    for (int i = 0; i < 20; i++) {
        struct ending ending = run(words, "/dev/null", "/dev/null");

        expect_failure(&ending, "no domain \"none\"");
    }
}

Test(nether, console_input_that_is_refused_tells_why)
{
    const char *const words[] = {"console", "web", NULL};
    struct ending ending;
    int text_fd;
    int in[2];
    pid_t pid;

    create("web", false);
    cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
    cr_assert_eq(write(in[1], "root\n", 5), 5);
    pid = start(words, in[0], open("/dev/null", O_WRONLY | O_CLOEXEC), &text_fd);
    ending = end_of(pid, text_fd);
    close(in[1]);
    expect_failure(&ending, "does not run");
}

/* nether console web | head -1, typed into a terminal. */
Test(nether, console_whose_output_is_closed_leaves_the_terminal_as_it_was)
{
    const char *const words[] = {"console", "web", NULL};
    struct termios before, after;
    struct ending ending;
    int terminal, keyboard;
    int out[2];
    int text_fd;
    pid_t pid;

    create("web", true);
    cr_assert_eq(openpty(&keyboard, &terminal, NULL, NULL, NULL), 0);
    cr_assert_eq(tcgetattr(terminal, &before), 0);
    cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
    pid = start(words, dup(terminal), out[1], &text_fd);
    do {
        usleep(1000);
        cr_assert_eq(tcgetattr(terminal, &after), 0);
    } while (after.c_lflag == before.c_lflag); /* raw: it is attached */
    close(out[0]);
    fake_guest_says("web", "hello\n");
    ending = end_of(pid, text_fd);
    cr_expect(WIFEXITED(ending.status), "status %#x", ending.status);
    cr_assert_eq(tcgetattr(terminal, &after), 0);
    cr_expect_eq(after.c_lflag, before.c_lflag, "it is raw still");
    close(terminal);
    close(keyboard);
}

/* The stream goes on when a domain is started again; a key that is hit meanwhile is no reason to leave. */
Test(nether, key_hit_while_the_domain_does_not_run_is_lost_only)
{
    const char *const words[] = {"console", "web", NULL};
    struct termios before, now;
    struct ending ending;
    int terminal, keyboard;
    int text_fd;
    pid_t pid;

    create("web", false);
    cr_assert_eq(openpty(&keyboard, &terminal, NULL, NULL, NULL), 0);
    cr_assert_eq(tcgetattr(terminal, &before), 0);
    pid = start(words, dup(terminal), open("/dev/null", O_WRONLY | O_CLOEXEC), &text_fd);
    do {
        usleep(1000);
        cr_assert_eq(tcgetattr(terminal, &now), 0);
    } while (now.c_lflag == before.c_lflag);
    cr_assert_eq(write(keyboard, "\r", 1), 1);
    usleep(500000);
    cr_expect_eq(waitpid(pid, &ending.status, WNOHANG), 0, "it is there still");
    cr_assert_eq(write(keyboard, "\x1d", 1), 1);
    ending = end_of(pid, text_fd);
    cr_expect(WIFEXITED(ending.status) && WEXITSTATUS(ending.status) == 0, "%s", ending.text);
    close(terminal);
    close(keyboard);
}

Test(nether, output_that_cannot_be_written_is_a_failure)
{
    static const char *const words[][3] = {
        {"list", NULL}, {"info", NULL}, {"--json", "list", NULL}, {"dmesg", NULL},
        {"console", "web", "--log"}, {"--help", NULL}};

    create("web", true);
    fake_guest_says("web", "hello\n");
    usleep(100000);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char *const line[] = {words[i][0], words[i][1], words[i][1] != NULL ? words[i][2] : NULL,
                                    NULL};
        struct ending ending = run(line, "/dev/null", "/dev/full");

        expect_failure(&ending, "No space left");
    }
}

Test(nether, unknown_option_is_a_wrong_command_line)
{
    static const char *const words[][2] = {{"list", "--bogus"},   {"info", "--bogus"},
                                           {"start", "--bogus"},  {"delete", "--bogus"},
                                           {"create", "--bogus"}, {"console", "--bogus"},
                                           {"dmesg", "--bogus"},  {"top", "--bogus"},
                                           {"tasks", "--bogus"},  {"--bogus", NULL}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char *const line[] = {words[i][0], words[i][1], NULL};
        struct ending ending = run(line, "/dev/null", "/dev/null");

        cr_expect(WIFEXITED(ending.status) && WEXITSTATUS(ending.status) == 2, "%s: %s", words[i][0],
                  ending.text);
    }
}

/* Not a request to whatever listens on port 80 of this host. */
Test(nether, empty_variables_count_as_unset)
{
    FILE *nether = popen("NETHER_SOCKET= NETHER_HOST= " NETHER_PATH " list 2>&1", "r");
    char text[512] = "";

    cr_assert_not_null(nether);
    fread(text, 1, sizeof(text) - 1, nether);
    pclose(nether);
    if (access("/run/nether/api.sock", F_OK) != 0) {
        cr_expect_not_null(strstr(text, "/run/nether/api.sock"), "%s", text);
    }
}
