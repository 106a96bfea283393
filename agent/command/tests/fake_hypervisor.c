/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_hypervisor.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define GUESTS_MAX  64
#define CONSOLE_MAX 65536

struct guest {
    bool exists;
    struct domain_info info;
    char said[CONSOLE_MAX]; /* by the guest, not yet pumped */
    size_t said_bytes;
    char heard[4096];
    size_t heard_bytes;
    struct console *console;
};

struct domain_ctx {
    int unused;
};

struct domain_events {
    int fd;
    struct domain_events *next;
};

struct console {
    int fd;
    uint32_t domid;
    struct console_options options;
    FILE *log;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t builds_go_on = PTHREAD_COND_INITIALIZER;
static struct guest guests[GUESTS_MAX];
static struct domain_events *watchers;
static uint32_t next_domid = 1;
static size_t builds;
static size_t handles;
static bool is_holding;
static bool is_holding_unpauses;
static bool is_obedient = true;
static enum err_code next_failure;
static char next_failure_field[64];
static enum err_code next_request_failure;

static void signal_fd(int fd)
{
    uint64_t one = 1;

    if (write(fd, &one, sizeof(one)) != (ssize_t)sizeof(one)) {
        abort();
    }
}

static void tell_watchers(void)
{
    for (struct domain_events *w = watchers; w != NULL; w = w->next) {
        signal_fd(w->fd);
    }
}

static struct guest *by_domid(uint32_t domid)
{
    for (int i = 0; i < GUESTS_MAX; i++) {
        if (guests[i].exists && guests[i].info.domid == domid) {
            return &guests[i];
        }
    }
    return NULL;
}

static struct guest *by_name(const char *name)
{
    for (int i = 0; i < GUESTS_MAX; i++) {
        if (guests[i].exists && strcmp(guests[i].info.name, name) == 0) {
            return &guests[i];
        }
    }
    fprintf(stderr, "fake: no guest %s\n", name);
    abort();
}

static struct guest *add_guest(const char *uuid, const char *name)
{
    for (int i = 0; i < GUESTS_MAX; i++) {
        struct guest *guest = &guests[i];

        if (!guest->exists) {
            memset(guest, 0, sizeof(*guest));
            guest->exists = true;
            guest->info.domid = next_domid++;
            guest->info.shutdown_reason = DOMAIN_SHUTDOWN_NONE;
            snprintf(guest->info.uuid, sizeof(guest->info.uuid), "%s", uuid);
            snprintf(guest->info.name, sizeof(guest->info.name), "%s", name);
            return guest;
        }
    }
    abort();
}

void fake_reset(void)
{
    memset(guests, 0, sizeof(guests));
    builds = 0;
    is_holding = false;
    is_holding_unpauses = false;
    is_obedient = true;
    next_failure = ERR_OK;
    next_request_failure = ERR_OK;
}

void fake_hold_builds(bool hold)
{
    pthread_mutex_lock(&lock);
    is_holding = hold;
    pthread_cond_broadcast(&builds_go_on);
    pthread_mutex_unlock(&lock);
}

void fake_hold_unpauses(bool hold)
{
    pthread_mutex_lock(&lock);
    is_holding_unpauses = hold;
    pthread_cond_broadcast(&builds_go_on);
    pthread_mutex_unlock(&lock);
}

void fake_fail_next_build(enum err_code code, const char *field)
{
    pthread_mutex_lock(&lock);
    next_failure = code;
    snprintf(next_failure_field, sizeof(next_failure_field), "%s", field);
    pthread_mutex_unlock(&lock);
}

void fake_fail_next_request(enum err_code code)
{
    pthread_mutex_lock(&lock);
    next_request_failure = code;
    pthread_mutex_unlock(&lock);
}

void fake_set_obedient(bool obedient)
{
    pthread_mutex_lock(&lock);
    is_obedient = obedient;
    pthread_mutex_unlock(&lock);
}

static void stop_guest(struct guest *guest, enum domain_shutdown_reason reason)
{
    guest->info.state = DOMAIN_STATE_SHUTDOWN;
    if (reason == DOMAIN_SHUTDOWN_CRASH) {
        guest->info.state |= DOMAIN_STATE_CRASHED;
    }
    guest->info.shutdown_reason = reason;
    tell_watchers();
}

void fake_guest_stops(const char *name, enum domain_shutdown_reason reason)
{
    pthread_mutex_lock(&lock);
    stop_guest(by_name(name), reason);
    pthread_mutex_unlock(&lock);
}

void fake_guest_says(const char *name, const char *text)
{
    struct guest *guest;

    pthread_mutex_lock(&lock);
    guest = by_name(name);
    for (; *text != '\0' && guest->said_bytes < CONSOLE_MAX; text++) {
        guest->said[guest->said_bytes++] = *text;
    }
    if (guest->console != NULL) {
        signal_fd(guest->console->fd);
    }
    pthread_mutex_unlock(&lock);
}

size_t fake_guest_hears(const char *name, char *out, size_t size_bytes)
{
    struct guest *guest;
    size_t length;

    pthread_mutex_lock(&lock);
    guest = by_name(name);
    length = guest->heard_bytes < size_bytes ? guest->heard_bytes : size_bytes;
    memcpy(out, guest->heard, length);
    guest->heard_bytes = 0;
    pthread_mutex_unlock(&lock);
    return length;
}

void fake_vanish(const char *name)
{
    pthread_mutex_lock(&lock);
    by_name(name)->exists = false;
    tell_watchers();
    pthread_mutex_unlock(&lock);
}

void fake_restart_host(void)
{
    pthread_mutex_lock(&lock);
    memset(guests, 0, sizeof(guests));
    next_domid = 1;
    pthread_mutex_unlock(&lock);
}

void fake_add_foreign(const char *uuid, const char *name)
{
    pthread_mutex_lock(&lock);
    add_guest(uuid, name)->info.state = DOMAIN_STATE_BLOCKED;
    pthread_mutex_unlock(&lock);
}

size_t fake_domain_count(void)
{
    size_t count = 0;

    pthread_mutex_lock(&lock);
    for (int i = 0; i < GUESTS_MAX; i++) {
        count += guests[i].exists;
    }
    pthread_mutex_unlock(&lock);
    return count;
}

size_t fake_build_count(void)
{
    size_t count;

    pthread_mutex_lock(&lock);
    count = builds;
    pthread_mutex_unlock(&lock);
    return count;
}

size_t fake_open_handles(void)
{
    size_t count;

    pthread_mutex_lock(&lock);
    count = handles;
    pthread_mutex_unlock(&lock);
    return count;
}

static void count_handle(int change)
{
    pthread_mutex_lock(&lock);
    handles += (size_t)change;
    pthread_mutex_unlock(&lock);
}

static int fake_ctx_open(struct domain_ctx **out, struct err *err)
{
    *out = calloc(1, sizeof(**out));
    if (*out == NULL) {
        return err_set(err, ERR_NO_MEMORY, "fake: no memory");
    }
    count_handle(1);
    return 0;
}

static void fake_ctx_close(struct domain_ctx *ctx)
{
    if (ctx != NULL) {
        count_handle(-1);
        free(ctx);
    }
}

static int fake_config_check(const struct domain_config *config, struct err *err)
{
    if (config->kernel == NULL) {
        return err_set_field(err, ERR_INVALID, "kernel", "kernel is missing");
    }
    return 0;
}

static int fake_build(struct domain_ctx *ctx, const struct domain_config *config, uint32_t *domid,
                      domain_progress_fn progress, void *opaque, struct err *err)
{
    struct guest *guest;

    (void)ctx;
    if (progress(opaque, 10, "kernel") != 0) {
        return err_set(err, ERR_CANCELLED, "cancelled");
    }
    pthread_mutex_lock(&lock);
    while (is_holding) {
        pthread_cond_wait(&builds_go_on, &lock);
    }
    if (next_failure != ERR_OK) {
        int rc = err_set_field(err, next_failure, next_failure_field, "fake: as told");

        next_failure = ERR_OK;
        pthread_mutex_unlock(&lock);
        return rc;
    }
    pthread_mutex_unlock(&lock);
    if (progress(opaque, 90, "devices") != 0) {
        return err_set(err, ERR_CANCELLED, "cancelled");
    }
    pthread_mutex_lock(&lock);
    guest = add_guest(config->uuid, config->name);
    guest->info.state = DOMAIN_STATE_PAUSED;
    guest->info.memory_bytes = guest->info.max_memory_bytes = config->memory_bytes;
    guest->info.vcpus_online = guest->info.vcpus_max = config->vcpus;
    guest->info.cpu_time_ns = 1000000;
    *domid = guest->info.domid;
    builds++;
    tell_watchers();
    pthread_mutex_unlock(&lock);
    return 0;
}

/* Change a guest's state bits; stops are for ever. */
static int change(uint32_t domid, uint32_t clear, uint32_t set, struct err *err)
{
    struct guest *guest;
    int rc = 0;

    pthread_mutex_lock(&lock);
    guest = by_domid(domid);
    if (guest == NULL) {
        rc = err_set(err, ERR_NOT_FOUND, "fake: no domain %u", domid);
    } else {
        guest->info.state = (guest->info.state & ~clear) | set;
    }
    pthread_mutex_unlock(&lock);
    return rc;
}

static int fake_pause(struct domain_ctx *ctx, uint32_t domid, struct err *err)
{
    (void)ctx;
    return change(domid, DOMAIN_STATE_BLOCKED, DOMAIN_STATE_PAUSED, err);
}

static int fake_unpause(struct domain_ctx *ctx, uint32_t domid, struct err *err)
{
    (void)ctx;
    pthread_mutex_lock(&lock);
    while (is_holding_unpauses) {
        pthread_cond_wait(&builds_go_on, &lock);
    }
    pthread_mutex_unlock(&lock);
    return change(domid, DOMAIN_STATE_PAUSED, DOMAIN_STATE_BLOCKED, err);
}

static int fake_remove_leftovers(struct domain_ctx *ctx, struct err *err)
{
    return 0;
}

static int fake_destroy(struct domain_ctx *ctx, uint32_t domid, struct err *err)
{
    struct guest *guest;
    int rc = 0;

    (void)ctx;
    pthread_mutex_lock(&lock);
    guest = by_domid(domid);
    if (guest == NULL) {
        rc = err_set(err, ERR_NOT_FOUND, "fake: no domain %u", domid);
    } else if (guest->console != NULL) {
        rc = err_set(err, ERR_TIMEOUT, "fake: domain %u has a console open", domid);
    } else {
        guest->exists = false;
        tell_watchers();
    }
    pthread_mutex_unlock(&lock);
    return rc;
}

static int fake_request_shutdown(struct domain_ctx *ctx, uint32_t domid, const char *kind,
                                 struct err *err)
{
    struct guest *guest;
    int rc = 0;

