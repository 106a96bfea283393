/* SPDX-License-Identifier: Apache-2.0 */
#include "command/console_hub.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "util/log.h"

#define KEPT_BYTES 131072

struct session {
    struct session *next;
    struct console_hub *hub;
    char uuid[37];
    char name[DOMAIN_NAME_MAX + 1];
    struct console *console; /* NULL while the domain does not run */
    uint64_t end;            /* offset of the next output byte */
    char kept[KEPT_BYTES];   /* byte at offset o is kept[o % KEPT_BYTES] */
};

struct console_hub {
    const struct domain_ops *ops;
    char *log_folder;
    pthread_t thread;
    int wake_fd;
    pthread_mutex_t lock; /* protects all below, and every console. Nothing is taken inside. */
    pthread_cond_t changed;
    struct session *sessions;
    bool is_stopping; /* the thread ends */
    bool is_waking;   /* readers do not wait any more */
};

static struct session *find(struct console_hub *hub, const char *uuid)
{
    for (struct session *s = hub->sessions; s != NULL; s = s->next) {
        if (strcmp(s->uuid, uuid) == 0) {
            return s;
        }
    }
    return NULL;
}

/* console_output_fn; called by console_pump() under the hub's lock. */
static void keep_output(void *opaque, const void *data, size_t length)
{
    struct session *session = opaque;
    const char *bytes = data;

    for (size_t i = 0; i < length; i++) {
        session->kept[session->end++ % KEPT_BYTES] = bytes[i];
    }
    pthread_cond_broadcast(&session->hub->changed);
}

static void pump(struct console_hub *hub, struct session *session)
{
    struct err err = {0};

    if (hub->ops->console_pump(session->console, &err) != 0) {
        log_debug("domain=%s console: closed: %s", session->name, err.message);
        hub->ops->console_close(session->console);
        session->console = NULL;
    }
}

static void poke(struct console_hub *hub)
{
    uint64_t one = 1;
    ssize_t written = write(hub->wake_fd, &one, sizeof(one));

    (void)written; /* fails only when the counter is full: then the thread is awake anyway */
}

/* The fds to wait for, wake_fd first. NULL: out of memory. */
static struct pollfd *list_fds(struct console_hub *hub, size_t *count)
{
    size_t consoles = 0;
    struct pollfd *fds;

    for (struct session *s = hub->sessions; s != NULL; s = s->next) {
        consoles += s->console != NULL;
    }
    fds = calloc(consoles + 1, sizeof(*fds));
    if (fds == NULL) {
        return NULL;
    }
    fds[0] = (struct pollfd){.fd = hub->wake_fd, .events = POLLIN};
    *count = 1;
    for (struct session *s = hub->sessions; s != NULL; s = s->next) {
        if (s->console != NULL) {
            fds[(*count)++] =
                (struct pollfd){.fd = hub->ops->console_fd(s->console), .events = POLLIN};
        }
    }
    return fds;
}

/* Pump each console whose fd was seen readable. A console closed meanwhile is simply not found;
 * pumping one more than needed is harmless. */
static void pump_ready(struct console_hub *hub, const struct pollfd *fds, size_t count)
{
    for (struct session *s = hub->sessions; s != NULL; s = s->next) {
        int fd = s->console != NULL ? hub->ops->console_fd(s->console) : -1;

        for (size_t i = 1; fd >= 0 && i < count; i++) {
            if (fds[i].fd == fd && fds[i].revents != 0) {
                pump(hub, s);
                break;
            }
        }
    }
}

static void *hub_thread(void *opaque)
{
    struct console_hub *hub = opaque;
    uint64_t ignored;

    pthread_mutex_lock(&hub->lock);
    while (!hub->is_stopping) {
        size_t count = 0;
        struct pollfd *fds = list_fds(hub, &count);
        struct pollfd only_wake = {.fd = hub->wake_fd, .events = POLLIN};

        pthread_mutex_unlock(&hub->lock);
        if (fds == NULL) {
            log_error("console: no memory for the list of consoles");
            poll(&only_wake, 1, 1000);
        } else if (poll(fds, count, -1) > 0 && fds[0].revents != 0) {
            ssize_t got = read(hub->wake_fd, &ignored, sizeof(ignored));

            (void)got; /* the counter only wakes */
        }
        pthread_mutex_lock(&hub->lock);
        if (fds != NULL) {
            pump_ready(hub, fds, count);
        }
        free(fds);
    }
    pthread_mutex_unlock(&hub->lock);
    return NULL;
}

