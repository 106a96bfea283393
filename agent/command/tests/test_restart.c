/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent as a whole over the in-memory stand-in: what an agent finds and does that is started again.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent_fixture.h"
#include "fake_hypervisor.h"

TestSuite(restart, .init = set_up, .fini = tear_down, .timeout = 60);

#define OLD_TASK "20000000-0000-4000-8000-000000000001"

/* Leave a task of web's that was begun so often; what became of it is not written. */
static void leave_begun(struct store *store, const struct domain_record *web, const char *id,
                        const char *kind, int attempts)
{
    struct task_record task = {.create_time_ms = store_now_ms()};

    snprintf(task.id, sizeof(task.id), "%s", id);
    snprintf(task.kind, sizeof(task.kind), "%s", kind);
    memcpy(task.domain_uuid, web->spec.uuid, sizeof(task.domain_uuid));
    snprintf(task.domain_name, sizeof(task.domain_name), "web");
    cr_assert_eq(store_task_insert(store, &task, &err), 0, "%s", err.message);
    for (int i = 0; i < attempts; i++) {
        cr_assert_eq(store_task_begin(store, &task, &err), 0);
    }
}

/* Leave a record and a running task behind as an agent killed in the middle of a start would. */
static void leave_half_started(const char *kind, int attempts, bool is_built, uint32_t domid)
{
    struct domain_record web;
    struct store *store = open_its_store(&web);

    web.state = DOMAIN_STARTING;
    web.domid = is_built ? (int64_t)domid : -1;
    cr_assert_eq(store_domain_set_observed(store, &web, &err), 0);
    leave_begun(store, &web, OLD_TASK, kind, attempts);
    store_close(store);
}

Test(restart, restart_adopts_running_guests)
{
    struct domain_record before, after;
    struct command command = {.kind = COMMAND_CONSOLE_READ, .domain = "web", .wait_ms = WAIT_MS};
    struct command_result result;
    char text[64] = "";

    create("web", true, WAIT_MS);
    create("paused", true, WAIT_MS);
    change(COMMAND_DOMAIN_PAUSE, "paused");
    create("gone", true, WAIT_MS);
    fake_guest_says("web", "before ");
    before = look("web");
    agent_stop(agent);
    fake_vanish("gone");
    start_agent();

    after = look("web");
    cr_expect_eq(after.state, DOMAIN_RUNNING);
    cr_expect_eq(after.domid, before.domid);
    cr_expect_eq(look("paused").state, DOMAIN_PAUSED);
    await("gone", DOMAIN_STOPPED);
    cr_expect_eq(fake_build_count(), 3, "nothing was built again");
    fake_guest_says("web", "after");
    for (int i = 0; i < 1000 && strstr(text, "after") == NULL; i++) {
        memset(text, 0, sizeof(text));
        command.console_read.out = text;
        command.console_read.size_bytes = sizeof(text) - 1;
        cr_assert_eq(command_run(agent, &command, &result, &err), 0);
        usleep(1000);
    }
    cr_expect_str_eq(text, "before after", "its log goes on");
    cr_expect_eq(change(COMMAND_DOMAIN_SHUTDOWN, "web").state, TASK_SUCCEEDED);
}

Test(restart, half_made_domain_is_taken_down_and_made_once)
{
    struct task_record task;

    create("web", false, 0);
    fake_add_foreign(look("web").spec.uuid, "web"); /* as a build left it */
    agent_stop(agent);
    leave_half_started("domain.start", 1, false, 0);
    start_agent();

    task = outcome(OLD_TASK);
    cr_expect_eq(task.state, TASK_SUCCEEDED, "%s", task.error.message);
    cr_expect_eq(task.attempts, 2);
    cr_expect_eq(look("web").state, DOMAIN_RUNNING);
    cr_expect_eq(fake_domain_count(), 1);
    cr_expect_eq(fake_build_count(), 1);
}

Test(restart, built_domain_is_let_run_and_not_built_again)
{
    struct task_record task;

    create("web", false, 0);
    fake_add_foreign(look("web").spec.uuid, "web"); /* domid 1, the first */
    agent_stop(agent);
    leave_half_started("domain.start", 1, true, 1);
    start_agent();

    task = outcome(OLD_TASK);
    cr_expect_eq(task.state, TASK_SUCCEEDED, "%s", task.error.message);
    cr_expect_eq(look("web").state, DOMAIN_RUNNING);
    cr_expect_eq(fake_build_count(), 0);
    cr_expect_eq(fake_domain_count(), 1);
}

