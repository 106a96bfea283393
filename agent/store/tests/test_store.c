/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store keeps its promises: whole transactions, what was written survives a killed process, and
 * an unusable file is a clear error.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/domains.h"
#include "store/events.h"
#include "store/store.h"
#include "store/tasks.h"

static char folder[] = "/tmp/nether-store-XXXXXX";
static char path[64];
static struct store *store;
static struct err err;

static void open_store(void)
{
    cr_assert_eq(store_open(path, &store, &err), 0, "%s", err.message);
}

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/state.db", folder);
    open_store();
}

static void tear_down(void)
{
    char command[128];

    store_close(store);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(store, .init = set_up, .fini = tear_down);

static struct domain_record sample(const char *name, int number)
{
    struct domain_record record = {.domid = -1, .create_time_ms = 1000};
    struct domain_spec *spec = &record.spec;

    snprintf(spec->uuid, sizeof(spec->uuid), "00000000-0000-4000-8000-%012d", number);
    snprintf(spec->name, sizeof(spec->name), "%s", name);
    spec->memory_bytes = 256 << 20;
    spec->vcpus = 2;
    strcpy(spec->kernel, "/boot/vmlinuz");
    strcpy(spec->cmdline, "console=hvc0");
    spec->disk_count = 2;
    strcpy(spec->disks[0].target, "xvda");
    strcpy(spec->disks[0].path, "/images/a.img");
    strcpy(spec->disks[1].target, "xvdb");
    strcpy(spec->disks[1].path, "/images/b.img");
    spec->disks[1].readonly = true;
    spec->nic_count = 1;
    strcpy(spec->nics[0].mac, "00:16:3e:00:00:01");
    strcpy(spec->nics[0].bridge, "br0");
    spec->on_reboot = END_RESTART;
    spec->on_crash = END_KEEP;
    return record;
}

static struct task_record sample_task(int number, const char *key)
{
    struct task_record task = {.create_time_ms = 5, .timeout_s = 7, .then_start = true};

    snprintf(task.id, sizeof(task.id), "10000000-0000-4000-8000-%012d", number);
    strcpy(task.kind, "domain.start");
    strcpy(task.domain_name, "web");
    strcpy(task.actor, "local");
    snprintf(task.idempotency_key, sizeof(task.idempotency_key), "%s", key);
    return task;
}

Test(store, domain_reads_back_as_written)
{
    struct domain_record in = sample("web", 1);
    struct domain_record by_name, by_uuid;

    cr_assert_eq(store_domain_insert(store, &in, &err), 0, "%s", err.message);

    cr_assert_eq(store_domain_get(store, "web", &by_name, &err), 0, "%s", err.message);
    cr_assert_eq(store_domain_get(store, in.spec.uuid, &by_uuid, &err), 0);
    cr_assert_eq(memcmp(&by_name, &by_uuid, sizeof(by_name)), 0);
    cr_assert_str_eq(by_name.spec.uuid, in.spec.uuid);
    cr_assert_eq(by_name.spec.memory_bytes, in.spec.memory_bytes);
    cr_assert_eq(by_name.spec.disk_count, 2);
    cr_assert_str_eq(by_name.spec.disks[1].path, "/images/b.img");
    cr_assert(by_name.spec.disks[1].readonly);
    cr_assert_not(by_name.spec.disks[0].readonly);
    cr_assert_str_eq(by_name.spec.nics[0].bridge, "br0");
    cr_assert_eq(by_name.spec.on_crash, END_KEEP);
    cr_assert_eq(by_name.domid, -1);
    cr_assert_eq(by_name.state, DOMAIN_STOPPED);
}

Test(store, name_and_uuid_are_unique)
{
    struct domain_record first = sample("web", 1);
    struct domain_record same_name = sample("web", 2);
    struct domain_record same_uuid = sample("db", 1);

    cr_assert_eq(store_domain_insert(store, &first, &err), 0);

    cr_expect_eq(store_domain_insert(store, &same_name, &err), -ERR_EXISTS);
    cr_expect_str_eq(err.field, "name");
    cr_expect_eq(store_domain_insert(store, &same_uuid, &err), -ERR_EXISTS);
}

Test(store, desired_and_observed_are_apart)
{
    struct domain_record record = sample("web", 1);

    cr_assert_eq(store_domain_insert(store, &record, &err), 0);
    cr_assert_eq(store_domain_set_desired(store, record.spec.uuid, DESIRED_RUNNING, &err), 0);
    cr_assert_eq(store_domain_get(store, "web", &record, &err), 0);
    cr_expect_eq(record.desired, DESIRED_RUNNING);
    cr_expect_eq(record.state, DOMAIN_STOPPED);

    record.state = DOMAIN_RUNNING;
    record.domid = 0;
    record.desired = DESIRED_STOPPED; /* not what set_observed writes */
    cr_assert_eq(store_domain_set_observed(store, &record, &err), 0);
    cr_assert_eq(store_domain_get(store, "web", &record, &err), 0);
    cr_expect_eq(record.desired, DESIRED_RUNNING);
    cr_expect_eq(record.state, DOMAIN_RUNNING);
    cr_expect_eq(record.domid, 0);
}

Test(store, delete_takes_disks_and_nics_with_it)
{
    struct domain_record record = sample("web", 1);

    cr_assert_eq(store_domain_insert(store, &record, &err), 0);
    cr_assert_eq(store_domain_delete(store, record.spec.uuid, &err), 0);
    cr_expect_eq(store_domain_get(store, "web", &record, &err), -ERR_NOT_FOUND);
    cr_expect_eq(store_domain_delete(store, "no-such", &err), -ERR_NOT_FOUND);

    record = sample("web", 1); /* the same uuid again: no row of the old one is in the way */
    cr_expect_eq(store_domain_insert(store, &record, &err), 0, "%s", err.message);
}

Test(store, list_is_by_name)
{
    struct domain_record a = sample("a", 2), b = sample("b", 1);
    struct domain_record *list;
    size_t count;

    cr_assert_eq(store_domain_insert(store, &b, &err), 0);
    cr_assert_eq(store_domain_insert(store, &a, &err), 0);
    cr_assert_eq(store_domain_list(store, &list, &count, &err), 0);
    cr_assert_eq(count, 2);
    cr_expect_str_eq(list[0].spec.name, "a");
    cr_expect_eq(list[1].spec.disk_count, 2);
    free(list);
}

Test(store, rolled_back_transaction_leaves_nothing)
{
    struct domain_record record = sample("web", 1);
    struct task_record task = sample_task(1, "");

    cr_assert_eq(store_transaction_begin(store, &err), 0);
    cr_assert_eq(store_domain_insert(store, &record, &err), 0);
    cr_assert_eq(store_task_insert(store, &task, &err), 0);
    store_transaction_rollback(store);

    cr_expect_eq(store_domain_get(store, "web", &record, &err), -ERR_NOT_FOUND);
    cr_expect_eq(store_task_get(store, task.id, &task, &err), -ERR_NOT_FOUND);
}

Test(store, task_lives_its_life)
{
    struct task_record task = sample_task(1, "key-1");
    struct task_record read;

    cr_assert_eq(store_task_insert(store, &task, &err), 0, "%s", err.message);
    cr_assert_eq(store_task_begin(store, &task, &err), 0);
    cr_assert_eq(store_task_get_by_key(store, "key-1", &read, &err), 0);
    cr_expect_eq(read.state, TASK_RUNNING);
    cr_expect_eq(read.attempts, 1);
    cr_expect_eq(read.timeout_s, 7);
    cr_expect(read.then_start);

    task.state = TASK_FAILED;
    task.finish_time_ms = 9;
    err_set_field(&task.error, ERR_NOT_FOUND, "kernel", "no such file");
    cr_assert_eq(store_task_finish(store, &task, &err), 0);
    cr_assert_eq(store_task_get(store, task.id, &read, &err), 0);
    cr_expect_eq(read.state, TASK_FAILED);
    cr_expect_eq(read.error.code, ERR_NOT_FOUND);
    cr_expect_str_eq(read.error.field, "kernel");
    cr_expect(task_is_finished(&read));
}

Test(store, idempotency_key_is_used_once)
{
    struct task_record first = sample_task(1, "key"), second = sample_task(2, "key");
    struct task_record none = sample_task(3, ""), none_again = sample_task(4, "");

    cr_assert_eq(store_task_insert(store, &first, &err), 0);
    cr_expect_eq(store_task_insert(store, &second, &err), -ERR_EXISTS);
    cr_expect_eq(store_task_insert(store, &none, &err), 0);
    cr_expect_eq(store_task_insert(store, &none_again, &err), 0);
}

Test(store, prune_keeps_unfinished_and_newest)
{
    struct task_record *list;
    size_t count;

    for (int i = 0; i < 10; i++) {
        struct task_record task = sample_task(i, "");

        cr_assert_eq(store_task_insert(store, &task, &err), 0);
        if (i != 0) {
            task.state = TASK_SUCCEEDED;
            cr_assert_eq(store_task_finish(store, &task, &err), 0);
        }
    }
    cr_assert_eq(store_task_prune(store, 3, &err), 0);
    cr_assert_eq(store_task_list(store, 100, &list, &count, &err), 0);
    cr_expect_eq(count, 4);
    free(list);
    cr_assert_eq(store_task_list_unfinished(store, &list, &count, &err), 0);
    cr_expect_eq(count, 1);
    free(list);
}

Test(store, events_are_kept_newest_first)
{
    struct event_record *list;
    size_t count;

    for (int i = 0; i < 5; i++) {
        struct event_record event = {0};

        snprintf(event.kind, sizeof(event.kind), "kind-%d", i);
        cr_assert_eq(store_event_insert(store, &event, &err), 0);
    }
    cr_assert_eq(store_event_prune(store, 3, &err), 0);
    cr_assert_eq(store_event_list(store, 2, &list, &count, &err), 0);
    cr_assert_eq(count, 2);
    cr_expect_str_eq(list[0].kind, "kind-4");
    free(list);
}

/* A child writes records as fast as it can, telling each committed number, until it is killed. */
static void write_until_killed(int tell_fd)
{
    struct store *mine;

    if (store_open(path, &mine, NULL) != 0) {
        _exit(1);
    }
    for (int i = 0;; i++) {
        struct domain_record record;
        struct task_record task = sample_task(i, "");
        char name[32];

        snprintf(name, sizeof(name), "d%d", i);
        record = sample(name, i);
        if (store_transaction_begin(mine, NULL) != 0 || store_domain_insert(mine, &record, NULL) != 0 ||
            store_task_insert(mine, &task, NULL) != 0 || store_transaction_commit(mine, NULL) != 0 ||
            write(tell_fd, &i, sizeof(i)) != (ssize_t)sizeof(i)) {
            _exit(1);
        }
    }
}

Test(store, what_was_committed_survives_a_kill, .timeout = 60)
{
    struct domain_record *domains;
    struct task_record *tasks;
    size_t domain_count, task_count;
    int last = -1;
    int number;
    int pipe_fds[2];
    pid_t child;

    store_close(store);
    cr_assert_eq(pipe(pipe_fds), 0);
    child = fork();
    if (child == 0) {
        close(pipe_fds[0]);
        write_until_killed(pipe_fds[1]);
    }
    close(pipe_fds[1]);
    while (last < 20 && read(pipe_fds[0], &number, sizeof(number)) == (ssize_t)sizeof(number)) {
        last = number;
    }
    cr_assert_eq(kill(child, SIGKILL), 0);
    waitpid(child, NULL, 0);
    while (read(pipe_fds[0], &number, sizeof(number)) == (ssize_t)sizeof(number)) {
        last = number;
    }
    close(pipe_fds[0]);

    open_store();
    cr_assert_eq(store_domain_list(store, &domains, &domain_count, &err), 0, "%s", err.message);
    cr_assert_eq(store_task_list(store, 100000, &tasks, &task_count, &err), 0);
    cr_expect_geq(domain_count, (size_t)last + 1, "all that was told is there");
    cr_expect_leq(domain_count, (size_t)last + 2, "at most one more than was told");
    cr_expect_eq(domain_count, task_count, "a domain never without its task");
    for (size_t i = 0; i < domain_count; i++) {
        cr_expect_eq(domains[i].spec.disk_count, 2);
    }
    free(domains);
    free(tasks);
}

Test(store, reopening_finds_everything)
{
    struct domain_record record = sample("web", 1);

    cr_assert_eq(store_domain_insert(store, &record, &err), 0);
    store_close(store);
    open_store();
    cr_expect_eq(store_domain_get(store, "web", &record, &err), 0);
}

Test(store, not_a_database_is_a_clear_error)
{
    char other[80];
    struct store *none;
    FILE *file;

    snprintf(other, sizeof(other), "%s/other.db", folder);
    file = fopen(other, "w");
    for (int i = 0; i < 500; i++) {
        fputs("this is no database\n", file);
    }
    fclose(file);

    cr_expect_lt(store_open(other, &none, &err), 0);
    cr_expect_not_null(strstr(err.message, "not a database"), "%s", err.message);
    cr_expect_eq(store_open("/no/such/folder/x.db", &none, &err), -ERR_NOT_FOUND);
    cr_expect_null(none);
}