int console_hub_open(const struct domain_ops *ops, const char *log_folder, struct console_hub **out,
                     struct err *err)
{
    struct console_hub *hub = calloc(1, sizeof(*hub));
    pthread_condattr_t attributes;
    int error;

    *out = NULL;
    if (hub == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for the consoles");
    }
    hub->ops = ops;
    hub->log_folder = log_folder != NULL ? strdup(log_folder) : NULL;
    hub->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (hub->wake_fd < 0) {
        error = errno;
        goto free_hub;
    }
    pthread_mutex_init(&hub->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&hub->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    error = pthread_create(&hub->thread, NULL, hub_thread, hub);
    if (error != 0) {
        goto close_wake_fd;
    }
    *out = hub;
    return 0;

close_wake_fd:
    pthread_cond_destroy(&hub->changed);
    pthread_mutex_destroy(&hub->lock);
    close(hub->wake_fd);
free_hub:
    free(hub->log_folder);
    free(hub);
    return err_set_errno(err, error, "the console thread cannot be started");
}

void console_hub_close(struct console_hub *hub)
{
    if (hub == NULL) {
        return;
    }
    pthread_mutex_lock(&hub->lock);
    hub->is_stopping = true;
    pthread_mutex_unlock(&hub->lock);
    poke(hub);
    pthread_join(hub->thread, NULL);
    while (hub->sessions != NULL) {
        struct session *session = hub->sessions;

        hub->sessions = session->next;
        hub->ops->console_close(session->console);
        free(session);
    }
    pthread_cond_destroy(&hub->changed);
    pthread_mutex_destroy(&hub->lock);
    close(hub->wake_fd);
    free(hub->log_folder);
    free(hub);
}

/* What the log file ends with, as the session's first output. */
static void preload(struct session *session, const char *log_path)
{
    char bytes[4096];
    FILE *file = log_path != NULL ? fopen(log_path, "re") : NULL;
    size_t got;

    if (file == NULL) {
        return;
    }
    if (fseek(file, -KEPT_BYTES, SEEK_END) != 0) {
        rewind(file);
    }
    while ((got = fread(bytes, 1, sizeof(bytes), file)) > 0) {
        keep_output(session, bytes, got);
    }
    fclose(file);
}

static struct session *find_or_add(struct console_hub *hub, const char *uuid, const char *name)
{
    struct session *session = find(hub, uuid);

