/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /v1/domains/{domain}/console. GET answers with the output that is kept, from an offset on, or
 * with follow=1 goes on for as long as the client listens; POST is input. An interactive session is
 * one of each. The header Nether-Console-Offset says where the output that was given ends.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/json_map.h"
#include "nether/v1/console.pb-c.h"
#include "rest/request.h"

#define READ_MAX  262144 /* more than the agent keeps */
#define LISTEN_MS 1000   /* how often a silent stream looks whether the client is still there */

struct follow {
    struct agent *agent;
    struct MHD_Connection *connection;
    char uuid[37]; /* not its name, which may become another domain's */
    uint64_t offset;
};

/* MHD_ContentReaderCallback, on the connection's own thread: it may wait. */
static ssize_t read_more(void *opaque, uint64_t position, char *out, size_t size_bytes)
{
    struct follow *follow = opaque;
    struct command command = {
        .kind = COMMAND_CONSOLE_READ, .domain = follow->uuid, .wait_ms = LISTEN_MS};
    struct command_result result;

    (void)position;
    command.console_read.out = out;
    command.console_read.size_bytes = size_bytes;
    for (;;) {
        command.console_read.offset = follow->offset;
        if (command_run(follow->agent, &command, &result, NULL) != 0) {
            return MHD_CONTENT_READER_END_OF_STREAM; /* deleted, or the agent stops */
        }
        follow->offset = result.console_read.next_offset;
        if (result.console_read.length > 0) {
            return (ssize_t)result.console_read.length;
        }
        if (rest_has_left(follow->connection)) {
            return MHD_CONTENT_READER_END_WITH_ERROR;
        }
    }
}

static int start_follow(struct rest_request *request, struct rest_reply *reply, const char *uuid,
                        uint64_t offset, struct err *err)
{
    struct follow *follow = calloc(1, sizeof(*follow));

    if (follow == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for a console stream");
    }
    follow->agent = request->agent;
    follow->connection = request->connection;
    snprintf(follow->uuid, sizeof(follow->uuid), "%s", uuid);
    follow->offset = offset;
    reply->stream = (struct rest_stream){.read = read_more, .release = free, .opaque = follow};
    return 0;
}

/* Where to begin: at offset, or tail bytes before the end, of which domain. Refuses one there is not. */
static int find_start(struct rest_request *request, uint64_t *offset, char uuid[37], struct err *err)
{
    struct command command = {.kind = COMMAND_CONSOLE_READ, .domain = request->parameter};
    struct command_result result;
    uint64_t tail = UINT64_MAX;
    int rc = rest_query_number(request, "offset", INT64_MAX, offset, err);

    if (rc == 0) {
        rc = rest_query_number(request, "tail", INT64_MAX, &tail, err);
    }
    command.console_read.offset = UINT64_MAX; /* the end */
    if (rc == 0) {
        rc = command_run(request->agent, &command, &result, err);
    }
    if (rc == 0 && rest_query(request, "tail") != NULL) {
        uint64_t end = result.console_read.next_offset;

        /* A console that was never attached answers with what was asked: nothing yet. */
        *offset = end == UINT64_MAX || tail > end ? 0 : end - tail;
    }
    if (rc == 0) {
        memcpy(uuid, result.console_read.uuid, sizeof(result.console_read.uuid));
    }
    return rc;
}

int rest_console_read(struct rest_request *request, struct rest_reply *reply, struct err *err)
{
    struct command command = {.kind = COMMAND_CONSOLE_READ, .domain = request->parameter};
    struct command_result result;
    uint64_t offset = 0;
    bool follow = false;
    char uuid[37];
    int rc = rest_query_bool(request, "follow", &follow, err);

    if (rc == 0) {
        rc = find_start(request, &offset, uuid, err);
    }
    if (rc != 0) {
        return rc;
    }
    reply->content_type = "application/octet-stream";
    if (follow) {
        return start_follow(request, reply, uuid, offset, err);
    }
    reply->body = malloc(READ_MAX);
    if (reply->body == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for the console's text");
    }
    command.console_read.offset = offset;
    command.console_read.out = reply->body;
    command.console_read.size_bytes = READ_MAX;
    rc = command_run(request->agent, &command, &result, err);
    if (rc != 0) {
        return rc;
    }
    reply->body_length = result.console_read.length;
    snprintf(reply->console_offset, sizeof(reply->console_offset), "%" PRIu64,
             result.console_read.next_offset);
    return 0;
}

int rest_console_write(struct rest_request *request, struct rest_reply *reply, struct err *err)
{
    struct command command = {.kind = COMMAND_CONSOLE_WRITE, .domain = request->parameter};
    struct command_result result;
    Nether__V1__ConsoleWriteResult *answer;
    int rc;

    command.console_write.data = buf_text(&request->body);
    command.console_write.size_bytes = request->body.size_bytes;
    rc = command_run(request->agent, &command, &result, err);
    if (rc != 0) {
        return rc;
    }
    answer = malloc(sizeof(*answer));
    if (answer != NULL) {
        nether__v1__console_write_result__init(answer);
        answer->accepted_bytes = (uint32_t)result.console_write.accepted_bytes;
    }
    return rest_reply_message(reply, answer != NULL ? &answer->base : NULL, err);
}
