/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/domains. */
#include <stdio.h>

#include "convert/convert.h"
#include "json/json_map.h"
#include "rest/request.h"
#include "rest/route.h"
#include "rest/task_reply.h"

int rest_domains_list(struct rest_request *request, struct rest_reply *reply, struct err *err)
{
    struct command command = {.kind = COMMAND_DOMAIN_LIST};
    struct command_result result;
    Nether__V1__DomainList *list;
    int rc = command_run(request->agent, &command, &result, err);

    if (rc != 0) {
        return rc;
    }
    list = convert_domain_list(result.domains.list, result.domains.count);
    command_result_free(&result);
    return rest_reply_message(reply, list != NULL ? &list->base : NULL, err);
}

int rest_domains_get(struct rest_request *request, struct rest_reply *reply, struct err *err)
{
    struct command command = {.kind = COMMAND_DOMAIN_GET, .domain = request->parameter};
    struct command_result result;
    Nether__V1__Domain *domain;
    int rc = command_run(request->agent, &command, &result, err);

    if (rc != 0) {
        return rc;
    }
    domain = convert_domain(result.domain);
    command_result_free(&result);
    return rest_reply_message(reply, domain != NULL ? &domain->base : NULL, err);
}

/* What all changes have in common: who asks, how often, and whether it waits. */
static int fill_change(const struct rest_request *request, struct command *command, struct err *err)
{
    bool wait = false;
    int rc = rest_query_bool(request, "wait", &wait, err);

    command->request_id = request->id;
    command->wait_ms = wait ? REST_WAIT_MAX_MS : 0;
    command->has_left = rest_has_left;
    command->opaque = request->connection;
    command->idempotency_key =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Idempotency-Key");
    return rc;
}

int rest_domains_create(struct rest_request *request, struct rest_reply *reply, struct err *err)
{
    struct command command = {.kind = COMMAND_DOMAIN_CREATE};
    struct command_result result;
    ProtobufCMessage *config;
    struct domain_spec spec;
    int rc = fill_change(request, &command, err);

    if (rc == 0) {
        rc = rest_query_bool(request, "start", &command.create.start, err);
    }
    if (rc == 0) {
        rc = json_map_decode(&nether__v1__domain_config__descriptor, buf_text(&request->body),
                             request->body.size_bytes, &config, err);
    }
    if (rc != 0) {
        return rc;
    }
    rc = convert_to_spec((const Nether__V1__DomainConfig *)config, &spec, err);
    protobuf_c_message_free_unpacked(config, NULL);
    if (rc != 0) {
        return rc;
    }
    command.create.spec = &spec;
    rc = command_run(request->agent, &command, &result, err);
    if (rc != 0) {
        return rc;
    }
    snprintf(reply->location, sizeof(reply->location), "/v1/domains/%s", result.task.domain_uuid);
    return rest_reply_outcome(reply, &result.task, 201, err);
}

int rest_domains_change(struct rest_request *request, struct rest_reply *reply, struct err *err)
{
    struct command command = {.kind = request->route->command, .domain = request->parameter};
    struct command_result result;
    uint64_t timeout_s = 0;
    int rc = fill_change(request, &command, err);

    if (rc == 0 && command.kind == COMMAND_DOMAIN_DELETE) {
        rc = rest_query_bool(request, "force", &command.delete_domain.force, err);
    }
    if (rc == 0 &&
        (command.kind == COMMAND_DOMAIN_SHUTDOWN || command.kind == COMMAND_DOMAIN_REBOOT)) {
        rc = rest_query_number(request, "timeout", 86400, &timeout_s, err);
        command.stop.timeout_s = (uint32_t)timeout_s;
    }
    if (rc == 0) {
        rc = command_run(request->agent, &command, &result, err);
    }
    return rc != 0 ? rc : rest_reply_outcome(reply, &result.task, 200, err);
}
