/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What vbd and vif have in common. The drawing of the states is in the header.
 */
#include "agent/domain/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/domain/ctx.h"
#include "agent/domain/store.h"
#include "agent/util/str.h"

#define BACKEND_UP_TIMEOUT_MS   60000
#define BACKEND_DOWN_TIMEOUT_MS 60000
#define LOOK_INTERVAL_NS        2000000

static const char *const types[] = {"vbd", "vif"};
#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

struct device_paths device_paths_of(const char *type, uint32_t domid, uint32_t number)
{
    struct device_paths paths;
    snprintf(paths.frontend, sizeof(paths.frontend), "/local/domain/%u/device/%s/%u", domid, type,
             number);
    snprintf(paths.backend, sizeof(paths.backend), "/local/domain/%u/backend/%s/%u/%u", OWN_DOMID,
             type, domid, number);
    return paths;
}

void device_add_common(struct store_batch *batch, const struct device_paths *paths,
                       uint32_t domid)
{
    store_add(batch, STORE_GUEST_OWNS, paths->frontend, NULL, "%s", "");
    store_add(batch, STORE_INHERIT, paths->frontend, "backend", "%s", paths->backend);
    store_add(batch, STORE_INHERIT, paths->frontend, "backend-id", "%u", OWN_DOMID);
    store_add(batch, STORE_INHERIT, paths->frontend, "state", "%d", DEVICE_INITIALISING);

    store_add(batch, STORE_GUEST_READS, paths->backend, NULL, "%s", "");
    store_add(batch, STORE_INHERIT, paths->backend, "frontend", "%s", paths->frontend);
    store_add(batch, STORE_INHERIT, paths->backend, "frontend-id", "%u", domid);
    store_add(batch, STORE_INHERIT, paths->backend, "online", "%d", 1);
    store_add(batch, STORE_INHERIT, paths->backend, "state", "%d", DEVICE_INITIALISING);
}

static bool is_up(const char *value, void *opaque)
{
    uint64_t state;
    (void)opaque;
    return value != NULL && str_parse_u64(value, 0, 9, &state) && state >= DEVICE_INIT_WAIT;
}

static bool is_closed(const char *value, void *opaque)
{
    uint64_t state;
    (void)opaque;
    return value == NULL || (str_parse_u64(value, 0, 9, &state) && state == DEVICE_CLOSED);
}

int device_wait_backend(struct domain_ctx *ctx, const struct device_paths *paths, struct err *err)
{
    char path[DEVICE_PATH_BYTES + 16];
    snprintf(path, sizeof(path), "%s/state", paths->backend);
    int result = store_wait(ctx, path, is_up, NULL, BACKEND_UP_TIMEOUT_MS, err);
    if (result == -ERR_TIMEOUT) {
        return err_set(err, ERR_UNAVAILABLE,
                       "no backend driver in dom0 took up %s: are xen-blkback and xen-netback "
                       "loaded?",
                       paths->backend);
    }
    return result;
}

bool device_is_in_kernel(const char *type, uint32_t domid, uint32_t number)
{
    char path[96];
    snprintf(path, sizeof(path), "/sys/bus/xen-backend/devices/%s-%u-%u", type, domid, number);
    return access(path, F_OK) == 0;
}

int device_wait_kernel(bool (*is_reached)(void *opaque), void *opaque, int timeout_ms,
                       const char *what, struct err *err)
{
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (!is_reached(opaque)) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t waited_ms = (int64_t)(now.tv_sec - start.tv_sec) * 1000 +
                            (now.tv_nsec - start.tv_nsec) / 1000000;
        if (waited_ms >= timeout_ms) {
            return err_set(err, ERR_TIMEOUT, "%s: not within %d ms", what, timeout_ms);
        }
        struct timespec interval = {.tv_nsec = LOOK_INTERVAL_NS};
        nanosleep(&interval, NULL);
    }
    return 0;
}

/* Calls visit for every device directory of the guest on the backend side; keeps the first error. */
typedef int (*visit_fn)(struct domain_ctx *ctx, const char *type, uint32_t domid, uint32_t number,
                        struct err *err);

static int for_each(struct domain_ctx *ctx, uint32_t domid, visit_fn visit, struct err *err)
{
    int first_result = 0;
    for (size_t t = 0; t < TYPE_COUNT; t++) {
        char directory[DEVICE_PATH_BYTES];
        snprintf(directory, sizeof(directory), "/local/domain/%u/backend/%s/%u", OWN_DOMID,
                 types[t], domid);
        unsigned int count;
        char **names;
        int listed = store_list(ctx, directory, &names, &count, first_result == 0 ? err : NULL);
        first_result = first_result != 0 ? first_result : listed;
        for (unsigned int i = 0; i < count; i++) {
            uint64_t number;
            if (!str_parse_u64(names[i], 0, UINT32_MAX, &number)) {
                continue;
            }
            struct err one = {0};
            int result = visit(ctx, types[t], domid, (uint32_t)number, &one);
            if (result != 0 && first_result == 0) {
                first_result = result;
                if (err != NULL) {
                    *err = one;
                }
            }
        }
        free(names);
    }
    return first_result;
}

static int ask_to_close(struct domain_ctx *ctx, const char *type, uint32_t domid,
                        uint32_t number, struct err *err)
{
    struct device_paths paths = device_paths_of(type, domid, number);
    struct store_batch *batch = store_batch_new(domid);
    store_add(batch, STORE_INHERIT, paths.backend, "online", "%d", 0);
    store_add(batch, STORE_INHERIT, paths.frontend, "state", "%d", DEVICE_CLOSED);
    int result = store_commit(ctx, batch, err);
    store_batch_free(batch);
    return result;
}

struct kernel_device {
    const char *type;
    uint32_t domid;
    uint32_t number;
};

static bool is_gone_from_kernel(void *opaque)
{
    const struct kernel_device *device = opaque;
    return !device_is_in_kernel(device->type, device->domid, device->number);
}

static int wait_closed(struct domain_ctx *ctx, const char *type, uint32_t domid, uint32_t number,
                       struct err *err)
{
    struct kernel_device device = {.type = type, .domid = domid, .number = number};
    if (is_gone_from_kernel(&device)) {
        return 0;
    }
    struct device_paths paths = device_paths_of(type, domid, number);
    char state[DEVICE_PATH_BYTES + 16];
    snprintf(state, sizeof(state), "%s/state", paths.backend);
    int result = store_wait(ctx, state, is_closed, NULL, BACKEND_DOWN_TIMEOUT_MS, err);
    if (result != 0) {
        return result;
    }
    char what[DEVICE_PATH_BYTES + 48];
    snprintf(what, sizeof(what), "dom0's kernel gives up %s", paths.backend);
    return device_wait_kernel(is_gone_from_kernel, &device, BACKEND_DOWN_TIMEOUT_MS, what, err);
}

int device_remove_all(struct domain_ctx *ctx, uint32_t domid, struct err *err)
{
    struct err later = {0};
    int result = for_each(ctx, domid, ask_to_close, err);
    int waited = for_each(ctx, domid, wait_closed, result == 0 ? err : &later);
    if (result == 0) {
        result = waited;
    }
    /* With the directories gone a backend that did not close lets go as well. */
    for (size_t t = 0; t < TYPE_COUNT; t++) {
        char directory[DEVICE_PATH_BYTES];
        snprintf(directory, sizeof(directory), "/local/domain/%u/backend/%s/%u", OWN_DOMID,
                 types[t], domid);
        int removed = store_remove(ctx, directory, result == 0 ? err : &later);
        if (result == 0) {
            result = removed;
        }
    }
    return result;
}
