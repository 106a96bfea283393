/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing the handles of a toolstack.
 */
#include "agent/domain/ctx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/domain/domain.h"

int domain_ctx_open(struct domain_ctx **out, struct err *err)
{
    struct domain_ctx *ctx = calloc(1, sizeof(*ctx));
    if (ctx == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for the toolstack's handles");
    }
    ctx->store.fd = -1;
    int result = hvcall_open(&ctx->hv, err);
    if (result != 0) {
        goto close;
    }
    ctx->foreign = xenforeignmemory_open(NULL, 0);
    if (ctx->foreign == NULL) {
        result = err_set(err, ERR_UNAVAILABLE, "cannot open the foreign memory device: %s",
                         strerror(errno));
        goto close;
    }
    result = store_link_open(&ctx->store, true, err);
    if (result != 0) {
        goto close;
    }
    /* Only makes copying faster: see guest_memory.c. */
    ctx->grants = xengnttab_open(NULL, 0);
    *out = ctx;
    return 0;

close:
    domain_ctx_close(ctx);
    return result;
}

void domain_ctx_close(struct domain_ctx *ctx)
{
    if (ctx == NULL) {
        return;
    }
    if (ctx->grants != NULL) {
        xengnttab_close(ctx->grants);
    }
    store_link_close(&ctx->store);
    if (ctx->foreign != NULL) {
        xenforeignmemory_close(ctx->foreign);
    }
    hvcall_close(ctx->hv);
    free(ctx);
}