static bool is_known(const char *name)
{
    struct command command = {.kind = COMMAND_DOMAIN_GET, .domain = name};
    struct command_result result;

    if (command_run(agent, &command, &result, &err) != 0) {
        return false;
    }
    command_result_free(&result);
    return true;
}

/* The agent does not fall for ever over a task that ends it, and nothing half made stays. */
Test(restart, start_interrupted_too_often_is_given_up_and_taken_down)
{
    struct task_record task;

    create("web", false, 0);
    fake_add_foreign(look("web").spec.uuid, "web");
    agent_stop(agent);
    leave_half_started("domain.start", 3, false, 0);
    start_agent();

    task = outcome(OLD_TASK);
    cr_expect_eq(task.state, TASK_FAILED);
    cr_expect_not_null(strstr(task.error.message, "given up"));
    while (look("web").state != DOMAIN_STOPPED) {
        usleep(1000);
    }
    cr_expect_eq(fake_domain_count(), 0);
    cr_expect_eq(fake_build_count(), 0);
}

Test(restart, creation_interrupted_too_often_leaves_no_record)
{
    create("web", false, 0);
    fake_add_foreign(look("web").spec.uuid, "web");
    agent_stop(agent);
    leave_half_started("domain.create", 3, false, 0);
    start_agent();

    cr_expect_eq(outcome(OLD_TASK).state, TASK_FAILED);
    while (is_known("web")) {
        usleep(1000);
    }
    cr_expect_eq(fake_domain_count(), 0);
}

/* Killed when the new instance ran and the outcome was not written yet. */
Test(restart, reboot_that_was_done_is_not_done_twice)
{
    struct domain_record web;
    struct store *store;

    create("web", true, WAIT_MS);
    agent_stop(agent);
    store = open_its_store(&web);
    leave_begun(store, &web, OLD_TASK, "domain.reboot", 1);
    usleep(2000);
    web.start_time_ms = store_now_ms(); /* of the new instance */
    cr_assert_eq(store_domain_set_observed(store, &web, &err), 0);
    store_close(store);
    start_agent();
    cr_expect_eq(outcome(OLD_TASK).state, TASK_SUCCEEDED);
    cr_expect_eq(fake_build_count(), 1);
    cr_expect_eq(look("web").domid, web.domid);
}

/* Killed before the guest was asked: the reboot is still to be done. */
Test(restart, reboot_that_was_interrupted_is_done)
{
    struct domain_record web;
    struct store *store;

    create("web", true, WAIT_MS);
    agent_stop(agent);
    usleep(2000);
    store = open_its_store(&web);
    leave_begun(store, &web, OLD_TASK, "domain.reboot", 1);
    store_close(store);
    start_agent();
    cr_expect_eq(outcome(OLD_TASK).state, TASK_SUCCEEDED);
    cr_expect_eq(fake_build_count(), 2);
}

/* The outcome of a destroy could not be written; then the domain was started again, and runs. */
Test(restart, task_older_than_one_that_ended_is_not_done_again)
{
    struct domain_record web;
    struct task_record task;
    struct store *store;

    create("web", true, WAIT_MS);
    task = change(COMMAND_DOMAIN_DESTROY, "web");
    cr_expect_eq(change(COMMAND_DOMAIN_START, "web").state, TASK_SUCCEEDED);
    agent_stop(agent);
    store = open_its_store(&web);
    cr_assert_eq(store_task_begin(store, &task, &err), 0, "under way again, as if never ended");
    store_close(store);
    start_agent();
    cr_expect_eq(outcome(task.id).state, TASK_FAILED);
    cr_expect_eq(look("web").state, DOMAIN_RUNNING);
    cr_expect_eq(fake_domain_count(), 1, "the running guest is not ended by an old task");
}

