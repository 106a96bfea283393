/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks => messages. */
#include <stdlib.h>

#include "convert/convert.h"
#include "convert/text.h"
#include "json/field.h"

static const Nether__V1__TaskState states[TASK_STATE_COUNT] = {
    [TASK_PENDING] = NETHER__V1__TASK_STATE__TASK_STATE_PENDING,
    [TASK_RUNNING] = NETHER__V1__TASK_STATE__TASK_STATE_RUNNING,
    [TASK_SUCCEEDED] = NETHER__V1__TASK_STATE__TASK_STATE_SUCCEEDED,
    [TASK_FAILED] = NETHER__V1__TASK_STATE__TASK_STATE_FAILED,
    [TASK_CANCELLED] = NETHER__V1__TASK_STATE__TASK_STATE_CANCELLED,
};

static Nether__V1__Error *convert_error(const struct err *err)
{
    Nether__V1__Error *error = malloc(sizeof(*error));
    char field[sizeof(err->field)];

    if (error != NULL) {
        nether__v1__error__init(error);
        text_set(&error->code, err_code_name(err->code));
        field_json_name(err->field, field, sizeof(field));
        text_set(&error->field, field);
        text_set(&error->message, err->message);
    }
    return error;
}

Nether__V1__Task *convert_task(const struct task_record *record)
{
    Nether__V1__Task *task = malloc(sizeof(*task));

    if (task == NULL) {
        return NULL;
    }
    nether__v1__task__init(task);
    text_set(&task->id, record->id);
    text_set(&task->kind, record->kind);
    text_set(&task->domain_uuid, record->domain_uuid);
    text_set(&task->domain_name, record->domain_name);
    task->state = states[record->state];
    task->progress_percent = record->progress_percent;
    text_set(&task->stage, record->stage);
    text_set(&task->actor, record->actor);
    text_set(&task->idempotency_key, record->idempotency_key);
    task->attempts = record->attempts;
    text_set_time(&task->create_time, record->create_time_ms);
    text_set_time(&task->start_time, record->start_time_ms);
    text_set_time(&task->finish_time, record->finish_time_ms);
    if (record->error.code != ERR_OK) {
        task->error = convert_error(&record->error);
    }
    return task;
}

Nether__V1__TaskList *convert_task_list(const struct task_record *tasks, size_t count)
{
    Nether__V1__TaskList *list = malloc(sizeof(*list));

    if (list == NULL) {
        return NULL;
    }
    nether__v1__task_list__init(list);
    list->tasks = calloc(count + 1, sizeof(*list->tasks));
    for (size_t i = 0; list->tasks != NULL && i < count; i++) {
        list->tasks[i] = convert_task(&tasks[i]);
        if (list->tasks[i] == NULL) {
            protobuf_c_message_free_unpacked(&list->base, NULL);
            return NULL;
        }
        list->n_tasks++;
    }
    return list;
}
