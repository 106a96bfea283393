/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request, from libmicrohttpd's first call to its last:
 *
 *   headers ──► match route, check headers ──► body, bounded ──► handler ──► reply
 *                    └─ refused: problem+json at once, the body is not read
 *
 * No web page may steer the agent through a visitor's browser: what a browser adds to requests of
 * other sites (Origin) and names that may be made to point here (Host) are refused.
 */
#include "rest/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rest/listen.h"
#include "rest/reply.h"
#include "rest/route.h"
#include "util/log.h"
#include "util/str.h"

#define JSON_BODY_MAX    (256 * 1024)
#define BYTES_BODY_MAX   (64 * 1024)
#define CONNECTIONS_MAX  256
#define IDLE_TIMEOUT_S   60
#define REQUEST_POOL_MAX (32 * 1024) /* request line and headers of one request */

struct rest_server {
    struct agent *agent;
    struct MHD_Daemon *unix_daemon;
    struct MHD_Daemon *tcp_daemon;
    uint16_t port;
    char *socket_path;
    atomic_uint next_id;
};

/* A request under way; MHD keeps it for us between its calls. */
struct exchange {
    struct rest_request request;
    bool is_too_large; /* the body went beyond its bound: the rest is dropped */
};

static size_t body_max(enum rest_body body)
{
    return body == REST_BODY_JSON ? JSON_BODY_MAX : body == REST_BODY_BYTES ? BYTES_BODY_MAX : 0;
}

/* "localhost" or an address, with or without a port: not a name that may point anywhere. */
static bool is_plain_host(const char *host)
{
    struct in6_addr ignored;
    char name[64];
    size_t length;

    if (host[0] == '[') {
        return true;
    }
    length = strcspn(host, ":");
    if (length >= sizeof(name)) {
        return false;
    }
    memcpy(name, host, length);
    name[length] = '\0';
    return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, &ignored) == 1;
}

static const char *header(const struct rest_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static bool has_media_type(const char *content_type, const char *expected)
{
    size_t length = strlen(expected);

    return content_type != NULL && strncasecmp(content_type, expected, length) == 0 &&
           (content_type[length] == '\0' || content_type[length] == ';' ||
            content_type[length] == ' ');
}

struct query_check {
    const char *known;
    bool is_unknown_given;
    char unknown[64];
};

/* MHD_KeyValueIterator: remember a query parameter that the route does not know. */
static enum MHD_Result check_query(void *opaque, enum MHD_ValueKind kind, const char *key,
                                   const char *value)
{
    struct query_check *check = opaque;
    size_t length = strlen(key);

    (void)kind;
    (void)value;
    for (const char *word = check->known; *word != '\0';) {
        size_t word_length = strcspn(word, " ");

        if (word_length == length && strncmp(word, key, length) == 0) {
            return MHD_YES;
        }
        word += word_length;
        word += *word == ' ';
    }
    check->is_unknown_given = true; /* its name may be empty */
    snprintf(check->unknown, sizeof(check->unknown), "%s", key);
    return MHD_NO;
}

/* Everything the headers tell. Returns 0, or the status of a refusal described in err. */
static unsigned check_headers(struct rest_request *request, bool is_tcp, struct err *err)
{
    struct query_check query = {.known = request->route->query};
    const char *host = header(request, "Host");
    const char *length = header(request, "Content-Length");
    size_t max = body_max(request->route->body);
    uint64_t size;

    if (header(request, "Origin") != NULL || (is_tcp && host != NULL && !is_plain_host(host))) {
        err_set(err, ERR_PERMISSION, "requests from web pages are refused");
        return 403;
    }
    MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, check_query, &query);
    if (query.is_unknown_given) {
        err_set_field(err, ERR_INVALID, query.unknown, "there is no query parameter \"%s\" here",
                      query.unknown);
        return 400;
    }
    if (length != NULL && (!str_parse_u64(length, 0, UINT64_MAX, &size) ||
                           (size > max && (max > 0 || size > BYTES_BODY_MAX)))) {
        err_set(err, ERR_INVALID, "the request body may have at most %zu bytes", max);
        return 413;
    }
    if (request->route->body == REST_BODY_JSON &&
        !has_media_type(header(request, "Content-Type"), "application/json")) {
        err_set_field(err, ERR_INVALID, "Content-Type", "the body must be application/json");
        return 415;
    }
    if (request->route->body == REST_BODY_BYTES &&
        !has_media_type(header(request, "Content-Type"), "application/octet-stream")) {
        err_set_field(err, ERR_INVALID, "Content-Type",
                      "the body must be application/octet-stream");
        return 415;
    }
    return 0;
}

