/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REST over real sockets, with the in-memory stand-in for the hypervisor behind the agent: statuses,
 * bodies, limits, refusals, streaming.
 */
#include <criterion/criterion.h>
#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake_hypervisor.h"
#include "rest_fixture.h"
#include "util/buf.h"

struct answer {
    long status;
    struct buf body;
    struct buf headers;
    json_t *json; /* NULL when the body is none */
};

static void set_up(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    rest_set_up("127.0.0.1:0");
}

static void tear_down(void)
{
    rest_tear_down();
    curl_global_cleanup();
}

TestSuite(rest, .init = set_up, .fini = tear_down, .timeout = 60);

static size_t collect(char *data, size_t one, size_t size_bytes, void *opaque)
{
    (void)one;
    return buf_append(opaque, data, size_bytes) ? size_bytes : 0;
}

/* One request over the Unix socket (or TCP), with up to one extra header. */
static struct answer ask_with(const char *method, const char *path, const char *body,
                              const char *type, const char *header, bool is_tcp)
{
    struct curl_slist *headers = NULL;
    struct answer answer = {0};
    CURL *curl = curl_easy_init();
    char url[512];

    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", rest_server_port(server), path);
    buf_init(&answer.body, 1 << 20);
    buf_init(&answer.headers, 1 << 16);
    if (type != NULL) {
        headers = curl_slist_append(headers, type);
    }
    if (header != NULL) {
        headers = curl_slist_append(headers, header);
    }
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    if (!is_tcp) {
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    if (body != NULL || strcmp(method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body != NULL ? body : "");
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answer.headers);
    curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    answer.json = json_loads(buf_text(&answer.body), 0, NULL);
    return answer;
}

static struct answer ask(const char *method, const char *path, const char *body)
{
    return ask_with(method, path, body, body != NULL ? "Content-Type: application/json" : NULL,
                    NULL, false);
}

static void forget(struct answer *answer)
{
    json_decref(answer->json);
    buf_free(&answer->body);
    buf_free(&answer->headers);
}

static long status_of(const char *method, const char *path, const char *body)
{
    struct answer answer = ask(method, path, body);
    long status = answer.status;

    forget(&answer);
    return status;
}

static const char *text(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));

    return value != NULL ? value : "";
}

#define WEB                                                                                        \
    "{\"name\":\"web\",\"memoryBytes\":\"67108864\",\"vcpus\":1,\"kernel\":\"/boot/vmlinuz\","      \
    "\"disks\":[{\"target\":\"xvda\",\"path\":\"/images/a\",\"readonly\":true}],\"nics\":[{}]}"

static void create_running(void)
{
    cr_assert_eq(status_of("POST", "/v1/domains?start=1&wait=1", WEB), 201);
}

static void expect_state(const char *expected)
{
    struct answer answer = ask("GET", "/v1/domains/web", NULL);

    cr_expect_eq(answer.status, 200);
    cr_expect_str_eq(text(json_object_get(answer.json, "status"), "state"), expected);
    forget(&answer);
}

Test(rest, host_and_its_log)
{
    struct answer host = ask("GET", "/v1/host", NULL);
    struct answer log = ask("GET", "/v1/host/log", NULL);

    cr_expect_eq(host.status, 200);
    cr_expect_str_eq(text(host.json, "memoryBytes"), "8589934592");
    cr_expect_str_eq(text(host.json, "hypervisorVersion"), "4.17.fake");
    cr_expect_eq(json_array_size(json_object_get(host.json, "cpuIdleNs")), 4);
    cr_expect_str_eq(buf_text(&log.body), "fake: booted\n");
    cr_expect_not_null(strstr(buf_text(&log.headers), "text/plain"));
    forget(&host);
    forget(&log);
}

