/* SPDX-License-Identifier: Apache-2.0 */
#include "rest_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_hypervisor.h"

char folder[] = "/tmp/nether-rest-XXXXXX";
char socket_path[64];
struct agent *agent;
struct rest_server *server;
struct err err;

void rest_set_up(const char *tcp_address)
{
    struct agent_options agent_options = {.ops = &fake_hypervisor_ops, .state_folder = folder};
    struct rest_options rest_options = {.socket_path = socket_path, .tcp_address = tcp_address};

    cr_assert_not_null(mkdtemp(folder));
    snprintf(socket_path, sizeof(socket_path), "%s/api.sock", folder);
    fake_reset();
    cr_assert_eq(agent_start(&agent_options, &agent, &err), 0, "%s", err.message);
    rest_options.agent = agent;
    cr_assert_eq(rest_server_start(&rest_options, &server, &err), 0, "%s", err.message);
}

void rest_tear_down(void)
{
    char command[128];

    agent_wake_waiters(agent);
    rest_server_stop(server);
    agent_stop(agent);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}