/* MHD's first call for a request: the headers are there, the body is not. */
static enum MHD_Result begin(struct rest_server *server, struct MHD_Connection *connection,
                             const char *url, const char *method, void **state)
{
    const union MHD_ConnectionInfo *peer =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    bool is_tcp = peer != NULL && peer->client_addr != NULL &&
                  peer->client_addr->sa_family != AF_UNIX;
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    struct rest_request *request;
    struct err err = {0};
    unsigned status;
    char allow[64];

    if (exchange == NULL) {
        return MHD_NO;
    }
    *state = exchange;
    request = &exchange->request;
    request->agent = server->agent;
    request->connection = connection;
    snprintf(request->id, sizeof(request->id), "%x", atomic_fetch_add(&server->next_id, 1));
    switch (route_find(method, url, &request->route, request->parameter,
                       sizeof(request->parameter), allow, sizeof(allow))) {
    case ROUTE_NO_PATH:
        err_set(&err, ERR_NOT_FOUND, "there is nothing at %.200s", url);
        return reply_send_problem(request, 404, &err, NULL, NULL);
    case ROUTE_NO_METHOD:
        err_set(&err, ERR_INVALID, "%.16s is not possible at %.200s, only %s", method, url, allow);
        return reply_send_problem(request, 405, &err, NULL, allow);
    case ROUTE_FOUND:
        break;
    }
    buf_init(&request->body, body_max(request->route->body));
    status = check_headers(request, is_tcp, &err);
    return status != 0 ? reply_send_problem(request, status, &err, NULL, NULL) : MHD_YES;
}

static enum MHD_Result finish(struct exchange *exchange)
{
    struct rest_request *request = &exchange->request;
    struct rest_reply reply = {0};
    struct err err = {0};
    enum MHD_Result result;
    int rc;

    if (exchange->is_too_large) {
        err_set(&err, ERR_INVALID, "the request body may have at most %zu bytes",
                request->body.max_bytes);
        return reply_send_problem(request, 413, &err, NULL, NULL);
    }
    /* A handler may wait longer than an idle client may: MHD is not to count that. Setting the
     * option again afterwards starts its clock anew. */
    MHD_set_connection_option(request->connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
    rc = request->route->handle(request, &reply, &err);
    if (rc == 0 && reply.stream.read == NULL) {
        MHD_set_connection_option(request->connection, MHD_CONNECTION_OPTION_TIMEOUT,
                                  (unsigned)IDLE_TIMEOUT_S);
    }
    if (rc == 0) {
        return reply_send(request, &reply);
    }
    MHD_set_connection_option(request->connection, MHD_CONNECTION_OPTION_TIMEOUT,
                              (unsigned)IDLE_TIMEOUT_S);
    free(reply.body);
    if (err.code == ERR_INTERNAL) {
        log_error("req=%s %s %s: %s", request->id, request->route->method, request->route->path,
                  err.message);
    }
    result = reply_send_problem(request, reply_status(err.code), &err, reply.task_id, NULL);
    return result;
}

/* MHD_AccessHandlerCallback: once for the headers, once for each part of the body, once at its
 * end. */
static enum MHD_Result handle(void *opaque, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *data_size, void **state)
{
    struct exchange *exchange = *state;

