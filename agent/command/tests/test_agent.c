/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent as a whole over the in-memory stand-in: what clients ask, and what guests do by themselves.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent_fixture.h"
#include "fake_hypervisor.h"

TestSuite(agent, .init = set_up, .fini = tear_down, .timeout = 60);

Test(agent, domain_lives_its_life)
{
    cr_expect_eq(create("web", false, 0).state, TASK_SUCCEEDED, "a record alone needs no work");
    cr_expect_eq(look("web").state, DOMAIN_STOPPED);
    cr_expect_eq(fake_domain_count(), 0);

    cr_expect_eq(change(COMMAND_DOMAIN_START, "web").state, TASK_SUCCEEDED);
    cr_expect_eq(look("web").state, DOMAIN_RUNNING);
    cr_expect_eq(look("web").desired, DESIRED_RUNNING);
    cr_expect_geq(look("web").domid, 1);
    cr_expect_eq(change(COMMAND_DOMAIN_PAUSE, "web").state, TASK_SUCCEEDED);
    cr_expect_eq(look("web").state, DOMAIN_PAUSED);
    cr_expect_eq(refused(COMMAND_DOMAIN_SHUTDOWN, "web"), -ERR_CONFLICT);
    cr_expect_eq(change(COMMAND_DOMAIN_UNPAUSE, "web").state, TASK_SUCCEEDED);
    cr_expect_eq(refused(COMMAND_DOMAIN_START, "web"), -ERR_CONFLICT);
    cr_expect_eq(change(COMMAND_DOMAIN_REBOOT, "web").state, TASK_SUCCEEDED);
    cr_expect_eq(look("web").state, DOMAIN_RUNNING);
    cr_expect_eq(fake_build_count(), 2);
    cr_expect_eq(refused(COMMAND_DOMAIN_DELETE, "web"), -ERR_CONFLICT);
    cr_expect_eq(change(COMMAND_DOMAIN_SHUTDOWN, "web").state, TASK_SUCCEEDED);
    cr_expect_eq(look("web").state, DOMAIN_STOPPED);
    cr_expect_str_eq(look("web").reason, "the guest powered off");
    cr_expect_eq(change(COMMAND_DOMAIN_START, "web").state, TASK_SUCCEEDED);
    cr_expect_eq(change(COMMAND_DOMAIN_DESTROY, "web").state, TASK_SUCCEEDED);
    cr_expect_eq(fake_domain_count(), 0);
    cr_expect_eq(change(COMMAND_DOMAIN_DELETE, "web").state, TASK_SUCCEEDED);
    cr_expect_eq(refused(COMMAND_DOMAIN_GET, "web"), -ERR_NOT_FOUND);
}

Test(agent, failed_build_leaves_nothing)
{
    struct task_record task;

    fake_fail_next_build(ERR_NOT_FOUND, "kernel");
    task = create("web", true, WAIT_MS);
    cr_expect_eq(task.state, TASK_FAILED);
    cr_expect_str_eq(task.error.field, "kernel");
    cr_expect_eq(refused(COMMAND_DOMAIN_GET, "web"), -ERR_NOT_FOUND, "create is all or nothing");

    create("web", false, 0);
    fake_fail_next_build(ERR_NO_MEMORY, "memory_bytes");
    cr_expect_eq(change(COMMAND_DOMAIN_START, "web").state, TASK_FAILED);
    cr_expect_eq(look("web").state, DOMAIN_STOPPED, "a start that failed leaves the record");
    cr_expect_eq(change(COMMAND_DOMAIN_START, "web").state, TASK_SUCCEEDED);
}

