/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/access.h"

#include <errno.h>
#include <string.h>

#include "xenstore/store.h"

static bool is_granted(const struct connection *connection, const struct node *node,
                       unsigned int wanted)
{
    unsigned int granted =
        connection_granted(connection, node->content->perms, node->content->perm_count);

    return (granted & wanted) == wanted;
}

/* What decides about a place where there is no node: the nearest node above. */
static const struct node *nearest_ancestor(const struct tree *tree, const char *path)
{
    char ancestor[PATH_BUFFER_SIZE];
    const struct node *node = NULL;

    strcpy(ancestor, path);
    while (node == NULL) {
        path_parent(ancestor, ancestor);
        node = tree_find(tree, ancestor);
    }
    return node;
}

int access_node(struct request *request, unsigned int wanted, unsigned int how,
                char path[PATH_BUFFER_SIZE], const struct node **node)
{
    const struct connection *connection = request->connection;
    const struct tree *tree = request_tree(request);
    int rc = path_canonicalize(request->strings[0], connection->domid, path);

    if (rc != 0) {
        return rc;
    }
    if (request->transaction != NULL) {
        rc = transaction_touch(request->transaction, path, how, connection_quota(connection));
        if (rc != 0) {
            return rc;
        }
    }
    *node = tree_find(tree, path);
    if (*node != NULL) {
        return is_granted(connection, *node, wanted) ? 0 : EACCES;
    }
    if (is_granted(connection, nearest_ancestor(tree, path), wanted)) {
        return ENOENT;
    }
    return EACCES;
}
