/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_path_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '/' || c == '@';
}

bool path_is_relative(const char *raw)
{
    return raw[0] != '/' && raw[0] != '@';
}

bool path_is_special(const char *path)
{
    return strcmp(path, PATH_INTRODUCE_DOMAIN) == 0 || strcmp(path, PATH_RELEASE_DOMAIN) == 0;
}

size_t path_domain_prefix(domid_t domid, char *out, size_t size_bytes)
{
    int length = snprintf(out, size_bytes, "/local/domain/%u/", domid);

    return (size_t)length;
}

int path_canonicalize(const char *raw, domid_t caller, char out[PATH_BUFFER_SIZE])
{
    size_t raw_length = strlen(raw);
    size_t prefix_length = 0;

    if (raw_length == 0 || raw[0] == '@') {
        return EINVAL;
    }
    if (path_is_relative(raw)) {
        if (raw_length > XENSTORE_REL_PATH_MAX) {
            return EINVAL;
        }
        prefix_length = path_domain_prefix(caller, out, PATH_BUFFER_SIZE);
    }
    if (prefix_length + raw_length > XENSTORE_ABS_PATH_MAX) {
        return EINVAL;
    }
    if (raw_length > 1 && raw[raw_length - 1] == '/') {
        return EINVAL;
    }
    for (size_t i = 0; i < raw_length; i++) {
        if (!is_path_character(raw[i])) {
            return EINVAL;
        }
        if (raw[i] == '/' && raw[i + 1] == '/') {
            return EINVAL;
        }
    }
    memcpy(out + prefix_length, raw, raw_length + 1);
    return 0;
}

size_t path_parent_length(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL || slash == path) {
        return 1;
    }
    return (size_t)(slash - path);
}

void path_parent(const char *path, char out[PATH_BUFFER_SIZE])
{
    size_t length = path_parent_length(path);

    memmove(out, path, length);
    out[length] = '\0';
}
