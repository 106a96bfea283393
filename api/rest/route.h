/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of routes, and how a request is matched against it. api/openapi.yaml says the same
 * in OpenAPI's words; a unit test compares the two. */
#pragma once

#include <stddef.h>

#include "rest/request.h"

enum rest_body {
    REST_BODY_NONE,
    REST_BODY_JSON,  /* application/json */
    REST_BODY_BYTES, /* application/octet-stream */
};

struct rest_route {
    const char *method;
    const char *path; /* at most one segment in braces: what it matches is the parameter */
    int (*handle)(struct rest_request *request, struct rest_reply *reply, struct err *err);
    enum command_kind command; /* for handlers that serve several routes */
    enum rest_body body;
    const char *query; /* the query parameters it knows, separated by blanks */
};

extern const struct rest_route rest_routes[];
extern const size_t rest_route_count;

enum route_match {
    ROUTE_FOUND,
    ROUTE_NO_PATH,   /* 404 */
    ROUTE_NO_METHOD, /* 405; allow lists what there is */
};

/** Match a path (still percent-encoded) and method. parameter gets the decoded segment. */
enum route_match route_find(const char *method, const char *path, const struct rest_route **route,
                            char *parameter, size_t parameter_size, char *allow,
                            size_t allow_size);