    if (session == NULL) {
        session = calloc(1, sizeof(*session));
        if (session == NULL) {
            return NULL;
        }
        session->hub = hub;
        snprintf(session->uuid, sizeof(session->uuid), "%s", uuid);
        snprintf(session->name, sizeof(session->name), "%s", name);
        session->next = hub->sessions;
        hub->sessions = session;
    }
    return session;
}

int console_hub_attach(struct console_hub *hub, const char *uuid, const char *name, uint32_t domid,
                       bool is_adopted, struct err *err)
{
    struct console_options options = {.output = keep_output};
    char log_path[1024];
    struct session *session;
    int rc = 0;

    pthread_mutex_lock(&hub->lock);
    session = find_or_add(hub, uuid, name);
    if (session == NULL) {
        rc = err_set(err, ERR_NO_MEMORY, "no memory for the console of %s", name);
        goto unlock;
    }
    if (session->console != NULL) {
        goto unlock;
    }
    if (hub->log_folder != NULL) {
        snprintf(log_path, sizeof(log_path), "%s/%s.log", hub->log_folder, name);
        options.log_path = log_path;
    }
    if (is_adopted && session->end == 0) {
        preload(session, options.log_path);
    }
    options.opaque = session;
    rc = hub->ops->console_open(domid, &options, &session->console, err);
    if (rc != 0) {
        session->console = NULL;
        goto unlock;
    }
    pump(hub, session); /* what it said before we came */
    poke(hub);

unlock:
    pthread_mutex_unlock(&hub->lock);
    return rc;
}

static void detach(struct console_hub *hub, struct session *session)
{
    if (session->console != NULL) {
        pump(hub, session);
    }
    if (session->console != NULL) {
        hub->ops->console_close(session->console);
        session->console = NULL;
        poke(hub);
    }
}

void console_hub_detach(struct console_hub *hub, const char *uuid)
{
    struct session *session;

    pthread_mutex_lock(&hub->lock);
    session = find(hub, uuid);
    if (session != NULL) {
        detach(hub, session);
    }
    pthread_mutex_unlock(&hub->lock);
}

void console_hub_forget(struct console_hub *hub, const char *uuid)
{
    pthread_mutex_lock(&hub->lock);
    for (struct session **link = &hub->sessions; *link != NULL; link = &(*link)->next) {
        struct session *session = *link;

        if (strcmp(session->uuid, uuid) == 0) {
            detach(hub, session);
            *link = session->next;
            free(session);
            pthread_cond_broadcast(&hub->changed);
            break;
        }
    }
    pthread_mutex_unlock(&hub->lock);
}

int console_hub_write(struct console_hub *hub, const char *uuid, const void *data, size_t length,
                      size_t *accepted, struct err *err)
{
    struct session *session;
    int rc = 0;

    *accepted = 0;
    pthread_mutex_lock(&hub->lock);
    session = find(hub, uuid);
    if (session == NULL || session->console == NULL) {
        rc = err_set(err, ERR_CONFLICT, "the domain does not run: its console takes no input");
    } else {
        *accepted = hub->ops->console_write(session->console, data, length);
        pump(hub, session);
    }
    pthread_mutex_unlock(&hub->lock);
    return rc;
}

static struct timespec after_ms(unsigned ms)
{
    struct timespec when;

    clock_gettime(CLOCK_MONOTONIC, &when);
    when.tv_sec += ms / 1000;
    when.tv_nsec += (long)(ms % 1000) * 1000000;
    if (when.tv_nsec >= 1000000000) {
        when.tv_sec++;
        when.tv_nsec -= 1000000000;
    }
    return when;
}

/* Move an offset into what is kept. */
static uint64_t clamp_offset(const struct session *session, uint64_t offset)
{
    uint64_t oldest = session->end > KEPT_BYTES ? session->end - KEPT_BYTES : 0;

    if (offset < oldest) {
        return oldest;
    }
    return offset > session->end ? session->end : offset;
}

int console_hub_read(struct console_hub *hub, const char *uuid, uint64_t *offset, void *out,
                     size_t size_bytes, unsigned wait_ms, size_t *length, struct err *err)
{
    struct timespec deadline = after_ms(wait_ms);
    struct session *session;
    char *bytes = out;
    int rc = 0;

    *length = 0;
    pthread_mutex_lock(&hub->lock);
    for (;;) {
        session = find(hub, uuid); /* anew each time: it may come or go while we wait */
        rc = session == NULL ? err_set(err, ERR_NOT_FOUND, "the domain has not run yet") : 0;
        if (session != NULL) {
            *offset = clamp_offset(session, *offset);
            if (*offset < session->end) {
                break;
            }
        }
        if (hub->is_waking) {
            rc = err_set(err, ERR_CANCELLED, "the agent is being stopped");
            goto unlock;
        }
        if (wait_ms == 0 ||
            pthread_cond_timedwait(&hub->changed, &hub->lock, &deadline) == ETIMEDOUT) {
            goto unlock;
        }
    }
    while (*length < size_bytes && *offset < session->end) {
        bytes[(*length)++] = session->kept[(*offset)++ % KEPT_BYTES];
    }

unlock:
    pthread_mutex_unlock(&hub->lock);
    return rc;
}

void console_hub_wake(struct console_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    hub->is_waking = true;
    pthread_cond_broadcast(&hub->changed);
    pthread_mutex_unlock(&hub->lock);
}