Test(rest, domain_from_creation_to_deletion)
{
    struct answer created = ask("POST", "/v1/domains", WEB);
    struct answer domain;
    const json_t *config;

    cr_assert_eq(created.status, 201, "%s", buf_text(&created.body));
    cr_expect_not_null(strstr(buf_text(&created.headers), "Location: /v1/domains/"));
    cr_expect_str_eq(text(created.json, "state"), "TASK_STATE_SUCCEEDED");
    domain = ask("GET", "/v1/domains/web", NULL);
    config = json_object_get(domain.json, "config");
    cr_expect_str_eq(text(config, "memoryBytes"), "67108864");
    cr_expect_str_eq(text(config, "onReboot"), "END_ACTION_RESTART");
    cr_expect_eq(strncmp(text(json_array_get(json_object_get(config, "nics"), 0), "mac"),
                         "00:16:3e:", 9), 0, "a MAC was made up");
    cr_expect_null(json_object_get(json_object_get(domain.json, "status"), "domid"));
    forget(&created);
    forget(&domain);

    cr_expect_eq(status_of("POST", "/v1/domains/web/start?wait=1", NULL), 200);
    expect_state("DOMAIN_STATE_RUNNING");
    cr_expect_eq(status_of("POST", "/v1/domains/web/pause?wait=1", NULL), 200);
    expect_state("DOMAIN_STATE_PAUSED");
    cr_expect_eq(status_of("POST", "/v1/domains/web/unpause?wait=1", NULL), 200);
    cr_expect_eq(status_of("POST", "/v1/domains/web/reboot?wait=1", NULL), 200);
    cr_expect_eq(status_of("DELETE", "/v1/domains/web", NULL), 409);
    cr_expect_eq(status_of("POST", "/v1/domains/web/shutdown?wait=1", NULL), 200);
    expect_state("DOMAIN_STATE_STOPPED");
    cr_expect_eq(status_of("POST", "/v1/domains/web/start?wait=1", NULL), 200);
    cr_expect_eq(status_of("DELETE", "/v1/domains/web?force=1&wait=1", NULL), 200);
    cr_expect_eq(status_of("GET", "/v1/domains/web", NULL), 404);
    cr_expect_eq(fake_domain_count(), 0);
}

Test(rest, list_shows_dom0_too)
{
    struct answer answer;

    cr_assert_eq(status_of("POST", "/v1/domains", WEB), 201);
    answer = ask_with("GET", "/v1/domains", NULL, NULL, NULL, true);
    cr_expect_eq(answer.status, 200);
    cr_expect_eq(json_array_size(json_object_get(answer.json, "domains")), 2);
    forget(&answer);
}

Test(rest, unfinished_change_is_accepted_and_its_task_followed)
{
    struct answer accepted;
    char path[64];

    fake_hold_builds(true);
    accepted = ask("POST", "/v1/domains?start=1", WEB);
    cr_assert_eq(accepted.status, 202);
    cr_expect_not_null(strstr(buf_text(&accepted.headers), "Location: /v1/tasks/"));
    snprintf(path, sizeof(path), "/v1/tasks/%s", text(accepted.json, "id"));
    forget(&accepted);
    cr_expect_eq(status_of("POST", "/v1/domains/web/pause", NULL), 409);
    fake_hold_builds(false);
    strcat(path, "?wait=1");
    accepted = ask("GET", path, NULL);
    cr_expect_str_eq(text(accepted.json, "state"), "TASK_STATE_SUCCEEDED");
    cr_expect_eq(json_integer_value(json_object_get(accepted.json, "progressPercent")), 100);
    forget(&accepted);
}

Test(rest, failed_task_that_was_waited_for_is_a_problem)
{
    struct answer answer;

    fake_fail_next_build(ERR_NO_MEMORY, "memory_bytes");
    answer = ask("POST", "/v1/domains?start=1&wait=1", WEB);
    cr_expect_eq(answer.status, 507);
    cr_expect_not_null(strstr(buf_text(&answer.headers), "application/problem+json"));
    cr_expect_str_eq(text(answer.json, "field"), "memoryBytes");
    cr_expect_str_eq(text(answer.json, "code"), "no_memory");
    cr_expect_eq(strlen(text(answer.json, "taskId")), 36);
    forget(&answer);
}

Test(rest, idempotency_key_is_honoured)
{
    const char *key = "Idempotency-Key: abc";
    const char *type = "Content-Type: application/json";
    struct answer first = ask_with("POST", "/v1/domains?start=1&wait=1", WEB, type, key, false);
    struct answer second = ask_with("POST", "/v1/domains?start=1&wait=1", WEB, type, key, false);
    struct answer other = ask_with("POST", "/v1/domains?wait=1", WEB, type, key, false);

    cr_expect_eq(first.status, 201);
    cr_expect_eq(second.status, 201);
    cr_expect_str_eq(text(first.json, "id"), text(second.json, "id"));
    cr_expect_eq(fake_build_count(), 1);
    cr_expect_eq(other.status, 409);
    cr_expect_str_eq(text(other.json, "field"), "Idempotency-Key");
    forget(&first);
    forget(&second);
    forget(&other);
}

