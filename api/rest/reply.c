/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/field.h"
#include "json/json_map.h"
#include "nether/v1/error.pb-c.h"

#define STREAM_BLOCK 16384

unsigned reply_status(enum err_code code)
{
    switch (code) {
    case ERR_OK:
        return 200;
    case ERR_INVALID:
        return 400;
    case ERR_PERMISSION:
        return 403;
    case ERR_NOT_FOUND:
        return 404;
    case ERR_CONFLICT:
    case ERR_EXISTS:
    case ERR_CANCELLED:
        return 409;
    case ERR_UNAVAILABLE:
        return 503;
    case ERR_TIMEOUT:
        return 504;
    case ERR_NO_MEMORY:
    case ERR_NO_SPACE:
        return 507;
    case ERR_INTERNAL:
        break;
    }
    return 500;
}

static const char *title(unsigned status)
{
    switch (status) {
    case 400:
        return "Bad request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not found";
    case 405:
        return "Method not allowed";
    case 409:
        return "Conflict";
    case 413:
        return "Content too large";
    case 415:
        return "Unsupported media type";
    case 503:
        return "Service unavailable";
    case 504:
        return "Timeout";
    case 507:
        return "Insufficient resources";
    default:
        return "Internal error";
    }
}

int rest_reply_message(struct rest_reply *reply, ProtobufCMessage *message, struct err *err)
{
    int rc;

    if (message == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for the answer");
    }
    rc = json_map_encode(message, &reply->body, err);
    protobuf_c_message_free_unpacked(message, NULL);
    reply->body_length = rc == 0 ? strlen(reply->body) : 0;
    return rc;
}

static void add_common_headers(struct MHD_Response *response, const struct rest_request *request)
{
    MHD_add_response_header(response, "Request-Id", request->id);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
}

static enum MHD_Result queue(struct rest_request *request, unsigned status,
                             struct MHD_Response *response)
{
    enum MHD_Result result;

    if (response == NULL) {
        return MHD_NO; /* no memory even for a refusal: MHD closes the connection */
    }
    result = MHD_queue_response(request->connection, status, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result reply_send(struct rest_request *request, struct rest_reply *reply)
{
    struct MHD_Response *response;

    if (reply->stream.read != NULL) {
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK,
                                                     reply->stream.read, reply->stream.opaque,
                                                     reply->stream.release);
        if (response == NULL) {
            reply->stream.release(reply->stream.opaque);
        } else {
            MHD_add_response_header(response, "Connection", "close"); /* it has no time limit any more */
        }
    } else {
        response = MHD_create_response_from_buffer(reply->body_length, reply->body,
                                                   MHD_RESPMEM_MUST_FREE);
        if (response == NULL) {
            free(reply->body);
        }
    }
    if (response != NULL) {
        add_common_headers(response, request);
        MHD_add_response_header(response, "Content-Type",
                                reply->content_type != NULL ? reply->content_type
                                                            : "application/json");
        if (reply->location[0] != '\0') {
            MHD_add_response_header(response, "Location", reply->location);
        }
        if (reply->console_offset[0] != '\0') {
            MHD_add_response_header(response, "Nether-Console-Offset", reply->console_offset);
        }
    }
    return queue(request, reply->status != 0 ? reply->status : 200, response);
}

enum MHD_Result reply_send_problem(struct rest_request *request, unsigned status,
                                   const struct err *err, const char *task_id, const char *allow)
{
    Nether__V1__Problem problem = NETHER__V1__PROBLEM__INIT;
    struct MHD_Response *response;
    char field[sizeof(err->field)];
    char *text;

    field_json_name(err->field, field, sizeof(field));
    problem.type = "about:blank"; /* RFC 9457, 4.2.1: the status says what kind it is */
    problem.title = (char *)title(status);
    problem.status = status;
    problem.detail = (char *)err->message;
    problem.instance = request->id;
    problem.code = (char *)err_code_name(err->code);
    problem.field = field;
    problem.task_id = (char *)(task_id != NULL ? task_id : "");
    if (json_map_encode(&problem.base, &text, NULL) != 0) {
        return MHD_NO;
    }
    response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(text);
        return MHD_NO;
    }
    add_common_headers(response, request);
    MHD_add_response_header(response, "Content-Type", "application/problem+json");
    if (allow != NULL && allow[0] != '\0') {
        MHD_add_response_header(response, "Allow", allow);
    }
    return queue(request, status, response);
}