Test(agent, busy_domain_refuses_all_but_destroy)
{
    struct task_record start;
    struct command command = {.kind = COMMAND_TASK_GET};
    struct command_result result;

    fake_hold_builds(true);
    start = create("web", true, 0);
    for (int i = 0; i < 2000 && look("web").state != DOMAIN_STARTING; i++) {
        usleep(1000);
    }
    cr_expect_eq(refused(COMMAND_DOMAIN_PAUSE, "web"), -ERR_CONFLICT);
    cr_expect_eq(refused(COMMAND_DOMAIN_DELETE, "web"), -ERR_CONFLICT);

    command.kind = COMMAND_DOMAIN_DESTROY;
    command.domain = "web";
    cr_assert_eq(command_run(agent, &command, &result, &err), 0, "%s", err.message);
    fake_hold_builds(false);
    command = (struct command){.kind = COMMAND_TASK_GET, .task_id = start.id, .wait_ms = WAIT_MS};
    cr_assert_eq(command_run(agent, &command, &result, &err), 0);
    cr_expect_eq(result.task.state, TASK_CANCELLED);
    cr_expect_eq(fake_domain_count(), 0);
}

Test(agent, idempotency_key_gives_the_first_task)
{
    struct domain_spec spec = spec_of("web");
    struct command command = {.kind = COMMAND_DOMAIN_CREATE, .idempotency_key = "k1"};
    struct command_result first, second;

    command.create.spec = &spec;
    command.create.start = true;
    command.wait_ms = WAIT_MS;
    cr_assert_eq(command_run(agent, &command, &first, &err), 0);
    spec = spec_of("web"); /* as it came: the uuid was filled in */
    cr_assert_eq(command_run(agent, &command, &second, &err), 0, "%s", err.message);
    cr_expect_str_eq(first.task.id, second.task.id);
    cr_expect(second.is_repeat);
    cr_expect_eq(fake_build_count(), 1);

    spec = spec_of("other");
    cr_expect_eq(command_run(agent, &command, &second, &err), -ERR_CONFLICT);
    cr_expect_str_eq(err.field, "Idempotency-Key");
}

Test(agent, guest_that_does_not_listen_times_out)
{
    struct command command = {.kind = COMMAND_DOMAIN_SHUTDOWN, .domain = "web", .wait_ms = WAIT_MS};
    struct command_result result;

    create("web", true, WAIT_MS);
    fake_set_obedient(false);
    command.stop.timeout_s = 1;
    cr_assert_eq(command_run(agent, &command, &result, &err), 0);
    cr_expect_eq(result.task.state, TASK_FAILED);
    cr_expect_eq(result.task.error.code, ERR_TIMEOUT);
    cr_expect_eq(look("web").state, DOMAIN_RUNNING);
}

Test(agent, waiting_shutdown_is_cancelled_by_its_task_and_by_destroy)
{
    struct command command = {.kind = COMMAND_DOMAIN_SHUTDOWN, .domain = "web"};
    struct command_result result;
    char id[37];

    create("web", true, WAIT_MS);
    fake_set_obedient(false);
    cr_assert_eq(command_run(agent, &command, &result, &err), 0);
    await("web", DOMAIN_STOPPING);
    snprintf(id, sizeof(id), "%s", result.task.id);
    command = (struct command){.kind = COMMAND_TASK_CANCEL, .task_id = id};
    cr_assert_eq(command_run(agent, &command, &result, &err), 0, "%s", err.message);
    /* The domain is busy until the cancelled task has ended, not only until it runs again. */
    command = (struct command){.kind = COMMAND_TASK_GET, .task_id = id, .wait_ms = WAIT_MS};
    cr_assert_eq(command_run(agent, &command, &result, &err), 0, "%s", err.message);
    cr_expect_eq(result.task.state, TASK_CANCELLED);
    cr_expect_eq(look("web").state, DOMAIN_RUNNING);

    command = (struct command){.kind = COMMAND_DOMAIN_SHUTDOWN, .domain = "web"};
    cr_assert_eq(command_run(agent, &command, &result, &err), 0, "%s", err.message);
    await("web", DOMAIN_STOPPING);
    cr_expect_eq(change(COMMAND_DOMAIN_DESTROY, "web").state, TASK_SUCCEEDED);
    cr_expect_eq(fake_domain_count(), 0);
}

