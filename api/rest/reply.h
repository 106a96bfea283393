/* SPDX-License-Identifier: Apache-2.0 */
/* From a struct rest_reply, or an error, to what goes over the wire. */
#pragma once

#include <microhttpd.h>

#include "rest/request.h"

/** The HTTP status of an error code: the one table. */
unsigned reply_status(enum err_code code);

/** Send the reply; frees what it holds. */
enum MHD_Result reply_send(struct rest_request *request, struct rest_reply *reply);

/** Send an error as application/problem+json; allow is the Allow header's text, or NULL. */
enum MHD_Result reply_send_problem(struct rest_request *request, unsigned status,
                                   const struct err *err, const char *task_id, const char *allow);
