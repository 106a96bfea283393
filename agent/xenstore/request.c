/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/request.h"

#include <errno.h>
#include <string.h>

#include "xenstore/store.h"

struct request_type {
    int (*handle)(struct request *request);
    size_t min_strings;
    bool is_privileged_only;
};

static const struct request_type types[XS_TYPE_COUNT] = {
    [XS_CONTROL] = {request_control, 0, true},
    [XS_DIRECTORY] = {request_directory, 1, false},
    [XS_READ] = {request_read, 1, false},
    [XS_GET_PERMS] = {request_get_perms, 1, false},
    [XS_WATCH] = {request_watch, 2, false},
    [XS_UNWATCH] = {request_unwatch, 2, false},
    [XS_TRANSACTION_START] = {request_transaction_start, 0, false},
    [XS_TRANSACTION_END] = {request_transaction_end, 1, false},
    [XS_INTRODUCE] = {request_introduce, 3, true},
    [XS_RELEASE] = {request_release, 1, true},
    [XS_GET_DOMAIN_PATH] = {request_get_domain_path, 1, false},
    [XS_WRITE] = {request_write, 1, false},
    [XS_MKDIR] = {request_mkdir, 1, false},
    [XS_RM] = {request_rm, 1, false},
    [XS_SET_PERMS] = {request_set_perms, 2, false},
    [XS_IS_DOMAIN_INTRODUCED] = {request_is_domain_introduced, 1, false},
    [XS_RESUME] = {request_resume, 1, true},
    [XS_SET_TARGET] = {request_set_target, 2, true},
    [XS_RESET_WATCHES] = {request_reset_watches, 0, false},
    [XS_DIRECTORY_PART] = {request_directory_part, 2, false},
};

static int dispatch(struct request *request)
{
    uint32_t type_number = request->header->type;
    const struct request_type *type;

    if (type_number >= XS_TYPE_COUNT || types[type_number].handle == NULL) {
        return ENOSYS;
    }
    type = &types[type_number];
    if (type->is_privileged_only && !request->connection->is_privileged) {
        return EACCES;
    }
    if (request->string_count < type->min_strings) {
        return EINVAL;
    }
    if (request->header->tx_id != 0) {
        request->transaction = connection_transaction(request->connection, request->header->tx_id);
        if (request->transaction == NULL) {
            return ENOENT;
        }
    }
    return type->handle(request);
}

void request_handle(struct connection *connection)
{
    struct xsd_sockmsg header = connection->in.header;
    struct request request = {
        .connection = connection,
        .store = connection->store,
        .header = &header,
        .payload = wire_input_payload(&connection->in),
        .size_bytes = header.len,
    };
    int rc;

    request.string_count =
        wire_split(request.payload, header.len, request.strings, REQUEST_STRINGS_MAX);
    rc = dispatch(&request);
    if (rc != 0) {
        connection_send_error(connection, &header, rc);
    }
    wire_input_reset(&connection->in);
}

int request_reply(const struct request *request, const void *payload, size_t size_bytes)
{
    connection_send_reply(request->connection, request->header, payload, size_bytes);
    return 0;
}

int request_reply_text(const struct request *request, const char *text)
{
    return request_reply(request, text, strlen(text) + 1);
}

int request_reply_ok(const struct request *request)
{
    return request_reply_text(request, "OK");
}

const struct tree *request_tree(const struct request *request)
{
    return request->transaction != NULL ? &request->transaction->tree : &request->store->tree;
}