struct refusal {
    const char *method, *path, *body, *type, *header;
    long status;
    const char *field;
};

Test(rest, refusals)
{
    static const char json[] = "Content-Type: application/json";
    static const char bytes[] = "Content-Type: application/octet-stream";
    const struct refusal refusals[] = {
        {"GET", "/", NULL, NULL, NULL, 404, ""},
        {"GET", "/v1", NULL, NULL, NULL, 404, ""},
        {"GET", "/v1/domains/", NULL, NULL, NULL, 404, ""},
        {"GET", "/v1/domains/none", NULL, NULL, NULL, 404, ""},
        {"GET", "/v1/domains/a%2Fb", NULL, NULL, NULL, 404, ""},
        {"GET", "/v1/domains/a%00", NULL, NULL, NULL, 404, ""},
        {"GET", "/v1/tasks/none", NULL, NULL, NULL, 404, ""},
        {"POST", "/v1/domains/none/start", NULL, NULL, NULL, 404, ""},
        {"POST", "/v1/domains/Domain-0/destroy", NULL, NULL, NULL, 404, ""},
        {"PUT", "/v1/domains", "{}", json, NULL, 405, ""},
        {"DELETE", "/v1/host", NULL, NULL, NULL, 405, ""},
        {"GET", "/v1/domains/web/start", NULL, NULL, NULL, 405, ""},
        {"POST", "/v1/domains", WEB, "Content-Type: text/plain", NULL, 415, "Content-Type"},
        {"POST", "/v1/domains", WEB, "Content-Type: application/jsonp", NULL, 415, "Content-Type"},
        {"POST", "/v1/domains/web/console", "x", json, NULL, 415, "Content-Type"},
        {"POST", "/v1/domains/none/console", "x", bytes, NULL, 404, ""},
        {"POST", "/v1/domains", "{", json, NULL, 400, ""},
        {"POST", "/v1/domains", "{}", json, NULL, 400, "name"},
        {"POST", "/v1/domains", "{\"nam\":1}", json, NULL, 400, "nam"},
        {"POST", "/v1/domains", "{\"memoryBytes\":-1}", json, NULL, 400, "memoryBytes"},
        {"POST", "/v1/domains", "{\"name\":\"a\",\"memoryBytes\":1}", json, NULL, 400,
         "memoryBytes"},
        {"POST", "/v1/domains",
         "{\"name\":\"a\",\"memoryBytes\":67108864,\"vcpus\":1,\"kernel\":\"/k\","
         "\"disks\":[{\"target\":\"xvda\",\"path\":\"/a\"},{\"target\":\"xvda\"}]}",
         json, NULL, 400, "disks[1].target"},
        {"POST", "/v1/domains?bogus=1", WEB, json, NULL, 400, "bogus"},
        {"POST", "/v1/domains?start=maybe", WEB, json, NULL, 400, "start"},
        {"GET", "/v1/tasks?limit=x", NULL, NULL, NULL, 400, "limit"},
        {"GET", "/v1/tasks?limit=99999", NULL, NULL, NULL, 400, "limit"},
        {"POST", "/v1/domains", WEB, json, "Origin: http://evil.example", 403, ""},
        {"GET", "/v1/host", NULL, NULL, "Host: evil.example", 403, ""},
    };

    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const struct refusal *r = &refusals[i];
        struct answer answer = ask_with(r->method, r->path, r->body, r->type, r->header, true);

        cr_expect_eq(answer.status, r->status, "%s %s: %ld %s", r->method, r->path, answer.status,
                     buf_text(&answer.body));
        cr_expect_str_eq(text(answer.json, "field"), r->field, "%s %s: %s", r->method, r->path,
                         buf_text(&answer.body));
        cr_expect_not_null(strstr(buf_text(&answer.headers), "application/problem+json"));
        cr_expect_eq(json_integer_value(json_object_get(answer.json, "status")), r->status);
        cr_expect_str_not_empty(text(answer.json, "detail"));
        if (r->status == 405) {
            cr_expect_not_null(strstr(buf_text(&answer.headers), "Allow: "));
        }
        forget(&answer);
    }
    cr_expect_eq(fake_domain_count(), 0);
}

