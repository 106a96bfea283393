/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is there: the hypervisor's list of domains, with names from xenstore.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define __XEN_TOOLS__ 1
#include <xen/xen.h>

#include <xen/domctl.h>

#include "agent/domain/ctx.h"
#include "agent/domain/domain.h"
#include "agent/domain/layout.h"
#include "agent/domain/store.h"
#include "agent/domain/uuid.h"
#include "agent/hvcall/domctl.h"
#include "agent/hvcall/sysctl.h"

#define LIST_BATCH   64
#define DOMAINS_MAX  32768

/* From here on a limit in pages says that there is none: dom0's. */
#define PAGES_LIMITED UINT32_MAX

static void fill_info(struct domain_ctx *ctx, const struct domctl_info *from,
                      struct domain_info *info)
{
    *info = (struct domain_info){
        .domid = from->domid,
        .shutdown_reason = DOMAIN_SHUTDOWN_NONE,
        .cpu_time_ns = from->cpu_time_ns,
        .memory_bytes = from->pages * PAGE_BYTES,
        .max_memory_bytes = from->pages_max < PAGES_LIMITED ? from->pages_max * PAGE_BYTES : 0,
        .vcpus_online = from->vcpus_online,
        .vcpus_max = from->vcpu_id_max + 1,
    };
    uuid_format(from->handle, info->uuid);

    static const struct {
        uint32_t flag;
        uint32_t state;
    } states[] = {
        {XEN_DOMINF_running, DOMAIN_STATE_RUNNING},   {XEN_DOMINF_blocked, DOMAIN_STATE_BLOCKED},
        {XEN_DOMINF_paused, DOMAIN_STATE_PAUSED},     {XEN_DOMINF_dying, DOMAIN_STATE_DYING},
        {XEN_DOMINF_shutdown, DOMAIN_STATE_SHUTDOWN},
    };
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if ((from->flags & states[i].flag) != 0) {
            info->state |= states[i].state;
        }
    }
    if ((from->flags & XEN_DOMINF_shutdown) != 0) {
        info->shutdown_reason = (enum domain_shutdown_reason)from->shutdown_reason;
        if (from->shutdown_reason == DOMAIN_SHUTDOWN_CRASH) {
            info->state |= DOMAIN_STATE_CRASHED;
        }
    }

    char path[40];
    snprintf(path, sizeof(path), "/local/domain/%u/name", from->domid);
    if (store_read(ctx, path, info->name, sizeof(info->name), NULL) != 0) {
        info->name[0] = '\0';
    }
}

int domain_get_info(struct domain_ctx *ctx, uint32_t domid, struct domain_info *info,
                    struct err *err)
{
    struct domctl_info from;
    int result = domctl_get_info(ctx->hv, domid, &from, err);
    if (result == 0) {
        fill_info(ctx, &from, info);
    }
    return result;
}

int domain_list_info(struct domain_ctx *ctx, struct domain_info **out, size_t *count,
                     struct err *err)
{
    struct domain_info *list = NULL;
    size_t total = 0;
    uint32_t first = 0;

    for (;;) {
        struct domctl_info batch[LIST_BATCH];
        size_t got = 0;
        int result = sysctl_list_domains(ctx->hv, first, batch, LIST_BATCH, &got, err);
        if (result != 0) {
            free(list);
            return result;
        }
        if (got == 0 && list != NULL) {
            break;
        }
        struct domain_info *grown = realloc(list, (total + got + 1) * sizeof(*list));
        if (grown == NULL) {
            free(list);
            return err_set(err, ERR_NO_MEMORY, "no memory for the list of domains");
        }
        list = grown;
        for (size_t i = 0; i < got; i++) {
            fill_info(ctx, &batch[i], &list[total++]);
        }
        if (got < LIST_BATCH || total > DOMAINS_MAX) {
            break;
        }
        first = batch[got - 1].domid + 1;
    }
    *out = list;
    *count = total;
    return 0;
}
