/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/route.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
const struct rest_route rest_routes[] = {
    {"GET",    "/v1/host",                       rest_host_get,       COMMAND_HOST_INFO,       REST_BODY_NONE,  ""},
    {"GET",    "/v1/host/log",                   rest_host_log,       COMMAND_HOST_LOG,        REST_BODY_NONE,  ""},
    {"GET",    "/v1/domains",                    rest_domains_list,   COMMAND_DOMAIN_LIST,     REST_BODY_NONE,  ""},
    {"POST",   "/v1/domains",                    rest_domains_create, COMMAND_DOMAIN_CREATE,   REST_BODY_JSON,  "start wait"},
    {"GET",    "/v1/domains/{domain}",           rest_domains_get,    COMMAND_DOMAIN_GET,      REST_BODY_NONE,  ""},
    {"DELETE", "/v1/domains/{domain}",           rest_domains_change, COMMAND_DOMAIN_DELETE,   REST_BODY_NONE,  "force wait"},
    {"POST",   "/v1/domains/{domain}/start",     rest_domains_change, COMMAND_DOMAIN_START,    REST_BODY_NONE,  "wait"},
    {"POST",   "/v1/domains/{domain}/pause",     rest_domains_change, COMMAND_DOMAIN_PAUSE,    REST_BODY_NONE,  "wait"},
    {"POST",   "/v1/domains/{domain}/unpause",   rest_domains_change, COMMAND_DOMAIN_UNPAUSE,  REST_BODY_NONE,  "wait"},
    {"POST",   "/v1/domains/{domain}/shutdown",  rest_domains_change, COMMAND_DOMAIN_SHUTDOWN, REST_BODY_NONE,  "timeout wait"},
    {"POST",   "/v1/domains/{domain}/reboot",    rest_domains_change, COMMAND_DOMAIN_REBOOT,   REST_BODY_NONE,  "timeout wait"},
    {"POST",   "/v1/domains/{domain}/destroy",   rest_domains_change, COMMAND_DOMAIN_DESTROY,  REST_BODY_NONE,  "wait"},
    {"GET",    "/v1/domains/{domain}/console",   rest_console_read,   COMMAND_CONSOLE_READ,    REST_BODY_NONE,  "follow offset tail"},
    {"POST",   "/v1/domains/{domain}/console",   rest_console_write,  COMMAND_CONSOLE_WRITE,   REST_BODY_BYTES, ""},
    {"GET",    "/v1/tasks",                      rest_tasks_list,     COMMAND_TASK_LIST,       REST_BODY_NONE,  "limit"},
    {"GET",    "/v1/tasks/{task}",               rest_tasks_get,      COMMAND_TASK_GET,        REST_BODY_NONE,  "wait"},
    {"POST",   "/v1/tasks/{task}/cancel",        rest_tasks_cancel,   COMMAND_TASK_CANCEL,     REST_BODY_NONE,  ""},
};
/* clang-format on */
const size_t rest_route_count = sizeof(rest_routes) / sizeof(rest_routes[0]);

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode a path segment. False: bad encoding, a control character, empty, or too long. */
static bool decode_segment(const char *segment, size_t length, char *out, size_t size_bytes)
{
    size_t used = 0;

    for (size_t i = 0; i < length; i++) {
        int c = (unsigned char)segment[i];

        if (c == '%') {
            if (i + 2 >= length || hex_value(segment[i + 1]) < 0 || hex_value(segment[i + 2]) < 0) {
                return false;
            }
            c = hex_value(segment[i + 1]) * 16 + hex_value(segment[i + 2]);
            i += 2;
        }
        if (c < 0x20 || c == 0x7f || used + 1 >= size_bytes) {
            return false;
        }
        out[used++] = (char)c;
    }
    out[used] = '\0';
    return used > 0;
}

static bool match_path(const char *pattern, const char *path, char *parameter,
                       size_t parameter_size)
{
    while (*pattern != '\0') {
        if (*pattern == '{') {
            size_t length = strcspn(path, "/");

            if (!decode_segment(path, length, parameter, parameter_size)) {
                return false;
            }
            path += length;
            pattern = strchr(pattern, '}') + 1;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *path == '\0';
}

enum route_match route_find(const char *method, const char *path, const struct rest_route **route,
                            char *parameter, size_t parameter_size, char *allow, size_t allow_size)
{
    enum route_match result = ROUTE_NO_PATH;
    size_t used = 0;

    /* HEAD is GET without the body, which the server leaves out by itself. */
    if (strcmp(method, "HEAD") == 0) {
        method = "GET";
    }
    parameter[0] = '\0';
    allow[0] = '\0';
    for (size_t i = 0; i < rest_route_count; i++) {
        if (!match_path(rest_routes[i].path, path, parameter, parameter_size)) {
            continue;
        }
        if (strcmp(rest_routes[i].method, method) == 0) {
            *route = &rest_routes[i];
            return ROUTE_FOUND;
        }
        result = ROUTE_NO_METHOD;
        used += (size_t)snprintf(allow + used, used < allow_size ? allow_size - used : 0, "%s%s",
                                 used > 0 ? ", " : "", rest_routes[i].method);
    }
    return result;
}
