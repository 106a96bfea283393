/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program itself, driven through Debian's libxenstore and its command-line tools, on a machine
 * that needs no Xen; and killed with SIGKILL while it works.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <xenstore.h>

static char folder[] = "/tmp/test-daemon-XXXXXX";
static char socket_path[64];
static char pid_file[64];

/* Start the daemon in the background; returns when it serves. */
static void start_daemon(void)
{
    char command[512];

    snprintf(command, sizeof(command),
             "%s --background --no-ring --socket %s --pid-file %s --state-dir %s --log %s/log",
             NETHER_STORED, socket_path, pid_file, folder, folder);
    cr_assert_eq(system(command), 0);
}

static pid_t daemon_pid(void)
{
    FILE *file = fopen(pid_file, "r");
    int pid = 0;

    cr_assert_not_null(file);
    cr_assert_eq(fscanf(file, "%d", &pid), 1);
    fclose(file);
    cr_assert_gt(pid, 1);
    return pid;
}

static void kill_daemon(int signal_number)
{
    pid_t pid = daemon_pid();

    cr_assert_eq(kill(pid, signal_number), 0);
    while (kill(pid, 0) == 0) {
        usleep(1000); /* it is not our child: its end can only be looked for */
    }
}

static void setup(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(socket_path, sizeof(socket_path), "%s/socket", folder);
    snprintf(pid_file, sizeof(pid_file), "%s/pid", folder);
    setenv("XENSTORED_PATH", socket_path, 1);
    start_daemon();
}

