/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pause, unpause, ask to stop, destroy.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/xen.h>

#include "agent/domain/ctx.h"
#include "agent/domain/device.h"
#include "agent/domain/domain.h"
#include "agent/domain/store.h"
#include "agent/domain/uuid.h"
#include "agent/hvcall/domctl.h"
#include "agent/util/log.h"
#include "agent/util/str.h"

#define GONE_TIMEOUT_MS 15000

int domain_pause(struct domain_ctx *ctx, uint32_t domid, struct err *err)
{
    return domctl_pause(ctx->hv, domid, err);
}

int domain_unpause(struct domain_ctx *ctx, uint32_t domid, struct err *err)
{
    return domctl_unpause(ctx->hv, domid, err);
}

int domain_request_shutdown(struct domain_ctx *ctx, uint32_t domid, const char *kind,
                            struct err *err)
{
    if (strcmp(kind, "poweroff") != 0 && strcmp(kind, "reboot") != 0 &&
        strcmp(kind, "halt") != 0) {
        return err_set_field(err, ERR_INVALID, "kind",
                             "\"%s\" is not one of poweroff, reboot, halt", kind);
    }
    struct domctl_info info;
    int result = domctl_get_info(ctx->hv, domid, &info, err);
    if (result != 0) {
        return result;
    }
    /* Linux announces what it listens to; halt is listened to like poweroff. */
    char path[80];
    char value[16];
    snprintf(path, sizeof(path), "/local/domain/%u/control/feature-%s", domid,
             strcmp(kind, "reboot") == 0 ? "reboot" : "poweroff");
    if (store_read(ctx, path, value, sizeof(value), NULL) != 0 || strcmp(value, "1") != 0) {
        return err_set(err, ERR_CONFLICT,
                       "domain %u does not listen to shutdown requests (yet): it can only be "
                       "destroyed",
                       domid);
    }
    snprintf(path, sizeof(path), "/local/domain/%u/control/shutdown", domid);
    return store_write(ctx, path, kind, err);
}

struct gone {
    struct hvcall *hv;
    uint32_t domid;
};

static bool is_gone(void *opaque)
{
    const struct gone *gone = opaque;
    struct domctl_info info;
    return domctl_get_info(gone->hv, gone->domid, &info, NULL) == -ERR_NOT_FOUND;
}

/* Removes /vm/UUID, /libxl/DOMID and the home of the domain. */
static int remove_nodes(struct domain_ctx *ctx, uint32_t domid, struct err *err)
{
    char path[64];
    char vm[64];
    snprintf(path, sizeof(path), "/local/domain/%u/vm", domid);
    int result = store_read(ctx, path, vm, sizeof(vm), err);
    if (result == 0 && strncmp(vm, "/vm/", 4) == 0) {
        result = store_remove(ctx, vm, err);
    } else if (result == -ERR_NOT_FOUND) {
        result = 0;
    }
    snprintf(path, sizeof(path), "/libxl/%u", domid);
    if (result == 0) {
        result = store_remove(ctx, path, err);
    }
    snprintf(path, sizeof(path), "/local/domain/%u", domid);
    int removed = store_remove(ctx, path, result == 0 ? err : NULL);
    return result != 0 ? result : removed;
}

int domain_destroy(struct domain_ctx *ctx, uint32_t domid, struct err *err)
{
    char value[16];
    char home[32];
    snprintf(home, sizeof(home), "/local/domain/%u", domid);
    if (domid == OWN_DOMID) {
        return err_set(err, ERR_INVALID, "domain 0 cannot be destroyed");
    }

    struct domctl_info info;
    int known = domctl_get_info(ctx->hv, domid, &info, err);
    if (known != 0 && known != -ERR_NOT_FOUND) {
        return known;
    }
    if (known == -ERR_NOT_FOUND) {
        int found = store_read(ctx, home, value, sizeof(value), err);
        if (found != 0) {
            return found;
        }
    }
    err_clear(err);

    /* Paused for good, so that nothing the guest does disturbs the backends' way down. */
    if (known == 0) {
        domctl_pause(ctx->hv, domid, NULL);
    }
    int result = device_remove_all(ctx, domid, err);
    struct err later = {0};
    if (known == 0) {
        int destroyed = domctl_destroy(ctx->hv, domid, result == 0 ? err : &later);
        if (result == 0) {
            result = destroyed;
        }
    }
    store_release(ctx, domid);
    int removed = remove_nodes(ctx, domid, result == 0 ? err : &later);
    if (result == 0) {
        result = removed;
    }

    if (known == 0 && result == 0) {
        struct gone gone = {.hv = ctx->hv, .domid = domid};
        result = device_wait_kernel(is_gone, &gone, GONE_TIMEOUT_MS,
                                    "the last mapping of the domain's memory goes away", err);
    }
    return result;
}

int domain_remove_leftovers(struct domain_ctx *ctx, struct err *err)
{
    unsigned int count;
    char **names;
    int result = store_list(ctx, "/local/domain", &names, &count, err);
    for (unsigned int i = 0; result == 0 && i < count; i++) {
        struct domctl_info info;
        struct err one = {0};
        uint64_t domid;
        if (!str_parse_u64(names[i], 1, DOMID_FIRST_RESERVED - 1, &domid) ||
            domctl_get_info(ctx->hv, (uint32_t)domid, &info, NULL) != -ERR_NOT_FOUND) {
            continue;
        }
        log_info("domain=%s: what is left of it is removed", names[i]);
        if (domain_destroy(ctx, (uint32_t)domid, &one) != 0 && one.code != ERR_NOT_FOUND) {
            log_error("domain=%s: what is left of it cannot be removed: %s", names[i], one.message);
        }
    }
    free(names);
    return result;
}