Test(agent, many_waiting_shutdowns_hold_no_worker)
{
    struct command_result result;

    for (int i = 0; i < 8; i++) {
        char name[8];

        snprintf(name, sizeof(name), "d%d", i);
        create(name, true, WAIT_MS);
    }
    fake_set_obedient(false);
    for (int i = 0; i < 8; i++) {
        char name[8];
        struct command command = {.kind = COMMAND_DOMAIN_SHUTDOWN, .domain = name};

        snprintf(name, sizeof(name), "d%d", i);
        cr_assert_eq(command_run(agent, &command, &result, &err), 0);
    }
    cr_expect_eq(create("last", true, WAIT_MS).state, TASK_SUCCEEDED);
}

Test(agent, guest_poweroff_is_cleaned_up)
{
    create("web", true, WAIT_MS);
    fake_guest_stops("web", DOMAIN_SHUTDOWN_POWEROFF);
    await("web", DOMAIN_STOPPED);
    cr_expect_str_eq(look("web").reason, "the guest powered off");
    cr_expect_eq(fake_domain_count(), 0);
}

Test(agent, guest_reboot_is_a_new_instance, .timeout = 60)
{
    int64_t first;

    create("web", true, WAIT_MS);
    first = look("web").domid;
    usleep(2100000); /* longer than what counts as a loop of reboots */
    fake_guest_stops("web", DOMAIN_SHUTDOWN_REBOOT);
    for (int i = 0; i < 1000 && (look("web").domid == first || look("web").domid < 0); i++) {
        usleep(5000);
    }
    await("web", DOMAIN_RUNNING);
    cr_expect_neq(look("web").domid, first);
    cr_expect_eq(fake_domain_count(), 1);
}

Test(agent, reboot_loop_is_ended)
{
    create("web", true, WAIT_MS);
    fake_guest_stops("web", DOMAIN_SHUTDOWN_REBOOT);
    await("web", DOMAIN_STOPPED);
    cr_expect_eq(fake_build_count(), 1);
}

Test(agent, crashed_guest_is_kept_when_told)
{
    struct domain_spec spec = spec_of("web");
    struct command command = {.kind = COMMAND_DOMAIN_CREATE, .wait_ms = WAIT_MS};
    struct command_result result;

    spec.on_crash = END_KEEP;
    command.create.spec = &spec;
    command.create.start = true;
    cr_assert_eq(command_run(agent, &command, &result, &err), 0);
    fake_guest_stops("web", DOMAIN_SHUTDOWN_CRASH);
    await("web", DOMAIN_CRASHED);
    cr_expect_eq(fake_domain_count(), 1);
    cr_expect_eq(refused(COMMAND_DOMAIN_START, "web"), -ERR_CONFLICT);
    cr_expect_eq(change(COMMAND_DOMAIN_DESTROY, "web").state, TASK_SUCCEEDED);
}

Test(agent, vanished_domain_is_marked)
{
    create("web", true, WAIT_MS);
    fake_vanish("web");
    await("web", DOMAIN_STOPPED);
    cr_expect_str_eq(look("web").reason, "ended by another program");
}

Test(agent, foreign_domains_are_shown_and_left_alone)
{
    struct command command = {.kind = COMMAND_DOMAIN_LIST};
    struct command_result result;

    fake_add_foreign("11111111-2222-4333-8444-555555555555", "byxl");
    create("web", false, 0);
    cr_assert_eq(command_run(agent, &command, &result, &err), 0);
    cr_assert_eq(result.domains.count, 3, "dom0, byxl, web");
    cr_expect_str_eq(result.domains.list[0].record.spec.name, "Domain-0");
    cr_expect_eq(result.domains.list[0].record.spec.memory_bytes, FAKE_DOM0_BYTES, "it has no limit");
    cr_expect_not(result.domains.list[1].is_managed);
    cr_expect(result.domains.list[2].is_managed);
    command_result_free(&result);
    cr_expect_eq(refused(COMMAND_DOMAIN_DESTROY, "byxl"), -ERR_NOT_FOUND);
    cr_expect_eq(refused(COMMAND_DOMAIN_DESTROY, "Domain-0"), -ERR_NOT_FOUND);
}

