/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_hypervisor.h"

char folder[] = "/tmp/nether-agent-XXXXXX";
struct agent *agent;
struct err err;

void start_agent(void)
{
    struct agent_options options = {
        .ops = &fake_hypervisor_ops, .state_folder = folder, .console_folder = folder};

    cr_assert_eq(agent_start(&options, &agent, &err), 0, "%s", err.message);
}

void set_up(void)
{
    cr_assert_not_null(mkdtemp(folder));
    fake_reset();
    start_agent();
}

void tear_down(void)
{
    char command[128];

    agent_stop(agent);
    cr_expect_eq(fake_open_handles(), 0, "every handle is closed");
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

struct domain_spec spec_of(const char *name)
{
    struct domain_spec spec = {.memory_bytes = 64 << 20,
                               .vcpus = 1,
                               .kernel = "/boot/vmlinuz",
                               .on_reboot = END_RESTART};

    snprintf(spec.name, sizeof(spec.name), "%s", name);
    return spec;
}

struct task_record change(enum command_kind kind, const char *domain)
{
    struct command command = {.kind = kind, .domain = domain, .wait_ms = WAIT_MS};
    struct command_result result;

    cr_assert_eq(command_run(agent, &command, &result, &err), 0, "%s %s: %s", command_name(kind),
                 domain, err.message);
    cr_assert(task_is_finished(&result.task));
    return result.task;
}

int refused(enum command_kind kind, const char *domain)
{
    struct command command = {.kind = kind, .domain = domain};
    struct command_result result;

    return command_run(agent, &command, &result, &err);
}

struct task_record create(const char *name, bool start, unsigned wait_ms)
{
    struct domain_spec spec = spec_of(name);
    struct command command = {.kind = COMMAND_DOMAIN_CREATE, .wait_ms = wait_ms};
    struct command_result result;

    command.create.spec = &spec;
    command.create.start = start;
    cr_assert_eq(command_run(agent, &command, &result, &err), 0, "%s", err.message);
    return result.task;
}

struct domain_record look(const char *name)
{
    struct command command = {.kind = COMMAND_DOMAIN_GET, .domain = name};
    struct command_result result;
    struct domain_record record;

    cr_assert_eq(command_run(agent, &command, &result, &err), 0, "%s", err.message);
    record = result.domain->record;
    command_result_free(&result);
    return record;
}

void await(const char *name, enum domain_life state)
{
    for (int i = 0; i < WAIT_MS / 5 && look(name).state != state; i++) {
        usleep(5000);
    }
    cr_assert_eq(look(name).state, state, "%s is %s", name, domain_life_name(look(name).state));
}

struct task_record outcome(const char *id)
{
    struct command command = {.kind = COMMAND_TASK_GET, .task_id = id, .wait_ms = WAIT_MS};
    struct command_result result;

    cr_assert_eq(command_run(agent, &command, &result, &err), 0, "%s", err.message);
    return result.task;
}

void cancel(const char *id)
{
    struct command command = {.kind = COMMAND_TASK_CANCEL, .task_id = id};
    struct command_result result;

    cr_assert_eq(command_run(agent, &command, &result, &err), 0, "%s", err.message);
}

struct store *open_its_store(struct domain_record *web)
{
    struct store *store;
    char path[64];

    snprintf(path, sizeof(path), "%s/state.db", folder);
    cr_assert_eq(store_open(path, &store, &err), 0);
    cr_assert_eq(store_domain_get(store, "web", web, &err), 0);
    return store;
}
