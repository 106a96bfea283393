/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests about permissions, of nodes and of the special nodes.
 */
#include <errno.h>
#include <string.h>

#include "xenstore/access.h"
#include "xenstore/change.h"
#include "xenstore/record.h"
#include "xenstore/request.h"

static int reply_perms(const struct request *request, const struct perm *perms, size_t count)
{
    char text[PERMS_MAX * PERM_TEXT_SIZE];
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        char one[PERM_TEXT_SIZE];

        perm_format(perms[i], one);
        memcpy(text + used, one, strlen(one) + 1);
        used += strlen(one) + 1;
    }
    return request_reply(request, text, used);
}

int request_get_perms(struct request *request)
{
    char path[PATH_BUFFER_SIZE];
    const struct special_node *special = store_special(request->store, request->strings[0]);
    const struct node *node;
    int rc;

    if (special != NULL) {
        if ((connection_granted(request->connection, special->perms, special->perm_count) &
             PERM_READ) == 0) {
            return EACCES;
        }
        return reply_perms(request, special->perms, special->perm_count);
    }
    rc = access_node(request, PERM_READ, TOUCH_NODE, path, &node);
    if (rc != 0) {
        return rc;
    }
    return reply_perms(request, node->content->perms, node->content->perm_count);
}

static int set_special_perms(struct request *request, struct special_node *special,
                             const struct perm *perms, size_t count)
{
    if (!request->connection->is_privileged) {
        return EACCES;
    }
    memcpy(special->perms, perms, count * sizeof(perms[0]));
    special->perm_count = count;
    record_special_perms(store_records(request->store), special->name, perms, count);
    return request_reply_ok(request);
}

int request_set_perms(struct request *request)
{
    char path[PATH_BUFFER_SIZE];
    struct perm perms[PERMS_MAX];
    size_t count = request->string_count - 1;
    const struct quota *quota = connection_quota(request->connection);
    struct special_node *special = store_special(request->store, request->strings[0]);
    const struct node *node;
    struct change change;
    int rc = perms_parse(request->strings + 1, count, perms);

    if (rc != 0) {
        return rc;
    }
    if (quota != NULL && count > quota->perms) {
        return ENOSPC;
    }
    if (special != NULL) {
        return set_special_perms(request, special, perms, count);
    }
    rc = access_node(request, PERM_OWNER, TOUCH_NODE, path, &node);
    if (rc != 0) {
        return rc;
    }
    if (!request->connection->is_privileged && perms[0].domid != node->content->perms[0].domid) {
        return EPERM; /* only a privileged client may give a node away */
    }
    rc = change_begin(&change, request->store, request->connection, request->transaction);
    if (rc != 0) {
        return rc;
    }
    rc = change_put(&change, path, perms, count, node->content->value,
                    node->content->value_size_bytes, true);
    if (rc != 0) {
        change_abort(&change);
        return rc;
    }
    rc = change_commit(&change);
    if (rc != 0) {
        return rc;
    }
    request_reply_ok(request);
    change_announce(&change);
    return 0;
}