Test(rest, body_is_bounded)
{
    size_t size = 300 * 1024;
    char *large = malloc(size + 1);
    struct answer known, chunked;

    memset(large, ' ', size);
    large[size] = '\0';
    known = ask_with("POST", "/v1/domains", large, "Content-Type: application/json", NULL, false);
    chunked = ask_with("POST", "/v1/domains", large, "Content-Type: application/json",
                       "Transfer-Encoding: chunked", false);
    cr_expect_eq(known.status, 413);
    cr_expect_eq(chunked.status, 413);
    cr_expect_eq(status_of("GET", "/v1/host", NULL), 200, "and the server goes on");
    forget(&known);
    forget(&chunked);
    free(large);
}

Test(rest, console_in_and_out)
{
    struct answer answer;
    char heard[16];

    create_running();
    fake_guest_says("web", "login: ");
    for (int i = 0; i < 1000; i++) {
        answer = ask("GET", "/v1/domains/web/console", NULL);
        if (answer.body.size_bytes > 0) {
            break;
        }
        forget(&answer);
        usleep(1000);
    }
    cr_expect_str_eq(buf_text(&answer.body), "login: ");
    cr_expect_not_null(strstr(buf_text(&answer.headers), "Nether-Console-Offset: 7"));
    forget(&answer);
    answer = ask("GET", "/v1/domains/web/console?tail=2", NULL);
    cr_expect_str_eq(buf_text(&answer.body), ": ");
    forget(&answer);
    answer = ask_with("POST", "/v1/domains/web/console", "root\n",
                      "Content-Type: application/octet-stream", NULL, false);
    cr_expect_eq(json_integer_value(json_object_get(answer.json, "acceptedBytes")), 5);
    cr_expect_eq(fake_guest_hears("web", heard, sizeof(heard)), 5);
    forget(&answer);
}

/* Read from a plain socket until text has been seen. */
static void read_until(int fd, const char *expected)
{
    char seen[8192] = "";
    size_t used = 0;

    while (strstr(seen, expected) == NULL) {
        ssize_t got = read(fd, seen + used, sizeof(seen) - used - 1);

        cr_assert_gt(got, 0, "the stream ended; seen: %s", seen);
        used += (size_t)got;
        seen[used] = '\0';
    }
}

