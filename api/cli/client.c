/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"

#define ANSWER_MAX (64u << 20)
#define URL_MAX    2048

struct client {
    CURL *curl;
    char *socket;
    char *host;
    const char *idempotency_key; /* the caller's; NULL for none */
};

/* Where an answer goes: a refusal is collected whatever the sink. */
struct receiver {
    CURL *curl;
    struct buf text;
    client_sink sink;
    void *opaque;
    bool is_ended; /* by the sink */
};

int client_open(const struct client_options *options, struct client **out, struct err *err)
{
    struct client *client = calloc(1, sizeof(*client));

    *out = NULL;
    if (client == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory");
    }
    client->curl = curl_easy_init();
    client->host = strdup(options->host != NULL ? options->host : "localhost");
    client->socket = options->host == NULL ? strdup(options->socket) : NULL;
    if (client->curl == NULL || client->host == NULL ||
        (options->host == NULL && client->socket == NULL)) {
        client_close(client);
        return err_set(err, ERR_NO_MEMORY, "no memory");
    }
    *out = client;
    return 0;
}

void client_close(struct client *client)
{
    if (client != NULL) {
        curl_easy_cleanup(client->curl);
        free(client->socket);
        free(client->host);
        free(client);
    }
}

char *client_escape(struct client *client, const char *segment)
{
    char *escaped = curl_easy_escape(client->curl, segment, 0);
    char *copy = escaped != NULL ? strdup(escaped) : NULL;

    curl_free(escaped);
    return copy;
}

void client_set_idempotency_key(struct client *client, const char *key)
{
    client->idempotency_key = key;
}

static size_t receive(char *data, size_t one, size_t size_bytes, void *opaque)
{
    struct receiver *receiver = opaque;
    long status = 0;

    (void)one;
    curl_easy_getinfo(receiver->curl, CURLINFO_RESPONSE_CODE, &status);
    if (receiver->sink != NULL && status == 200) {
        receiver->is_ended = !receiver->sink(receiver->opaque, data, size_bytes);
        return receiver->is_ended ? 0 : size_bytes;
    }
    return buf_append(&receiver->text, data, size_bytes) ? size_bytes : 0;
}

static int refusal(long status, const char *text, struct err *err)
{
    json_t *problem = json_loads(text, 0, NULL);
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *field = json_string_value(json_object_get(problem, "field"));
    const char *code = json_string_value(json_object_get(problem, "code"));
    int rc;

    if (detail == NULL) {
        rc = err_set(err, ERR_INTERNAL, "the server answered %ld: %.200s", status, text);
    } else {
        rc = err_set_field(err, err_code_from_name(code), field != NULL ? field : "", "%s",
                           detail);
    }
    json_decref(problem);
    return rc;
}

static int unreachable(const struct client *client, const char *why, struct err *err)
{
    if (client->socket != NULL) {
        return err_set(err, ERR_UNAVAILABLE,
                       "cannot reach netherd at %s: %s. Is it running, and may you use its socket?",
                       client->socket, why);
    }
    return err_set(err, ERR_UNAVAILABLE, "cannot reach netherd at %s: %s", client->host, why);
}

/* Perform what was set up; refusals become errors. */
static int perform(struct client *client, const char *path, struct curl_slist *headers,
                   struct receiver *receiver, struct err *err)
{
    char problem[CURL_ERROR_SIZE] = "";
    char url[URL_MAX];
    long status = 0;
    CURLcode result;

    if ((size_t)snprintf(url, sizeof(url), "http://%s%s", client->host, path) >= sizeof(url)) {
        return err_set(err, ERR_INVALID, "the name is too long");
    }
    receiver->curl = client->curl;
    buf_init(&receiver->text, ANSWER_MAX);
    curl_easy_setopt(client->curl, CURLOPT_URL, url);
    curl_easy_setopt(client->curl, CURLOPT_UNIX_SOCKET_PATH, client->socket);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, receiver);
    curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, problem);
    curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(client->curl, CURLOPT_NOPROXY, "*"); /* it is this very host */
    result = curl_easy_perform(client->curl);
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_reset(client->curl);
    if (receiver->is_ended) {
        return 0;
    }
    if (result != CURLE_OK) {
        return unreachable(client, problem[0] != '\0' ? problem : curl_easy_strerror(result), err);
    }
    return status >= 400 ? refusal(status, buf_text(&receiver->text), err) : 0;
}

static int send_body(struct client *client, const char *method, const char *path,
                     const char *content_type, const void *body, size_t size_bytes,
                     json_t **answer, struct err *err)
{
    struct curl_slist *headers = curl_slist_append(NULL, content_type);
    struct receiver receiver = {0};
    char key[256];
    json_t *parsed;
    int rc;

    if (client->idempotency_key != NULL) {
        snprintf(key, sizeof(key), "Idempotency-Key: %s", client->idempotency_key);
        headers = curl_slist_append(headers, key);
    }
    curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, method);
    if (body != NULL || strcmp(method, "POST") == 0) {
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body != NULL ? body : "");
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size_bytes);
    }
    rc = perform(client, path, headers, &receiver, err);
    curl_slist_free_all(headers);
    if (rc == 0 && answer != NULL) {
        parsed = json_loads(buf_text(&receiver.text), 0, NULL);
        if (parsed == NULL) {
            rc = err_set(err, ERR_INTERNAL, "the server's answer is not JSON");
        }
        *answer = parsed;
    }
    buf_free(&receiver.text);
    return rc;
}

int client_json(struct client *client, const char *method, const char *path, const json_t *body,
                json_t **answer, struct err *err)
{
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    int rc;

    if (body != NULL && text == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory");
    }
    rc = send_body(client, method, path, "Content-Type: application/json", text,
                   text != NULL ? strlen(text) : 0, answer, err);
    free(text);
    return rc;
}

int client_bytes(struct client *client, const char *path, const void *data, size_t size_bytes,
                 json_t **answer, struct err *err)
{
    return send_body(client, "POST", path, "Content-Type: application/octet-stream", data,
                     size_bytes, answer, err);
}

int client_stream(struct client *client, const char *path, client_sink sink, void *opaque,
                  struct err *err)
{
    struct receiver receiver = {.sink = sink, .opaque = opaque};
    int rc = perform(client, path, NULL, &receiver, err);

    buf_free(&receiver.text);
    return rc;
}