Test(agent, console_is_read_and_written)
{
    struct command command = {.kind = COMMAND_CONSOLE_READ, .domain = "web", .wait_ms = WAIT_MS};
    struct command_result result;
    char text[64] = "";

    create("web", true, WAIT_MS);
    fake_guest_says("web", "hello ");
    command.console_read.out = text;
    command.console_read.size_bytes = sizeof(text) - 1;
    cr_assert_eq(command_run(agent, &command, &result, &err), 0, "%s", err.message);
    cr_expect_str_eq(text, "hello ");
    command.console_read.offset = result.console_read.next_offset;
    command.wait_ms = 20;
    cr_assert_eq(command_run(agent, &command, &result, &err), 0);
    cr_expect_eq(result.console_read.length, 0);

    command = (struct command){.kind = COMMAND_CONSOLE_WRITE, .domain = "web"};
    command.console_write.data = "ls\n";
    command.console_write.size_bytes = 3;
    cr_assert_eq(command_run(agent, &command, &result, &err), 0);
    cr_expect_eq(result.console_write.accepted_bytes, 3);
    cr_expect_eq(fake_guest_hears("web", text, sizeof(text)), 3);

    fake_guest_says("web", "bye"); /* its last words are kept beyond its end */
    change(COMMAND_DOMAIN_DESTROY, "web");
    command = (struct command){.kind = COMMAND_CONSOLE_READ, .domain = "web"};
    memset(text, 0, sizeof(text));
    command.console_read.out = text;
    command.console_read.size_bytes = sizeof(text) - 1;
    cr_assert_eq(command_run(agent, &command, &result, &err), 0);
    cr_expect_str_eq(text, "hello bye");
    command = (struct command){.kind = COMMAND_CONSOLE_WRITE, .domain = "web"};
    cr_expect_eq(command_run(agent, &command, &result, &err), -ERR_CONFLICT);
}

/* A client that has waited long enough and a job that ends come at the same instant: the job may be freed
 * before the client's thread holds the lock again. */
Test(agent, wait_that_runs_out_as_the_task_ends)
{
    create("web", true, WAIT_MS);
    for (unsigned i = 0; i < 300; i++) {
        struct command command = {.kind = i % 2 == 0 ? COMMAND_DOMAIN_PAUSE : COMMAND_DOMAIN_UNPAUSE,
                                  .domain = "web",
                                  .wait_ms = 1 + i / 2 % 12};
        struct command_result result;
        char id[37];

        cr_assert_eq(command_run(agent, &command, &result, &err), 0, "%s", err.message);
        snprintf(id, sizeof(id), "%s", result.task.id);
        cr_expect_str_eq(result.task.domain_name, "web");
        command = (struct command){.kind = COMMAND_TASK_GET, .task_id = id, .wait_ms = WAIT_MS};
        cr_assert_eq(command_run(agent, &command, &result, &err), 0, "%s", err.message);
        cr_assert(task_is_finished(&result.task));
    }
}

/* All workers are busy: the creation is cancelled while it waits for one. */
Test(agent, creation_cancelled_before_it_began_leaves_nothing)
{
    struct task_record task;

    fake_hold_builds(true);
    for (int i = 0; i < 4; i++) {
        char name[8];

        snprintf(name, sizeof(name), "d%d", i);
        create(name, true, 0);
        await(name, DOMAIN_STARTING);
    }
    task = create("web", true, 0);
    cancel(task.id);
    fake_hold_builds(false);
    cr_expect_eq(outcome(task.id).state, TASK_CANCELLED);
    cr_expect_eq(refused(COMMAND_DOMAIN_GET, "web"), -ERR_NOT_FOUND, "create is all or nothing");
}

