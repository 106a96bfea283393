/* SPDX-License-Identifier: Apache-2.0 */
/* How a task is answered, for every route that has one to answer with. */
#pragma once

#include "rest/request.h"

#define REST_WAIT_MAX_MS 600000u

/**
 * Answer with the outcome of a change: 202 while it is under way, 200 when it succeeded (201 with
 * created_status), and the error of the task when it failed.
 */
int rest_reply_outcome(struct rest_reply *reply, const struct task_record *task,
                       unsigned success_status, struct err *err);