    (void)version;
    if (exchange == NULL) {
        return begin(opaque, connection, url, method, state);
    }
    if (*data_size > 0) {
        if (!buf_append(&exchange->request.body, data, *data_size)) {
            exchange->is_too_large = true;
        }
        *data_size = 0;
        return MHD_YES;
    }
    return finish(exchange);
}

static void completed(void *opaque, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code)
{
    struct exchange *exchange = *state;

    (void)opaque;
    (void)connection;
    (void)code;
    if (exchange != NULL) {
        buf_free(&exchange->request.body);
        free(exchange);
        *state = NULL;
    }
}

/* MHD unescapes the path before we match it, "%2F" included, unless told that it is already. */
static size_t keep_escapes(void *opaque, struct MHD_Connection *connection, char *text)
{
    (void)opaque;
    (void)connection;
    return strlen(text);
}

/* Messages of MHD itself: about its clients more often than about us. */
static void log_mhd(void *opaque, const char *fmt, va_list args)
{
    char text[512];

    (void)opaque;
    vsnprintf(text, sizeof(text), fmt, args);
    text[strcspn(text, "\n")] = '\0';
    log_debug("http: %s", text);
}

static struct MHD_Daemon *serve(struct rest_server *server, int fd)
{
    return MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL |
            MHD_USE_ITC | MHD_USE_ERROR_LOG,
        0, NULL, NULL, handle, server, MHD_OPTION_EXTERNAL_LOGGER, log_mhd, NULL,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_POOL_MAX,
        MHD_OPTION_END);
}

static int serve_unix(struct rest_server *server, const char *path, struct err *err)
{
    int fd;
    int rc = listen_unix(path, &fd, err);

    if (rc != 0) {
        return rc;
    }
    server->socket_path = strdup(path);
    server->unix_daemon = serve(server, fd);
    if (server->unix_daemon == NULL) {
        close(fd);
        return err_set(err, ERR_INTERNAL, "the HTTP server cannot be started on %s", path);
    }
    log_info("rest: listening on %s", path);
    return 0;
}

static int serve_tcp(struct rest_server *server, const char *address, struct err *err)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof(name);
    int fd;
    int rc = listen_tcp(address, &fd, err);

    if (rc != 0) {
        return rc;
    }
    if (getsockname(fd, (struct sockaddr *)&name, &length) == 0) {
        /* The port lies at the same place in both families. */
        server->port = ntohs(((struct sockaddr_in *)&name)->sin_port);
    }
    server->tcp_daemon = serve(server, fd);
    if (server->tcp_daemon == NULL) {
        close(fd);
        return err_set(err, ERR_INTERNAL, "the HTTP server cannot be started on %s", address);
    }
    log_info("rest: listening on %s", address);
    return 0;
}

int rest_server_start(const struct rest_options *options, struct rest_server **out,
                      struct err *err)
{
    struct rest_server *server = calloc(1, sizeof(*server));
    int rc = 0;

    *out = NULL;
    if (server == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for the HTTP server");
    }
    server->agent = options->agent;
    atomic_init(&server->next_id, 1u);
    if (options->socket_path != NULL) {
        rc = serve_unix(server, options->socket_path, err);
    }
    if (rc == 0 && options->tcp_address != NULL) {
        rc = serve_tcp(server, options->tcp_address, err);
    }
    if (rc != 0) {
        rest_server_stop(server);
        return rc;
    }
    *out = server;
    return 0;
}

uint16_t rest_server_port(const struct rest_server *server)
{
    return server->port;
}

void rest_server_stop(struct rest_server *server)
{
    if (server == NULL) {
        return;
    }
    if (server->tcp_daemon != NULL) {
        MHD_stop_daemon(server->tcp_daemon);
    }
    if (server->unix_daemon != NULL) {
        MHD_stop_daemon(server->unix_daemon);
        unlink(server->socket_path);
    }
    free(server->socket_path);
    free(server);
}