    (void)ctx;
    pthread_mutex_lock(&lock);
    guest = by_domid(domid);
    if (guest == NULL) {
        rc = err_set(err, ERR_NOT_FOUND, "fake: no domain %u", domid);
    } else if (next_request_failure != ERR_OK) {
        rc = err_set(err, next_request_failure, "fake: as told");
        next_request_failure = ERR_OK;
    } else if (is_obedient) {
        stop_guest(guest, strcmp(kind, "reboot") == 0 ? DOMAIN_SHUTDOWN_REBOOT
                                                      : DOMAIN_SHUTDOWN_POWEROFF);
    }
    pthread_mutex_unlock(&lock);
    return rc;
}

static int fake_get_info(struct domain_ctx *ctx, uint32_t domid, struct domain_info *info,
                         struct err *err)
{
    struct guest *guest;
    int rc = 0;

    (void)ctx;
    pthread_mutex_lock(&lock);
    guest = by_domid(domid);
    if (guest == NULL) {
        rc = err_set(err, ERR_NOT_FOUND, "fake: no domain %u", domid);
    } else {
        *info = guest->info;
    }
    pthread_mutex_unlock(&lock);
    return rc;
}

static int fake_list_info(struct domain_ctx *ctx, struct domain_info **out, size_t *count,
                          struct err *err)
{
    struct domain_info *list = calloc(GUESTS_MAX + 1, sizeof(*list));

