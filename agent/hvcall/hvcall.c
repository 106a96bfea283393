/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening the hypervisor's door, hypercall memory, and the wording of refusals.
 */
#include "agent/hvcall/hvcall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/hvcall/internal.h"

int hvcall_open(struct hvcall **out, struct err *err)
{
    struct hvcall *hv = calloc(1, sizeof(*hv));
    if (hv == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for the hypercall handle");
    }
    hv->xcall = xencall_open(NULL, 0);
    if (hv->xcall == NULL) {
        int saved = errno;
        free(hv);
        return err_set(err, ERR_UNAVAILABLE, "cannot open the hypercall device: %s",
                       strerror(saved));
    }
    *out = hv;
    return 0;
}

void hvcall_close(struct hvcall *hv)
{
    if (hv == NULL) {
        return;
    }
    xencall_close(hv->xcall);
    free(hv);
}

void *hvcall_alloc(struct hvcall *hv, size_t size_bytes, struct err *err)
{
    void *memory = xencall_alloc_buffer(hv->xcall, size_bytes);
    if (memory == NULL) {
        err_set(err, ERR_NO_MEMORY, "no memory for a hypercall of %zu bytes", size_bytes);
        return NULL;
    }
    memset(memory, 0, size_bytes);
    return memory;
}

void hvcall_free(struct hvcall *hv, void *memory)
{
    if (memory != NULL) {
        int saved = errno;
        xencall_free_buffer(hv->xcall, memory);
        errno = saved;
    }
}

void *hvcall_bounce(struct hvcall *hv, const void *bytes, size_t size_bytes, struct err *err)
{
    void *memory = hvcall_alloc(hv, size_bytes, err);
    if (memory != NULL) {
        memcpy(memory, bytes, size_bytes);
    }
    return memory;
}

long hvcall_issue(struct hvcall *hv, unsigned int number, uint64_t first, const void *second)
{
    return xencall2L(hv->xcall, number, first, (uint64_t)(uintptr_t)second);
}

/* The hypervisor's errno values are Linux's; only those with a meaning of their own are listed. */
static enum err_code code_of(int system_errno)
{
    switch (system_errno) {
    case ESRCH:
    case ENOENT:
        return ERR_NOT_FOUND;
    case EINVAL:
        return ERR_INVALID;
    case ENOMEM:
        return ERR_NO_MEMORY;
    case ENOSPC:
        return ERR_NO_SPACE;
    case EPERM:
    case EACCES:
        return ERR_PERMISSION;
    case EEXIST:
        return ERR_EXISTS;
    case EBUSY:
        return ERR_CONFLICT;
    case ENOSYS:
    case EOPNOTSUPP:
    case ENODEV:
    case ENXIO:
        return ERR_UNAVAILABLE;
    default:
        return ERR_INTERNAL;
    }
}

int hvcall_failed(struct err *err, int domid, const char *text)
{
    int saved = errno;
    enum err_code code = code_of(saved);

    if (domid < 0) {
        return err_set(err, code, "the hypervisor refused to %s: %s", text, strerror(saved));
    }
    if (saved == ESRCH) {
        return err_set(err, code, "there is no domain %d", domid);
    }
    return err_set(err, code, "the hypervisor refused to %s of domain %d: %s", text, domid,
                   strerror(saved));
}