static void teardown(void)
{
    char command[128];

    kill_daemon(SIGTERM);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(daemon, .init = setup, .fini = teardown, .timeout = 110);

static struct xs_handle *open_store(void)
{
    struct xs_handle *xs = xs_open(0);

    cr_assert_not_null(xs);
    return xs;
}

static bool put(struct xs_handle *xs, xs_transaction_t t, const char *path, const char *value)
{
    return xs_write(xs, t, path, value, (unsigned int)strlen(value));
}

static bool has(struct xs_handle *xs, const char *path, const char *value)
{
    char *read = xs_read(xs, XBT_NULL, path, NULL);
    bool is_equal = read != NULL && strcmp(read, value) == 0;

    free(read);
    return is_equal;
}

Test(daemon, libxenstore_reads_writes_lists_and_removes)
{
    struct xs_handle *xs = open_store();
    unsigned int count;
    char **names;

    cr_assert(put(xs, XBT_NULL, "/a/b", "1"));
    cr_assert(put(xs, XBT_NULL, "/a/c", "2"));
    cr_assert(has(xs, "/a/b", "1"));
    names = xs_directory(xs, XBT_NULL, "/a", &count);
    cr_assert_not_null(names);
    cr_assert_eq(count, 2);
    cr_assert_str_eq(names[1], "c");
    free(names);
    cr_assert(xs_rm(xs, XBT_NULL, "/a/b"));
    cr_assert_null(xs_read(xs, XBT_NULL, "/a/b", NULL));
    cr_assert_eq(errno, ENOENT);
    xs_close(xs);
}

Test(daemon, libxenstore_lists_what_does_not_fit_into_one_message)
{
    struct xs_handle *xs = open_store();
    unsigned int count;
    char **names;
    char path[64];

    for (int i = 0; i < 400; i++) {
        snprintf(path, sizeof(path), "/big/a-name-that-takes-some-room-%d", i);
        cr_assert(put(xs, XBT_NULL, path, ""));
    }
    names = xs_directory(xs, XBT_NULL, "/big", &count);
    cr_assert_not_null(names);
    cr_assert_eq(count, 400);
    free(names);
    xs_close(xs);
}

Test(daemon, libxenstore_transactions_conflict_with_eagain)
{
    struct xs_handle *xs = open_store();
    struct xs_handle *other = open_store();
    xs_transaction_t t = xs_transaction_start(xs);

    cr_assert(put(xs, t, "/x", "1"));
    cr_assert(put(other, XBT_NULL, "/x", "2"));
    cr_assert_not(xs_transaction_end(xs, t, false));
    cr_assert_eq(errno, EAGAIN);
    cr_assert(has(xs, "/x", "2"));
    xs_close(xs);
    xs_close(other);
}

Test(daemon, libxenstore_watch_hears_another_client)
{
    struct xs_handle *xs = open_store();
    struct xs_handle *other = open_store();
    unsigned int count;
    char **event;

    cr_assert(xs_watch(xs, "/w", "token"));
    event = xs_read_watch(xs, &count);
    cr_assert_str_eq(event[XS_WATCH_PATH], "/w");
    free(event);
    cr_assert(put(other, XBT_NULL, "/w/x", "1"));
    event = xs_read_watch(xs, &count);
    cr_assert_str_eq(event[XS_WATCH_PATH], "/w/x");
    cr_assert_str_eq(event[XS_WATCH_TOKEN], "token");
    free(event);
    xs_close(xs);
    xs_close(other);
}

Test(daemon, tools_work)
{
    cr_assert_eq(system("xenstore-write /t/a 1 /t/b 2"), 0);
    cr_assert_eq(system("test \"$(xenstore-read /t/b)\" = 2"), 0);
    cr_assert_eq(system("xenstore-chmod /t/b n3 r4"), 0);
    cr_assert_eq(system("xenstore-ls -fp /t | grep -q '^/t/b = \"2\" *(n3,r4)'"), 0);
    cr_assert_eq(system("test \"$(xenstore-list /t | tr '\\n' ' ')\" = 'a b '"), 0);
    cr_assert_eq(system("xenstore-exists /t/a"), 0);
    cr_assert_eq(system("xenstore-rm /t"), 0);
    cr_assert_neq(system("xenstore-exists /t/a"), 0);
}

Test(daemon, second_one_is_refused)
{
    char command[512];

    snprintf(command, sizeof(command),
             "%s --no-ring --socket %s --pid-file %s --state-dir %s 2>/dev/null", NETHER_STORED,
             socket_path, pid_file, folder);
    cr_assert_neq(system(command), 0);
    cr_assert_eq(system("xenstore-ls >/dev/null"), 0, "the first one is unharmed");
}

/* Writes a growing number, and, in transactions, a pair that must always be equal. */
struct writer {
    atomic_bool is_stopping;
    atomic_uint acknowledged; /* highest number whose write was answered */
};

static void *write_numbers(void *context)
{
    struct writer *writer = context;
    struct xs_handle *xs = xs_open(0);

    while (xs != NULL && !writer->is_stopping) {
        unsigned int next = writer->acknowledged + 1;
        char value[16];
        xs_transaction_t t;

        snprintf(value, sizeof(value), "%u", next);
        if (!put(xs, XBT_NULL, "/n", value)) {
            break;
        }
        writer->acknowledged = next;
        t = xs_transaction_start(xs);
        if (t == XBT_NULL || !put(xs, t, "/pair/a", value) || !put(xs, t, "/pair/b", value) ||
            !xs_transaction_end(xs, t, false)) {
            break;
        }
    }
    if (xs != NULL) {
        xs_close(xs);
    }
    return NULL;
}

static unsigned int number_at(struct xs_handle *xs, const char *path)
{
    char *value = xs_read(xs, XBT_NULL, path, NULL);
    unsigned int number = value != NULL ? (unsigned int)strtoul(value, NULL, 10) : 0;

    free(value);
    return number;
}

Test(daemon, killed_many_times_it_loses_nothing_and_halves_nothing)
{
    struct writer writer = {0};
    unsigned int seed = 3;

    for (int round = 0; round < KILL_ROUNDS; round++) {
        struct xs_handle *xs;
        pthread_t thread;
        unsigned int before = writer.acknowledged;

        writer.is_stopping = false;
        cr_assert_eq(pthread_create(&thread, NULL, write_numbers, &writer), 0);
        while (writer.acknowledged == before) {
            usleep(200);
        }
        usleep((useconds_t)(rand_r(&seed) % 5000));
        kill_daemon(SIGKILL);
        writer.is_stopping = true;
        pthread_join(thread, NULL);
        start_daemon();

        xs = open_store();
        cr_assert_geq(number_at(xs, "/n"), writer.acknowledged, "an answered write is lost");
        cr_assert_leq(number_at(xs, "/n"), writer.acknowledged + 1);
        cr_assert_eq(number_at(xs, "/pair/a"), number_at(xs, "/pair/b"));
        writer.acknowledged = number_at(xs, "/n");
        xs_close(xs);
    }
}

/* The journal's file system is full, then it is not, and nobody says anything more. */
Test(daemon, journal_that_could_not_be_written_is_made_up_for)
{
    struct rlimit small = {.rlim_cur = 8192, .rlim_max = RLIM_INFINITY};
    struct rlimit none = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    char value[3000];
    struct xs_handle *xs;
    char *read;

    memset(value, 'v', sizeof(value));
    signal(SIGXFSZ, SIG_IGN); /* the program inherits that */
    kill_daemon(SIGTERM);
    start_daemon();
    xs = open_store();
    cr_assert_eq(prlimit(daemon_pid(), RLIMIT_FSIZE, &small, NULL), 0);
    for (const char *path = "/abcd"; path[1] != '\0'; path++) {
        char name[3] = {'/', path[1], '\0'};

        cr_assert(xs_write(xs, XBT_NULL, name, value, sizeof(value)));
    }
    cr_assert_eq(prlimit(daemon_pid(), RLIMIT_FSIZE, &none, NULL), 0);
    sleep(8);
    kill_daemon(SIGKILL);
    xs_close(xs);
    start_daemon();
    xs = open_store();
    read = xs_read(xs, XBT_NULL, "/d", NULL);
    cr_expect_not_null(read);
    free(read);
    xs_close(xs);
}
