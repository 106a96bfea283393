/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/tasks, and how the other resources answer with a task. */
#include <stdio.h>

#include "convert/convert.h"
#include "rest/request.h"
#include "rest/task_reply.h"

#define LIST_DEFAULT 50
#define LIST_MAX     1000

static int reply_task(struct rest_reply *reply, const struct task_record *record, struct err *err)
{
    Nether__V1__Task *task = convert_task(record);

    return rest_reply_message(reply, task != NULL ? &task->base : NULL, err);
}

int rest_reply_outcome(struct rest_reply *reply, const struct task_record *task,
                       unsigned success_status, struct err *err)
{
    if (!task_is_finished(task)) {
        reply->status = 202;
        snprintf(reply->location, sizeof(reply->location), "/v1/tasks/%s", task->id);
    } else if (task->state == TASK_SUCCEEDED) {
        reply->status = success_status;
    } else {
        *err = task->error;
        snprintf(reply->task_id, sizeof(reply->task_id), "%s", task->id);
        return -(int)err->code;
    }
    return reply_task(reply, task, err);
}

int rest_tasks_list(struct rest_request *request, struct rest_reply *reply, struct err *err)
{
    struct command command = {.kind = COMMAND_TASK_LIST};
    struct command_result result;
    Nether__V1__TaskList *list;
    uint64_t limit = LIST_DEFAULT;
    int rc = rest_query_number(request, "limit", LIST_MAX, &limit, err);

    if (rc != 0) {
        return rc;
    }
    command.max_count = (size_t)limit;
    rc = command_run(request->agent, &command, &result, err);
    if (rc != 0) {
        return rc;
    }
    list = convert_task_list(result.tasks.list, result.tasks.count);
    command_result_free(&result);
    return rest_reply_message(reply, list != NULL ? &list->base : NULL, err);
}

int rest_tasks_get(struct rest_request *request, struct rest_reply *reply, struct err *err)
{
    struct command command = {.kind = COMMAND_TASK_GET, .task_id = request->parameter};
    struct command_result result;
    bool wait = false;
    int rc = rest_query_bool(request, "wait", &wait, err);

    if (rc != 0) {
        return rc;
    }
    command.wait_ms = wait ? REST_WAIT_MAX_MS : 0;
    command.has_left = rest_has_left;
    command.opaque = request->connection;
    rc = command_run(request->agent, &command, &result, err);
    return rc != 0 ? rc : reply_task(reply, &result.task, err);
}

int rest_tasks_cancel(struct rest_request *request, struct rest_reply *reply, struct err *err)
{
    struct command command = {.kind = COMMAND_TASK_CANCEL, .task_id = request->parameter};
    struct command_result result;
    int rc = command_run(request->agent, &command, &result, err);

    if (rc != 0) {
        return rc;
    }
    reply->status = 202;
    return reply_task(reply, &result.task, err);
}
