/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XS_CONTROL: words for the person who looks after the daemon ("xenstore-control help").
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/buf.h"
#include "util/log.h"
#include "xenstore/domain.h"
#include "xenstore/request.h"

static int reply_buf(const struct request *request, struct buf *text)
{
    int rc = request_reply_text(request, buf_text(text));

    buf_free(text);
    return rc;
}

struct control {
    const char *name;
    const char *help;
    int (*handle)(struct request *request);
};

static int control_help(struct request *request);

struct check {
    uint32_t node_count;
    bool is_sorted;
};

static bool check_node(const struct node *node, const char *path, void *context)
{
    struct check *check = context;

    (void)path;
    check->node_count++;
    for (uint32_t i = 1; i < node->child_count; i++) {
        if (strcmp(node->children[i - 1]->content->name, node->children[i]->content->name) >= 0) {
            check->is_sorted = false;
        }
    }
    return true;
}

static int control_check(struct request *request)
{
    const struct tree *tree = &request->store->tree;
    struct check check = {.is_sorted = true};

    tree_walk(tree->root, "/", check_node, &check);
    if (!check.is_sorted || check.node_count != tree_node_count(tree)) {
        log_error("check: the tree is damaged: %u nodes, %zu counted", check.node_count,
                  tree_node_count(tree));
        return EIO;
    }
    return request_reply_ok(request);
}

static int control_print(struct request *request)
{
    if (request->string_count < 2) {
        return EINVAL;
    }
    log_info("control: %.200s", request->strings[1]);
    return request_reply_ok(request);
}

static int control_memory(struct request *request)
{
    const struct store *store = request->store;
    struct buf text;
    struct connection *connection;

    buf_init(&text, XENSTORE_PAYLOAD_MAX - 1);
    buf_printf(&text, "nodes %zu\njournal-bytes %lld\n", tree_node_count(&store->tree),
               (long long)store->journal.size_bytes);
    TAILQ_FOREACH(connection, &store->connections, link)
    {
        if (!buf_printf(&text,
                        "%s domain %u nodes %u watches %u transactions %u output-bytes %zu "
                        "dropped-events %llu\n",
                        connection->is_lasting ? "ring" : "socket", connection->domid,
                        tree_nodes_owned(&store->tree, connection->domid), connection->watch_count,
                        connection->transaction_count, connection->out.waiting_bytes,
                        (unsigned long long)connection->dropped_events)) {
            break;
        }
    }
    return reply_buf(request, &text);
}

static int control_quota(struct request *request)
{
    struct quota *quota = &request->store->quota;
    struct buf text;

    if (request->string_count >= 4 && strcmp(request->strings[1], "set") == 0) {
        uint32_t *limit = quota_by_name(quota, request->strings[2]);
        uint32_t value;

        if (limit == NULL || !wire_parse_u32(request->strings[3], &value)) {
            return EINVAL;
        }
        *limit = value;
        return request_reply_ok(request);
    }
    if (request->string_count != 1) {
        return EINVAL;
    }
    buf_init(&text, XENSTORE_PAYLOAD_MAX - 1);
    for (size_t i = 0; quota_name(i) != NULL; i++) {
        buf_printf(&text, "%s %u\n", quota_name(i), *quota_by_name(quota, quota_name(i)));
    }
    return reply_buf(request, &text);
}

static int control_log(struct request *request)
{
    enum log_level level;

    if (request->string_count < 2) {
        return EINVAL;
    }
    if (strcmp(request->strings[1], "on") == 0) {
        level = LOG_LEVEL_DEBUG;
    } else if (strcmp(request->strings[1], "off") == 0) {
        level = LOG_LEVEL_WARN;
    } else if (!log_level_parse(request->strings[1], &level)) {
        return EINVAL;
    }
    log_set_level(level);
    return request_reply_ok(request);
}

static const struct control controls[] = {
    {"help", "this list", control_help},
    {"check", "check that the tree is sound", control_check},
    {"print", "<text>: write text to the log", control_print},
    {"memory", "what is stored, and for whom", control_memory},
    {"memreport", "the same", control_memory},
    {"quota", "[set <name> <value>]: limits of unprivileged domains", control_quota},
    {"log", "on|off|error|warn|info|debug", control_log},
};

#define CONTROL_COUNT (sizeof(controls) / sizeof(controls[0]))

static int control_help(struct request *request)
{
    struct buf text;

    buf_init(&text, XENSTORE_PAYLOAD_MAX - 1);
    for (size_t i = 0; i < CONTROL_COUNT; i++) {
        buf_printf(&text, "%s: %s\n", controls[i].name, controls[i].help);
    }
    return reply_buf(request, &text);
}

int request_control(struct request *request)
{
    const char *name = request->string_count > 0 ? request->strings[0] : "help";

    for (size_t i = 0; i < CONTROL_COUNT; i++) {
        if (strcmp(controls[i].name, name) == 0) {
            return controls[i].handle(request);
        }
    }
    return EINVAL;
}