/* Taken up after a restart, the shutdown finds that the guest cannot be asked. */
Test(restart, shutdown_that_fails_does_not_leave_the_domain_stopping)
{
    struct domain_record web;
    struct store *store;

    create("web", true, WAIT_MS);
    agent_stop(agent);
    store = open_its_store(&web);
    leave_begun(store, &web, OLD_TASK, "domain.shutdown", 1);
    web.state = DOMAIN_STOPPING;
    cr_assert_eq(store_domain_set_observed(store, &web, &err), 0);
    store_close(store);
    fake_fail_next_request(ERR_CONFLICT);
    start_agent();
    cr_expect_eq(outcome(OLD_TASK).state, TASK_FAILED);
    await("web", DOMAIN_RUNNING);
    cr_expect_eq(change(COMMAND_DOMAIN_SHUTDOWN, "web").state, TASK_SUCCEEDED);
}

/* Taken up after an interruption, but all workers are busy: it has begun all the same, in another life. */
Test(restart, interrupted_start_that_is_cancelled_is_taken_down)
{
    struct domain_record record;
    struct store *store;

    for (int i = 0; i < 4; i++) {
        char name[8];

        snprintf(name, sizeof(name), "d%d", i);
        create(name, false, 0);
    }
    create("web", false, 0);
    fake_add_foreign(look("web").spec.uuid, "web");
    agent_stop(agent);
    for (int i = 0; i < 4; i++) {
        char name[8];
        char id[37];

        snprintf(name, sizeof(name), "d%d", i);
        snprintf(id, sizeof(id), "30000000-0000-4000-8000-00000000000%d", i);
        store = open_its_store(&record);
        cr_assert_eq(store_domain_get(store, name, &record, &err), 0);
        leave_begun(store, &record, id, "domain.start", 0);
        store_close(store);
    }
    leave_half_started("domain.start", 1, false, 0);
    fake_hold_builds(true);
    start_agent();
    for (int i = 0; i < 4; i++) {
        char name[8];

        snprintf(name, sizeof(name), "d%d", i);
        await(name, DOMAIN_STARTING);
    }
    cancel(OLD_TASK);
    fake_hold_builds(false);
    cr_expect_eq(outcome(OLD_TASK).state, TASK_CANCELLED);
    cr_expect_eq(look("web").state, DOMAIN_STOPPED);
    for (int i = 0; i < 4; i++) {
        char name[8];

        snprintf(name, sizeof(name), "d%d", i);
        await(name, DOMAIN_RUNNING);
    }
    cr_expect_eq(fake_domain_count(), 4);
}

/* Its job could neither go on nor undo what it had done: the store or the hypervisor were away. */
Test(restart, half_started_domain_without_a_job_is_taken_down)
{
    struct domain_record web;
    struct store *store;

    create("web", true, WAIT_MS);
    fake_add_foreign("11111111-2222-4333-8444-555555555555", "byxl");
    store = open_its_store(&web);
    web.state = DOMAIN_STARTING;
    web.domid = -1;
    cr_assert_eq(store_domain_set_observed(store, &web, &err), 0);
    store_close(store);
    fake_vanish("byxl"); /* the watcher looks */
    await("web", DOMAIN_STOPPED);
    cr_expect_eq(fake_domain_count(), 0);
}

/* The record's number is another domain's now. */
Test(restart, domain_of_an_earlier_boot_takes_no_other_with_it)
{
    create("web", true, WAIT_MS);
    agent_stop(agent);
    fake_restart_host();
    fake_add_foreign("11111111-2222-4333-8444-555555555555", "byxl");
    start_agent();
    await("web", DOMAIN_STOPPED);
    cr_expect_eq(fake_domain_count(), 1, "the other one is left alone");
}

/* That the destroy asks the start to end holds through a restart of the agent too. */
Test(restart, start_that_a_destroy_ended_is_not_done_after_a_restart)
{
    struct domain_record web;
    struct store *store;

    create("web", false, 0);
    agent_stop(agent);
    store = open_its_store(&web);
    leave_begun(store, &web, OLD_TASK, "domain.start", 1);
    leave_begun(store, &web, "20000000-0000-4000-8000-00000000000b", "domain.destroy", 0);
    store_close(store);
    start_agent();
    cr_expect_eq(outcome("20000000-0000-4000-8000-00000000000b").state, TASK_SUCCEEDED);
    cr_expect_eq(outcome(OLD_TASK).state, TASK_CANCELLED);
    cr_expect_eq(fake_build_count(), 0);
    cr_expect_eq(look("web").state, DOMAIN_STOPPED);
}
