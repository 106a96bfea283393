/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing the handles of a toolstack.
 */
#include "agent/domain/ctx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/domain/domain.h"
#include "agent/domain/store_wire.h"

int domain_ctx_open(struct domain_ctx **out, struct err *err)
{
    struct domain_ctx *ctx = calloc(1, sizeof(*ctx));
    if (ctx == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for the toolstack's handles");
    }
    ctx->store_fd = -1;
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
    ctx->xs = xs_open(0);
    /* xs_fileno() makes the pipe for watch events when it is first asked: better here than in the
     * middle of a build, where there may be no descriptor left. */
    if (ctx->xs == NULL || xs_fileno(ctx->xs) < 0) {
        result = err_set(err, ERR_UNAVAILABLE, "cannot reach xenstore: %s", strerror(errno));
        goto close;
    }
    const char *path = getenv("XENSTORED_PATH");
    ctx->store_fd = store_wire_connect(path != NULL ? path : STORE_SOCKET);
    if (ctx->store_fd < 0) {
        result = err_set(err, ERR_UNAVAILABLE, "cannot reach xenstore: %s", strerror(errno));
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
    if (ctx->store_fd >= 0) {
        close(ctx->store_fd);
    }
    if (ctx->xs != NULL) {
        xs_close(ctx->xs);
    }
    if (ctx->foreign != NULL) {
        xenforeignmemory_close(ctx->foreign);
    }
    hvcall_close(ctx->hv);
    free(ctx);
}
