/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of the store. Inside the daemon every path is canonical: absolute, without a trailing or a
 * doubled slash, "/" being the root. Relative paths belong to /local/domain/<caller>. The two
 * special nodes @introduceDomain and @releaseDomain are names outside the tree.
 * (Rules: docs/misc/xenstore.txt of Xen, limits: <xen/io/xs_wire.h>.)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "xenstore/wire.h"

#define PATH_INTRODUCE_DOMAIN "@introduceDomain"
#define PATH_RELEASE_DOMAIN   "@releaseDomain"

/* Room for a canonical path and its zero byte. */
#define PATH_BUFFER_SIZE (XENSTORE_ABS_PATH_MAX + 1)

/**
 * Turn what a client sent into a canonical path.
 * @param raw     zero-terminated text from the client, not trusted
 * @param caller  domain whose home relative paths belong to
 * @param out     receives the canonical path
 * @return 0, or EINVAL (bad character, too long, empty, doubled or trailing slash, '@')
 */
int path_canonicalize(const char *raw, domid_t caller, char out[PATH_BUFFER_SIZE]);

/** True for a name that is relative when sent by a client: neither '/' nor '@' comes first. */
bool path_is_relative(const char *raw);

/** True for exactly one of the two special node names. */
bool path_is_special(const char *path);

/** Length in bytes of the parent of a canonical path ("/a" and "/" give 1). */
size_t path_parent_length(const char *path);

/** Copy the parent of a canonical path; the root is its own parent. */
void path_parent(const char *path, char out[PATH_BUFFER_SIZE]);

/** The home of a domain with a trailing slash, "/local/domain/7/". Returns its length. */
size_t path_domain_prefix(domid_t domid, char *out, size_t size_bytes);