/* A destroy that ends a creation has nothing more to do: there is no record any more. */
Test(agent, destroy_of_what_is_being_created_succeeds)
{
    struct command command = {.kind = COMMAND_DOMAIN_DESTROY, .domain = "web"};
    struct command_result result;
    char id[37];

    fake_hold_builds(true);
    create("web", true, 0);
    await("web", DOMAIN_STARTING);
    cr_assert_eq(command_run(agent, &command, &result, &err), 0, "%s", err.message);
    snprintf(id, sizeof(id), "%s", result.task.id);
    fake_hold_builds(false);
    cr_expect_eq(outcome(id).state, TASK_SUCCEEDED, "%s", outcome(id).error.message);
    cr_expect_eq(refused(COMMAND_DOMAIN_GET, "web"), -ERR_NOT_FOUND);
}

/* A backup holds the state database for longer than SQLite waits. */
Test(agent, job_waits_for_a_state_database_that_is_held)
{
    struct command command = {.kind = COMMAND_DOMAIN_START, .domain = "web"};
    struct command_result result;
    struct domain_record web;
    struct task_record task;
    struct store *store;

    create("web", false, 0);
    fake_hold_builds(true);
    cr_assert_eq(command_run(agent, &command, &result, &err), 0, "%s", err.message);
    task = result.task;
    await("web", DOMAIN_STARTING);
    store = open_its_store(&web);
    cr_assert_eq(store_transaction_begin(store, &err), 0);
    fake_hold_builds(false);
    usleep(5500000);
    store_transaction_rollback(store);
    store_close(store);
    task = outcome(task.id);
    cr_expect_eq(task.state, TASK_SUCCEEDED, "%s", task.error.message);
    cr_expect_eq(look("web").state, DOMAIN_RUNNING);
}

Test(agent, a_managed_domain_goes_before_a_foreign_one_of_its_name)
{
    struct command command = {.kind = COMMAND_DOMAIN_GET, .domain = "web"};
    struct command_result result;

    fake_add_foreign("11111111-2222-4333-8444-555555555555", "web");
    create("web", false, 0);
    cr_assert_eq(command_run(agent, &command, &result, &err), 0, "%s", err.message);
    cr_expect(result.domain->is_managed, "what start and destroy would act on");
    command_result_free(&result);
}

/* Every second task is a creation, which needs no work. */
Test(agent, old_tasks_are_forgotten)
{
    struct command command = {.kind = COMMAND_TASK_LIST, .max_count = 10000};
    struct command_result result;
    struct domain_record web;
    struct store *store;

    create("web", false, 0);
    agent_stop(agent);
    store = open_its_store(&web);
    cr_assert_eq(store_transaction_begin(store, &err), 0);
    for (int i = 0; i < 2200; i++) {
        struct task_record task = {.state = TASK_SUCCEEDED};

        snprintf(task.id, sizeof(task.id), "%d", i);
        cr_assert_eq(store_task_insert(store, &task, &err), 0);
    }
    cr_assert_eq(store_transaction_commit(store, &err), 0);
    store_close(store);
    start_agent();
    for (int i = 0; i < 70; i++) {
        create("other", false, 0); /* 2202, 2204 and so on */
        change(COMMAND_DOMAIN_DELETE, "other");
    }
    cr_assert_eq(command_run(agent, &command, &result, &err), 0);
    cr_expect_leq(result.tasks.count, 2000 + 64);
    command_result_free(&result);
}

/* The watcher saw it stop while the start was under way, and left it to the job, which did not look. */
Test(agent, guest_that_stops_during_its_start_is_cleaned_up_at_once)
{
    struct task_record task;
    int i;

    fake_hold_unpauses(true);
    task = create("web", true, 0);
    while (fake_domain_count() == 0) {
        usleep(1000);
    }
    usleep(100000);
    fake_guest_stops("web", DOMAIN_SHUTDOWN_POWEROFF);
    usleep(300000);
    fake_hold_unpauses(false);
    cr_expect_eq(outcome(task.id).state, TASK_SUCCEEDED);
    for (i = 0; i < 600 && look("web").state != DOMAIN_STOPPED; i++) {
        usleep(5000);
    }
    cr_expect_lt(i, 600, "not only when the watcher looks by itself, every ten seconds");
}