    (void)ctx;
    if (list == NULL) {
        return err_set(err, ERR_NO_MEMORY, "fake: no memory");
    }
    snprintf(list[0].uuid, sizeof(list[0].uuid), "00000000-0000-0000-0000-000000000000");
    list[0].state = DOMAIN_STATE_RUNNING;
    list[0].shutdown_reason = DOMAIN_SHUTDOWN_NONE;
    list[0].vcpus_online = list[0].vcpus_max = 2;
    list[0].memory_bytes = FAKE_DOM0_BYTES;
    *count = 1;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < GUESTS_MAX; i++) {
        if (guests[i].exists) {
            list[(*count)++] = guests[i].info;
        }
    }
    pthread_mutex_unlock(&lock);
    *out = list;
    return 0;
}

static int fake_events_open(struct domain_events **out, struct err *err)
{
    struct domain_events *events = calloc(1, sizeof(*events));

    if (events == NULL || (events->fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) {
        free(events);
        return err_set(err, ERR_NO_MEMORY, "fake: no memory");
    }
    pthread_mutex_lock(&lock);
    events->next = watchers;
    watchers = events;
    pthread_mutex_unlock(&lock);
    count_handle(1);
    *out = events;
    return 0;
}

static int fake_events_fd(const struct domain_events *events)
{
    return events->fd;
}

static int fake_events_drain(struct domain_events *events, struct err *err)
{
    uint64_t ignored;
    ssize_t got = read(events->fd, &ignored, sizeof(ignored));

    (void)got;
    (void)err;
    return 0;
}

static void fake_events_close(struct domain_events *events)
{
    pthread_mutex_lock(&lock);
    for (struct domain_events **link = &watchers; *link != NULL; link = &(*link)->next) {
        if (*link == events) {
            *link = events->next;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    close(events->fd);
    free(events);
    count_handle(-1);
}

static int fake_console_open(uint32_t domid, const struct console_options *options,
                             struct console **out, struct err *err)
{
    struct console *console = calloc(1, sizeof(*console));
    struct guest *guest;

    if (console == NULL || (console->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) {
        free(console);
        return err_set(err, ERR_NO_MEMORY, "fake: no memory");
    }
    console->domid = domid;
    console->options = *options;
    console->log = options->log_path != NULL ? fopen(options->log_path, "ae") : NULL;
    console->options.log_path = NULL; /* the caller's, for the call only */
    pthread_mutex_lock(&lock);
    guest = by_domid(domid);
    if (guest != NULL) {
        guest->console = console;
    }
    pthread_mutex_unlock(&lock);
    count_handle(1);
    *out = console;
    return 0;
}

static int fake_console_fd(const struct console *console)
{
    return console->fd;
}

static int fake_console_pump(struct console *console, struct err *err)
{
    char *said = NULL;
    size_t length = 0;
    uint64_t ignored;
    ssize_t got = read(console->fd, &ignored, sizeof(ignored));
    struct guest *guest;

    (void)got;
    pthread_mutex_lock(&lock);
    guest = by_domid(console->domid);
    if (guest != NULL) {
        length = guest->said_bytes;
        said = malloc(length + 1);
        if (said != NULL) {
            memcpy(said, guest->said, length);
            guest->said_bytes = 0;
        }
    }
    pthread_mutex_unlock(&lock);
    if (guest == NULL) {
        return err_set(err, ERR_NOT_FOUND, "fake: the domain is gone");
    }
    if (said != NULL && length > 0) {
        console->options.output(console->options.opaque, said, length);
        if (console->log != NULL) {
            fwrite(said, 1, length, console->log);
            fflush(console->log);
        }
    }
    free(said);
    return 0;
}

static size_t fake_console_write(struct console *console, const void *data, size_t length)
{
    struct guest *guest;
    size_t taken = 0;

    pthread_mutex_lock(&lock);
    guest = by_domid(console->domid);
    if (guest != NULL) {
        taken = sizeof(guest->heard) - guest->heard_bytes;
        taken = length < taken ? length : taken;
        memcpy(guest->heard + guest->heard_bytes, data, taken);
        guest->heard_bytes += taken;
    }
    pthread_mutex_unlock(&lock);
    return taken;
}

static void fake_console_close(struct console *console)
{
    struct guest *guest;

    if (console == NULL) {
        return;
    }
    pthread_mutex_lock(&lock);
    guest = by_domid(console->domid);
    if (guest != NULL) {
        guest->console = NULL;
    }
    pthread_mutex_unlock(&lock);
    if (console->log != NULL) {
        fclose(console->log);
    }
    close(console->fd);
    free(console);
    count_handle(-1);
}

static int fake_host_read_info(struct domain_ctx *ctx, struct host_info *info, struct err *err)
{
    (void)ctx;
    (void)err;
    *info = (struct host_info){.cpus = 4,
                               .cores_per_socket = 4,
                               .threads_per_core = 1,
                               .nodes = 1,
                               .cpu_khz = 2000000,
                               .memory_bytes = 8ull << 30,
                               .free_memory_bytes = 6ull << 30,
                               .version_major = 4,
                               .version_minor = 17,
                               .version_extra = ".fake",
                               .capabilities = "hvm-3.0-x86_64"};
    return 0;
}

static int fake_host_read_log(struct domain_ctx *ctx, char **text, size_t *length, struct err *err)
{
    (void)ctx;
    *text = strdup("fake: booted\n");
    if (*text == NULL) {
        return err_set(err, ERR_NO_MEMORY, "fake: no memory");
    }
    *length = strlen(*text);
    return 0;
}

static int fake_host_read_cpu_idle(struct domain_ctx *ctx, uint64_t **idle_ns, size_t *count,
                                   struct err *err)
{
    (void)ctx;
    *idle_ns = calloc(4, sizeof(**idle_ns));
    if (*idle_ns == NULL) {
        return err_set(err, ERR_NO_MEMORY, "fake: no memory");
    }
    *count = 4;
    return 0;
}

const struct domain_ops fake_hypervisor_ops = {
    .ctx_open = fake_ctx_open,
    .ctx_close = fake_ctx_close,
    .config_check = fake_config_check,
    .build = fake_build,
    .pause = fake_pause,
    .unpause = fake_unpause,
    .destroy = fake_destroy,
    .remove_leftovers = fake_remove_leftovers,
    .request_shutdown = fake_request_shutdown,
    .get_info = fake_get_info,
    .list_info = fake_list_info,
    .events_open = fake_events_open,
    .events_fd = fake_events_fd,
    .events_drain = fake_events_drain,
    .events_close = fake_events_close,
    .console_open = fake_console_open,
    .console_fd = fake_console_fd,
    .console_pump = fake_console_pump,
    .console_write = fake_console_write,
    .console_close = fake_console_close,
    .host_read_info = fake_host_read_info,
    .host_read_log = fake_host_read_log,
    .host_read_cpu_idle = fake_host_read_cpu_idle,
};
