/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the path in a request to the node, with the permissions checked. A client without the right
 * to look at a place is told EACCES whether or not something is there.
 */
#pragma once

#include "xenstore/path.h"
#include "xenstore/request.h"

/**
 * Resolve the first string of a request and look the node up in the tree the request sees.
 * The use is remembered in the request's transaction.
 * @param wanted  bits of enum perm_access the client must have
 * @param how     bits of enum touch for the transaction
 * @param path    receives the canonical path
 * @param node    receives the node, or NULL
 * @return 0 (found and allowed), ENOENT (not there, and the client may know that), EACCES, EINVAL
 *         (path), ENOSPC (transaction too large) or ENOMEM
 */
int access_node(struct request *request, unsigned int wanted, unsigned int how,
                char path[PATH_BUFFER_SIZE], const struct node **node);
