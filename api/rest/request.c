/* SPDX-License-Identifier: Apache-2.0 */
/* Query parameters, and which of them a route knows. */
#include "rest/request.h"

#include <poll.h>
#include <string.h>

#include "util/str.h"

bool rest_has_left(void *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd fd = {.fd = info != NULL ? info->connect_fd : -1, .events = POLLRDHUP};

    return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

const char *rest_query(const struct rest_request *request, const char *name)
{
    const char *value = NULL;
    size_t length;

    /* Present without a value ("?wait") is the empty text. */
    if (MHD_lookup_connection_value_n(request->connection, MHD_GET_ARGUMENT_KIND, name,
                                      strlen(name), &value, &length) == MHD_NO) {
        return NULL;
    }
    return value != NULL ? value : "";
}

int rest_query_bool(const struct rest_request *request, const char *name, bool *value,
                    struct err *err)
{
    const char *text = rest_query(request, name);

    *value = false;
    if (text == NULL || strcmp(text, "0") == 0 || strcmp(text, "false") == 0) {
        return 0;
    }
    if (text[0] == '\0' || strcmp(text, "1") == 0 || strcmp(text, "true") == 0) {
        *value = true;
        return 0;
    }
    return err_set_field(err, ERR_INVALID, name, "the query parameter %s must be 1 or 0", name);
}

int rest_query_number(const struct rest_request *request, const char *name, uint64_t max,
                      uint64_t *value, struct err *err)
{
    const char *text = rest_query(request, name);

    if (text != NULL && !str_parse_u64(text, 0, max, value)) {
        return err_set_field(err, ERR_INVALID, name,
                             "the query parameter %s must be a whole number of at most %llu", name,
                             (unsigned long long)max);
    }
    return 0;
}
