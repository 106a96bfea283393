/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stopwatch: how long a command takes in dom0 and, if asked, until something stands in a file.
 *
 *     stopwatch COMMAND [ARGUMENT…]
 *     stopwatch --file FILE TEXT COMMAND [ARGUMENT…]
 *
 * prints "command SECONDS", and with --file "first SECONDS" (the file, which may come into being late, has
 * its first byte) and "text SECONDS" (it contains TEXT), all counted from the command's start. What the
 * command prints goes to stderr. Exit code: the command's; 124 when nothing came for ten minutes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY_MS 20
#define GIVE_UP_S     600
#define FILE_MAX      (1 << 20)

struct watched {
    const char *path;
    const char *text;
    int fd; /* -1: is not there yet */
    char contents[FILE_MAX];
    size_t size_bytes;
};

static struct watched watched = {.fd = -1};
static sigset_t child_ends;

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void read_more(struct watched *file)
{
    ssize_t got;

    if (file->fd < 0) {
        file->fd = open(file->path, O_RDONLY | O_CLOEXEC);
    }
    while (file->fd >= 0 && file->size_bytes < FILE_MAX &&
           (got = read(file->fd, file->contents + file->size_bytes,
                       FILE_MAX - file->size_bytes)) > 0) {
        file->size_bytes += (size_t)got;
    }
}

static bool has_text(const struct watched *file)
{
    return memmem(file->contents, file->size_bytes, file->text, strlen(file->text)) != NULL;
}

static pid_t start(char **command)
{
    pid_t child = fork();

    if (child == 0) {
        sigprocmask(SIG_UNBLOCK, &child_ends, NULL);
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(command[0], command);
        fprintf(stderr, "stopwatch: %s cannot be run: %s\n", command[0], strerror(errno));
        _exit(127);
    }
    if (child < 0) {
        perror("stopwatch: fork");
        exit(1);
    }
    return child;
}

static int exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    bool first_seen = true, text_seen = true, ended = false;
    int status = 0;

    argv++;
    if (argc > 4 && strcmp(argv[0], "--file") == 0) {
        watched.path = argv[1];
        watched.text = argv[2];
        argv += 3;
        first_seen = text_seen = false;
    }
    if (argv[0] == NULL) {
        fprintf(stderr, "usage: stopwatch [--file FILE TEXT] COMMAND [ARGUMENT…]\n");
        return 2;
    }

    sigemptyset(&child_ends);
    sigaddset(&child_ends, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_ends, NULL);

    double began = now_s();
    pid_t child = start(argv);

    while (!ended || !text_seen) {
        double passed = now_s() - began;

        if (!ended && waitpid(child, &status, WNOHANG) == child) {
            ended = true;
            printf("command %.4f\n", passed);
            if (exit_code(status) != 0) {
                return exit_code(status);
            }
        }
        if (!text_seen) {
            read_more(&watched);
        }
        if (!first_seen && watched.size_bytes > 0) {
            first_seen = true;
            printf("first %.4f\n", passed);
        }
        if (!text_seen && has_text(&watched)) {
            text_seen = true;
            printf("text %.4f\n", passed);
        }
        if (passed > GIVE_UP_S) {
            fprintf(stderr, "stopwatch: nothing for %d s\n", GIVE_UP_S);
            return 124;
        }
        sigtimedwait(&child_ends, NULL, &(struct timespec){.tv_nsec = LOOK_EVERY_MS * 1000000L});
    }
    return 0;
}
