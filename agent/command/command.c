/* SPDX-License-Identifier: Apache-2.0 */
#include "command/command.h"

#include <stdlib.h>
#include <string.h>

#include "command/internal.h"

static const char *const names[COMMAND_KIND_COUNT] = {
    [COMMAND_DOMAIN_CREATE] = "domain.create",     [COMMAND_DOMAIN_START] = "domain.start",
    [COMMAND_DOMAIN_PAUSE] = "domain.pause",       [COMMAND_DOMAIN_UNPAUSE] = "domain.unpause",
    [COMMAND_DOMAIN_SHUTDOWN] = "domain.shutdown", [COMMAND_DOMAIN_REBOOT] = "domain.reboot",
    [COMMAND_DOMAIN_DESTROY] = "domain.destroy",   [COMMAND_DOMAIN_DELETE] = "domain.delete",
    [COMMAND_DOMAIN_GET] = "domain.get",           [COMMAND_DOMAIN_LIST] = "domain.list",
    [COMMAND_CONSOLE_READ] = "console.read",       [COMMAND_CONSOLE_WRITE] = "console.write",
    [COMMAND_HOST_INFO] = "host.info",             [COMMAND_HOST_LOG] = "host.log",
    [COMMAND_TASK_GET] = "task.get",               [COMMAND_TASK_LIST] = "task.list",
    [COMMAND_TASK_CANCEL] = "task.cancel",         [COMMAND_EVENT_LIST] = "event.list",
};

const char *command_name(enum command_kind kind)
{
    return (unsigned)kind < COMMAND_KIND_COUNT && names[kind] != NULL ? names[kind] : "?";
}

int command_run(struct agent *agent, const struct command *command, struct command_result *result,
                struct err *err)
{
    int rc;

    memset(result, 0, sizeof(*result));
    result->kind = command->kind;
    if (command->kind < COMMAND_CHANGES_END) {
        rc = agent_submit(agent, command, result, err);
    } else {
        rc = agent_look(agent, command, result, err);
    }
    return rc;
}

void command_result_free(struct command_result *result)
{
    switch (result->kind) {
    case COMMAND_DOMAIN_GET:
        free(result->domain);
        break;
    case COMMAND_DOMAIN_LIST:
        free(result->domains.list);
        break;
    case COMMAND_TASK_LIST:
        free(result->tasks.list);
        break;
    case COMMAND_EVENT_LIST:
        free(result->events.list);
        break;
    case COMMAND_HOST_INFO:
        free(result->host.cpu_idle_ns);
        break;
    case COMMAND_HOST_LOG:
        free(result->log.text);
        break;
    default:
        break;
    }
    memset(result, 0, sizeof(*result));
    result->kind = COMMAND_KIND_COUNT;
}
