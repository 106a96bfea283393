/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests about nodes: list, read, write, create, remove.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/str.h"
#include "xenstore/access.h"
#include "xenstore/change.h"
#include "xenstore/request.h"

static size_t listing_size(const struct node *node)
{
    size_t size_bytes = 0;

    for (uint32_t i = 0; i < node->child_count; i++) {
        size_bytes += strlen(node->children[i]->content->name) + 1;
    }
    return size_bytes;
}

int request_directory(struct request *request)
{
    char path[PATH_BUFFER_SIZE];
    char listing[XENSTORE_PAYLOAD_MAX];
    const struct node *node;
    size_t used = 0;
    int rc = access_node(request, PERM_READ, TOUCH_NODE | TOUCH_CHILDREN, path, &node);

    if (rc != 0) {
        return rc;
    }
    if (listing_size(node) > sizeof(listing)) {
        return E2BIG; /* the client goes on with XS_DIRECTORY_PART */
    }
    for (uint32_t i = 0; i < node->child_count; i++) {
        const char *name = node->children[i]->content->name;
        size_t size_bytes = strlen(name) + 1;

        memcpy(listing + used, name, size_bytes);
        used += size_bytes;
    }
    return request_reply(request, listing, used);
}

/* Reply: the generation of the list, as many whole names from the offset on as fit, and, if these
 * were the last, an empty name. */
int request_directory_part(struct request *request)
{
    char path[PATH_BUFFER_SIZE];
    char part[XENSTORE_PAYLOAD_MAX];
    const struct node *node;
    uint32_t offset;
    size_t used;
    size_t at = 0;
    int rc;

    if (!wire_parse_u32(request->strings[1], &offset)) {
        return EINVAL;
    }
    rc = access_node(request, PERM_READ, TOUCH_NODE | TOUCH_CHILDREN, path, &node);
    if (rc != 0) {
        return rc;
    }
    used = (size_t)snprintf(part, sizeof(part), "%llu",
                            (unsigned long long)node->children_generation) +
           1;
    for (uint32_t i = 0; i < node->child_count; i++) {
        const char *name = node->children[i]->content->name;
        size_t size_bytes = strlen(name) + 1;

        if (at >= offset) {
            if (used + size_bytes > sizeof(part)) {
                return request_reply(request, part, used);
            }
            memcpy(part + used, name, size_bytes);
            used += size_bytes;
        }
        at += size_bytes;
    }
    if (used < sizeof(part)) {
        part[used++] = '\0';
    }
    return request_reply(request, part, used);
}

int request_read(struct request *request)
{
    char path[PATH_BUFFER_SIZE];
    const struct node *node;
    int rc = access_node(request, PERM_READ, TOUCH_NODE, path, &node);

    if (rc != 0) {
        return rc;
    }
    return request_reply(request, node->content->value, node->content->value_size_bytes);
}

/* Permissions of a new node: those of its parent; an unprivileged creator becomes the owner. */
static size_t inherit_perms(const struct connection *connection, const struct node *parent,
                            struct perm perms[PERMS_MAX])
{
    size_t count = parent->content->perm_count;

    memcpy(perms, parent->content->perms, count * sizeof(perms[0]));
    if (!connection->is_privileged) {
        perms[0].domid = connection->domid;
    }
    return count;
}

/* Create the node and those above it that are missing. */
static int create_node(struct request *request, struct change *change, const char *path,
                       const void *value, size_t value_size_bytes)
{
    char ancestor[PATH_BUFFER_SIZE];
    struct perm perms[PERMS_MAX];
    size_t perm_count;
    size_t length = 1;
    const struct node *parent = change->work.root;
    int rc = 0;

    /* Walk down to the last node there is. */
    for (;;) {
        size_t start = length == 1 ? 1 : length + 1;
        size_t name_length = strcspn(path + start, "/");
        const struct node *child = tree_child(parent, path + start, name_length);

        if (child == NULL) {
            break;
        }
        parent = child;
        length = start + name_length;
    }
    memcpy(ancestor, path, length);
    ancestor[length] = '\0';
    if (request->transaction != NULL) {
        rc = transaction_touch(request->transaction, ancestor, TOUCH_NODE,
                               connection_quota(request->connection));
    }
    perm_count = inherit_perms(request->connection, parent, perms);
    while (rc == 0 && path[length] != '\0') {
        size_t start = length == 1 ? 1 : length + 1;
        bool is_last;

        length = start + strcspn(path + start, "/");
        is_last = path[length] == '\0';
        memcpy(ancestor, path, length);
        ancestor[length] = '\0';
        rc = change_put(change, ancestor, perms, perm_count, is_last ? value : NULL,
                        is_last ? value_size_bytes : 0, is_last);
    }
    return rc;
}

/* Put a value at a path; node is what is there, or NULL. Replies. */
static int put_value(struct request *request, const char *path, const struct node *node,
                     const void *value, size_t value_size_bytes)
{
    struct change change;
    int rc = change_begin(&change, request->store, request->connection, request->transaction);

    if (rc != 0) {
        return rc;
    }
    if (node != NULL) {
        rc = change_put(&change, path, node->content->perms, node->content->perm_count, value,
                        value_size_bytes, true);
    } else {
        rc = create_node(request, &change, path, value, value_size_bytes);
    }
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

int request_write(struct request *request)
{
    char path[PATH_BUFFER_SIZE];
    const struct node *node;
    const struct quota *quota = connection_quota(request->connection);
    const char *value = request->strings[0] + strlen(request->strings[0]) + 1;
    size_t value_size_bytes = request->size_bytes - (size_t)(value - request->payload);
    int rc;

    if (quota != NULL && value_size_bytes > quota->value_size_bytes) {
        return ENOSPC;
    }
    rc = access_node(request, PERM_WRITE, TOUCH_NODE, path, &node);
    if (rc != 0 && rc != ENOENT) {
        return rc;
    }
    return put_value(request, path, node, value, value_size_bytes);
}

int request_mkdir(struct request *request)
{
    char path[PATH_BUFFER_SIZE];
    const struct node *node;
    int rc = access_node(request, PERM_WRITE, TOUCH_NODE, path, &node);

    if (rc == 0) {
        return request_reply_ok(request);
    }
    return rc == ENOENT ? put_value(request, path, NULL, NULL, 0) : rc;
}

int request_rm(struct request *request)
{
    char path[PATH_BUFFER_SIZE];
    char parent[PATH_BUFFER_SIZE];
    const struct node *node;
    struct change change;
    int rc = access_node(request, PERM_WRITE, TOUCH_NODE, path, &node);

    if (rc == ENOENT) {
        path_parent(path, parent);
        return tree_find(request_tree(request), parent) != NULL ? request_reply_ok(request)
                                                                : ENOENT;
    }
    if (rc != 0) {
        return rc;
    }
    if (strcmp(path, "/") == 0) {
        return EINVAL;
    }
    rc = change_begin(&change, request->store, request->connection, request->transaction);
    if (rc != 0) {
        return rc;
    }
    rc = change_remove(&change, path, true);
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
