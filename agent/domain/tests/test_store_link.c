/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A toolstack's requests to xenstore go on while the daemon is killed and started again: nether-stored
 * itself, kept alive as init does.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/domain/ctx.h"
#include "agent/domain/store.h"

static char folder[] = "/tmp/test-link-XXXXXX";
static char socket_path[64];
static char pid_file[64];
static atomic_int daemon_pid;
static atomic_bool is_over;
static pthread_t keeper;

/* Init's part, at a quicker pace. */
static void *keep(void *opaque)
{
    while (!is_over) {
        pid_t pid = fork();

        if (pid == 0) {
            execl(NETHER_STORED, "nether-stored", "--no-ring", "--socket", socket_path, "--pid-file",
                  pid_file, "--state-dir", folder, (char *)NULL);
            _exit(1);
        }
        daemon_pid = pid;
        waitpid(pid, NULL, 0);
    }
    return NULL;
}

static void setup(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(socket_path, sizeof(socket_path), "%s/socket", folder);
    snprintf(pid_file, sizeof(pid_file), "%s/pid", folder);
    setenv("XENSTORED_PATH", socket_path, 1);
    cr_assert_eq(pthread_create(&keeper, NULL, keep, NULL), 0);
}

static void stop_daemon(void)
{
    is_over = true;
    kill(daemon_pid, SIGKILL);
    pthread_join(keeper, NULL);
}

static void teardown(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -r %s", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(store_link, .init = setup, .fini = teardown, .timeout = 110);

static void *kill_daemon(void *opaque)
{
    unsigned seed = 7;

    for (atomic_int *left = opaque; *left > 0; --*left) {
        usleep((useconds_t)(rand_r(&seed) % 150000));
        kill(daemon_pid, SIGKILL);
    }
    return NULL;
}

static bool is_there(const char *value, void *opaque)
{
    return value != NULL && strcmp(value, opaque) == 0;
}

Test(store_link, requests_outlive_the_daemon)
{
    struct domain_ctx ctx = {0};
    struct err err = {0};
    atomic_int kills = 25;
    pthread_t killer;
    unsigned round = 0;

    cr_assert_eq(store_link_open(&ctx.store, true, &err), 0, "%s", err.message);
    cr_assert_eq(pthread_create(&killer, NULL, kill_daemon, &kills), 0);
    for (; kills > 0; round++) {
        struct store_batch *batch = store_batch_new(1);
        char number[16];
        char value[16];
        char **names;
        unsigned count;

        snprintf(number, sizeof(number), "%u", round);
        store_add(batch, STORE_GUEST_READS, "/pair", NULL, "%s", "");
        store_add(batch, STORE_INHERIT, "/pair", "a", "%s", number);
        store_add(batch, STORE_INHERIT, "/pair", "b", "%s", number);
        cr_assert_eq(store_commit(&ctx, batch, &err), 0, "%s", err.message);
        store_batch_free(batch);
        cr_assert_eq(store_read(&ctx, "/pair/a", value, sizeof(value), &err), 0, "%s", err.message);
        cr_assert_str_eq(value, number);
        cr_assert_eq(store_write(&ctx, "/single/node", number, &err), 0, "%s", err.message);
        cr_assert_eq(store_wait(&ctx, "/pair/b", is_there, number, 20000, &err), 0, "%s", err.message);
        cr_assert_eq(store_list(&ctx, "/pair", &names, &count, &err), 0, "%s", err.message);
        cr_assert_eq(count, 2);
        free(names);
        cr_assert_eq(store_remove(&ctx, "/single", &err), 0, "%s", err.message);
        cr_assert_eq(store_read(&ctx, "/single/node", value, sizeof(value), &err), -ERR_NOT_FOUND);
    }
    pthread_join(killer, NULL);
    cr_assert_gt(ctx.store.generation, 0);
    stop_daemon();
    store_link_close(&ctx.store);
}

/* Who waits for a node hears of it though the watch ended with the daemon. */
static void *write_late(void *opaque)
{
    struct domain_ctx ctx = {0};

    usleep(200000);
    kill(daemon_pid, SIGKILL);
    usleep(200000);
    if (store_link_open(&ctx.store, true, NULL) == 0) {
        store_write(&ctx, "/late", "now", NULL);
        store_link_close(&ctx.store);
    }
    return NULL;
}

Test(store_link, a_wait_outlives_the_daemon)
{
    struct domain_ctx ctx = {0};
    struct err err = {0};
    pthread_t writer;

    cr_assert_eq(store_link_open(&ctx.store, true, &err), 0, "%s", err.message);
    cr_assert_eq(pthread_create(&writer, NULL, write_late, NULL), 0);
    cr_expect_eq(store_wait(&ctx, "/late", is_there, "now", 60000, &err), 0, "%s", err.message);
    pthread_join(writer, NULL);
    stop_daemon();
    store_link_close(&ctx.store);
}

/* The daemon dies while it owes the answer: stopped before the request, it cannot give it. */
static void *kill_late(void *opaque)
{
    usleep(300000);
    kill(daemon_pid, SIGKILL);
    return NULL;
}

Test(store_link, requests_that_nobody_answered_are_made_again)
{
    struct domain_ctx ctx = {0};
    struct err err = {0};
    char value[16];

    cr_assert_eq(store_link_open(&ctx.store, true, &err), 0, "%s", err.message);
    cr_assert_eq(store_write(&ctx, "/node", "value", &err), 0, "%s", err.message);
    for (unsigned round = 1; round <= 4; round++) {
        pthread_t killer;

        kill(daemon_pid, SIGSTOP);
        cr_assert_eq(pthread_create(&killer, NULL, kill_late, NULL), 0);
        if (round % 2 == 1) { /* the first request that watches, and one when somebody reads already */
            cr_expect(store_wait(&ctx, "/node", is_there, "value", 20000, &err) == 0, "%s", err.message);
            cr_expect(store_wait(&ctx, "/none", is_there, "value", 10, NULL) == -ERR_TIMEOUT);
        } else {
            cr_expect_eq(store_read(&ctx, "/node", value, sizeof(value), &err), 0, "%s", err.message);
        }
        pthread_join(killer, NULL);
        cr_expect_geq(ctx.store.generation, round);
    }
    /* What the daemon itself calls invalid stays an error. */
    cr_expect_neq(store_write(&ctx, "/not//a/path", "x", &err), 0);
    stop_daemon();
    store_link_close(&ctx.store);
}

/* An answer that comes after all is not taken for that to a later request. */
Test(store_link, a_late_answer_disturbs_nothing)
{
    struct domain_ctx ctx = {0};
    struct err err = {0};
    struct timeval timeout = {.tv_usec = 200000};

    cr_assert_eq(store_link_open(&ctx.store, true, &err), 0, "%s", err.message);
    cr_assert_eq(setsockopt(ctx.store.fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
    kill(daemon_pid, SIGSTOP);
    for (unsigned round = 0; round < 5; round++) {
        struct store_batch *batch = store_batch_new(1);

        store_add(batch, STORE_INHERIT, "/node", NULL, "%u", round);
        cr_expect_eq(store_commit(&ctx, batch, &err), round == 0 ? -ERR_TIMEOUT : 0, "%u: %s", round, err.message);
        store_batch_free(batch);
        kill(daemon_pid, SIGCONT);
    }
    stop_daemon();
    store_link_close(&ctx.store);
}
