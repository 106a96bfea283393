/* SPDX-License-Identifier: Apache-2.0 */
/* The route table, by itself and against api/openapi.yaml: paths, methods, query parameters, and the
 * fields of every message. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/field.h"
#include "nether/v1/console.pb-c.h"
#include "nether/v1/domain.pb-c.h"
#include "nether/v1/error.pb-c.h"
#include "nether/v1/host.pb-c.h"
#include "nether/v1/task.pb-c.h"
#include "rest/route.h"

static const struct rest_route *found;
static char parameter[128];
static char allow[64];

static enum route_match find(const char *method, const char *path)
{
    return route_find(method, path, &found, parameter, sizeof(parameter), allow, sizeof(allow));
}

Test(route, matches_and_decodes)
{
    cr_expect_eq(find("GET", "/v1/domains/web%2d1"), ROUTE_FOUND);
    cr_expect_str_eq(parameter, "web-1");
    cr_expect_eq(find("HEAD", "/v1/host"), ROUTE_FOUND);
    cr_expect_eq(find("POST", "/v1/domains/a/start"), ROUTE_FOUND);
    cr_expect_eq(found->command, COMMAND_DOMAIN_START);
    cr_expect_eq(find("PATCH", "/v1/domains/a"), ROUTE_NO_METHOD);
    cr_expect_str_eq(allow, "GET, DELETE");
}

Test(route, refuses_what_is_not_a_path)
{
    const char *paths[] = {"",  "/v1/domains/a/b",    "/v1/domains//start", "/v1/domains/%",
                           "x", "/v1/domains/%4",     "/v1/domains/%zz",    "/v1/domains/%01",
                           "/v1/hosts", "/v1/host/", "/v1/domains/a/start/"};
    char longest[400] = "/v1/domains/";

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        cr_expect_eq(find("GET", paths[i]), ROUTE_NO_PATH, "%s", paths[i]);
    }
    memset(longest + strlen(longest), 'a', 300);
    cr_expect_eq(find("GET", longest), ROUTE_NO_PATH);
}

static char *read_openapi(void)
{
    FILE *file = fopen(OPENAPI_PATH, "r");
    char *text = calloc(1, 1 << 18);

    cr_assert_not_null(file, "%s", OPENAPI_PATH);
    cr_assert_gt(fread(text, 1, (1 << 18) - 1, file), 0);
    fclose(file);
    return text;
}

/* The lines below the line head, as long as they are indented more than it. NULL: no such line. */
static char *section(const char *text, const char *head)
{
    char line[256];
    size_t indent = strspn(head, " ");
    const char *begin;
    const char *end;

    snprintf(line, sizeof(line), "\n%s:\n", head);
    begin = strstr(text, line);
    if (begin == NULL) {
        return NULL;
    }
    begin += strlen(line) - 1;
    for (end = begin; *end != '\0'; end += 1 + strcspn(end + 1, "\n")) {
        if (end[1] != '\n' && strspn(end + 1, " ") <= indent) {
            break;
        }
    }
    return strndup(begin, (size_t)(end - begin) + 1);
}

static size_t count(const char *text, const char *word)
{
    size_t times = 0;

    for (; (text = strstr(text, word)) != NULL; text++) {
        times++;
    }
    return times;
}

Test(route, openapi_has_every_route_and_no_other)
{
    char *openapi = read_openapi();
    size_t methods = 0;

    for (size_t i = 0; i < rest_route_count; i++) {
        const struct rest_route *route = &rest_routes[i];
        char head[128];
        char method[16];
        char *path, *operation, *query = strdup(route->query);
        char *rest = NULL;

        snprintf(head, sizeof(head), "  %s", route->path);
        path = section(openapi, head);
        cr_assert_not_null(path, "%s is not in openapi.yaml", route->path);
        snprintf(method, sizeof(method), "    %s", route->method);
        for (char *p = method; *p != '\0'; p++) {
            *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
        }
        operation = section(path, method);
        cr_assert_not_null(operation, "%s %s is not in openapi.yaml", route->method, route->path);
        for (char *word = strtok_r(query, " ", &rest); word != NULL;
             word = strtok_r(NULL, " ", &rest)) {
            char reference[64];

            snprintf(reference, sizeof(reference), "parameters/%s\"", word);
            cr_expect_not_null(strstr(operation, reference), "%s %s: no parameter %s",
                               route->method, route->path, word);
        }
        free(operation);
        free(path);
        free(query);
    }
    methods = count(openapi, "\n    get:\n") + count(openapi, "\n    post:\n") +
              count(openapi, "\n    delete:\n") + count(openapi, "\n    put:\n");
    cr_expect_eq(methods, rest_route_count, "openapi.yaml has %zu operations", methods);
    free(openapi);
}

Test(route, openapi_has_every_field_of_every_message)
{
    const ProtobufCMessageDescriptor *types[] = {
        &nether__v1__host__descriptor,          &nether__v1__disk__descriptor,
        &nether__v1__nic__descriptor,           &nether__v1__domain_config__descriptor,
        &nether__v1__domain_status__descriptor, &nether__v1__domain__descriptor,
        &nether__v1__domain_list__descriptor,   &nether__v1__task__descriptor,
        &nether__v1__task_list__descriptor,     &nether__v1__error__descriptor,
        &nether__v1__problem__descriptor,       &nether__v1__console_write_result__descriptor,
    };
    char *openapi = read_openapi();

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        char head[64];
        char *schema;

        snprintf(head, sizeof(head), "    %s", types[i]->short_name);
        schema = section(openapi, head);
        cr_assert_not_null(schema, "no schema %s", types[i]->short_name);
        for (unsigned f = 0; f < types[i]->n_fields; f++) {
            char name[64];
            char member[80];

            field_json_name(types[i]->fields[f].name, name, sizeof(name));
            snprintf(member, sizeof(member), "\n        %s:", name);
            cr_expect_not_null(strstr(schema, member), "%s has no %s in openapi.yaml",
                               types[i]->short_name, name);
        }
        cr_expect_eq(count(schema, "\n        ") - count(schema, "\n         "),
                     types[i]->n_fields, "%s has other fields in openapi.yaml",
                     types[i]->short_name);
        free(schema);
    }
    free(openapi);
}