Test(rest, console_stream_goes_on_through_a_reboot_and_ends_with_the_domain)
{
    static const char request[] =
        "GET /v1/domains/web/console?follow=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    create_running();
    snprintf(name.sun_path, sizeof(name.sun_path), "%s", socket_path);
    cr_assert_eq(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    cr_assert_eq(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    fake_guest_says("web", "first");
    read_until(fd, "first");
    cr_assert_eq(status_of("POST", "/v1/domains/web/reboot?wait=1", NULL), 200);
    fake_guest_says("web", "second");
    read_until(fd, "second");
    cr_assert_eq(status_of("DELETE", "/v1/domains/web?force=1&wait=1", NULL), 200);
    read_until(fd, "0\r\n\r\n"); /* the last chunk */
    close(fd);
}

Test(rest, stopping_does_not_wait_for_streams)
{
    static const char request[] =
        "GET /v1/domains/web/console?follow=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    create_running();
    snprintf(name.sun_path, sizeof(name.sun_path), "%s", socket_path);
    cr_assert_eq(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    cr_assert_eq(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    read_until(fd, "200 OK");
    /* tear_down() stops the server with the stream open; the suite's timeout is the check */
}

Test(rest, socket_is_for_owner_and_group)
{
    struct stat status;

    cr_assert_eq(stat(socket_path, &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0660);
}

Test(rest, second_server_on_the_socket_is_refused)
{
    struct rest_options options = {.agent = agent, .socket_path = socket_path};
    struct rest_server *second;

    cr_expect_eq(rest_server_start(&options, &second, &err), -ERR_CONFLICT);
    cr_expect_eq(status_of("GET", "/v1/host", NULL), 200, "the first one is unharmed");
}

Test(rest_address, only_loopback)
{
    const char *good[] = {"127.0.0.1:7480", "127.9.9.9:1", "[::1]:7480", "127.0.0.1:0"};
    const char *closed[] = {"0.0.0.0:80", "10.0.0.1:80", "[::]:80", "[2001:db8::1]:80"};
    const char *bad[] = {"", "127.0.0.1", ":80", "localhost:80", "127.0.0.1:x", "127.0.0.1:65536"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        cr_expect_eq(rest_check_address(good[i], &err), 0, "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
        cr_expect_eq(rest_check_address(closed[i], &err), -ERR_PERMISSION, "%s", closed[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_expect_eq(rest_check_address(bad[i], &err), -ERR_INVALID, "%s", bad[i]);
    }
}

static int connect_raw(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(name.sun_path, sizeof(name.sun_path), "%s", socket_path);
    cr_assert_eq(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    return fd;
}

/* More than the server serves at a time: who comes after them is not to wait for their tasks. */
Test(rest, clients_that_wait_and_go_hold_no_connection)
{
    static const char look[] = "GET /v1/host HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct answer accepted;
    char request[200];
    char answer[16];
    int last;

    signal(SIGPIPE, SIG_IGN);
    fake_hold_builds(true);
    accepted = ask("POST", "/v1/domains?start=1", WEB);
    cr_assert_eq(accepted.status, 202);
    snprintf(request, sizeof(request), "GET /v1/tasks/%s?wait=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
             text(accepted.json, "id"));
    forget(&accepted);
    for (int i = 0; i < 300; i++) {
        int fd = connect_raw();

        if (write(fd, request, strlen(request)) < 0) {
            cr_assert_eq(errno, EPIPE, "the server is full");
        }
        usleep(1000);
        close(fd);
    }
    sleep(3); /* longer than the server goes without a look at who is still there */
    last = connect_raw();
    cr_expect_eq(write(last, look, strlen(look)), (ssize_t)strlen(look));
    cr_expect_gt(read(last, answer, sizeof(answer)), 0, "it is answered");
    close(last);
    fake_hold_builds(false);
}

Test(rest, unknown_query_parameters_are_refused_whatever_their_order)
{
    cr_expect_eq(status_of("GET", "/v1/tasks?=x&bogus=1", NULL), 400);
    cr_expect_eq(status_of("GET", "/v1/tasks?=x", NULL), 400);
    cr_expect_eq(status_of("GET", "/v1/tasks?limit=1&bogus", NULL), 400);
    cr_expect_eq(status_of("GET", "/v1/tasks?", NULL), 200);
}

/* A stream has no time limit, so its connection must not stay for another request. */
Test(rest, connection_ends_with_its_stream)
{
    static const char follow[] =
        "GET /v1/domains/web/console?follow=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static const char head[] =
        "HEAD /v1/domains/web/console?follow=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    int stream = connect_raw();
    int only_head = connect_raw();
    char end;

    create_running();
    cr_assert_eq(write(only_head, head, strlen(head)), (ssize_t)strlen(head));
    read_until(only_head, "\r\n\r\n");
    cr_assert_eq(write(stream, follow, strlen(follow)), (ssize_t)strlen(follow));
    read_until(stream, "200 OK");
    cr_assert_eq(status_of("DELETE", "/v1/domains/web?force=1&wait=1", NULL), 200);
    read_until(stream, "0\r\n\r\n");
    cr_expect_eq(recv(stream, &end, 1, 0), 0, "closed, not kept for ever");
    cr_expect_eq(recv(only_head, &end, 1, 0), 0, "likewise");
    close(stream);
    close(only_head);
}

/* Another domain of the same name is another domain. */
Test(rest, console_stream_ends_with_its_domain_though_the_name_lives_on)
{
    static const char request[] =
        "GET /v1/domains/web/console?follow=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const struct timeval limit = {.tv_sec = 10};
    int fd = connect_raw();
    char bytes[256];
    ssize_t got;

    create_running();
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    cr_assert_eq(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    read_until(fd, "200 OK");
    cr_assert_eq(status_of("DELETE", "/v1/domains/web?force=1&wait=1", NULL), 200);
    create_running();
    fake_guest_says("web", "secret");
    while ((got = read(fd, bytes, sizeof(bytes) - 1)) > 0) {
        bytes[got] = '\0';
        cr_expect_null(strstr(bytes, "secret"));
    }
    cr_expect_eq(got, 0, "it has ended");
    close(fd);
}
