/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/host and /v1/host/log. */
#include <stdlib.h>

#include "convert/convert.h"
#include "rest/request.h"

int rest_host_get(struct rest_request *request, struct rest_reply *reply, struct err *err)
{
    struct command command = {.kind = COMMAND_HOST_INFO};
    struct command_result result;
    Nether__V1__Host *host;
    int rc = command_run(request->agent, &command, &result, err);

    if (rc != 0) {
        return rc;
    }
    host = convert_host(&result.host);
    command_result_free(&result);
    return rest_reply_message(reply, host != NULL ? &host->base : NULL, err);
}

int rest_host_log(struct rest_request *request, struct rest_reply *reply, struct err *err)
{
    struct command command = {.kind = COMMAND_HOST_LOG};
    struct command_result result;
    int rc = command_run(request->agent, &command, &result, err);

    if (rc != 0) {
        return rc;
    }
    reply->body = result.log.text;
    reply->body_length = result.log.length;
    reply->content_type = "text/plain; charset=utf-8";
    result.log.text = NULL; /* the reply's now */
    command_result_free(&result);
    return 0;
}
