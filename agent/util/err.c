/* SPDX-License-Identifier: Apache-2.0 */
#include "util/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const code_names[] = {
    [ERR_OK] = "ok",
    [ERR_INVALID] = "invalid",
    [ERR_NOT_FOUND] = "not_found",
    [ERR_CONFLICT] = "conflict",
    [ERR_EXISTS] = "exists",
    [ERR_PERMISSION] = "permission",
    [ERR_NO_MEMORY] = "no_memory",
    [ERR_NO_SPACE] = "no_space",
    [ERR_UNAVAILABLE] = "unavailable",
    [ERR_TIMEOUT] = "timeout",
    [ERR_CANCELLED] = "cancelled",
    [ERR_INTERNAL] = "internal",
};

static int set_va(struct err *err, enum err_code code, const char *field, const char *fmt,
                  va_list args)
{
    if (err != NULL) {
        char message[sizeof(err->message)];

        /* Formatted aside first: the arguments may point into err itself. */
        vsnprintf(message, sizeof(message), fmt, args);
        snprintf(err->field, sizeof(err->field), "%s", field);
        memcpy(err->message, message, sizeof(message));
        err->code = code;
    }
    return -(int)code;
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    va_list args;
    int rc;

    va_start(args, fmt);
    rc = set_va(err, code, "", fmt, args);
    va_end(args);
    return rc;
}

int err_set_field(struct err *err, enum err_code code, const char *field, const char *fmt, ...)
{
    va_list args;
    int rc;

    va_start(args, fmt);
    rc = set_va(err, code, field, fmt, args);
    va_end(args);
    return rc;
}

static enum err_code code_from_errno(int system_errno)
{
    switch (system_errno) {
    case ENOENT:
    case ESRCH:
    case ENODEV:
    case ENXIO:
        return ERR_NOT_FOUND;
    case EINVAL:
    case E2BIG:
    case ENAMETOOLONG:
    case ERANGE:
        return ERR_INVALID;
    case EEXIST:
        return ERR_EXISTS;
    case EPERM:
    case EACCES:
    case EROFS:
        return ERR_PERMISSION;
    case EBUSY:
        return ERR_CONFLICT;
    case ENOMEM:
        return ERR_NO_MEMORY;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
        return ERR_NO_SPACE;
    case EAGAIN:
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ENOSYS:
        return ERR_UNAVAILABLE;
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    case ECANCELED:
        return ERR_CANCELLED;
    default:
        return ERR_INTERNAL;
    }
}

int err_set_errno(struct err *err, int system_errno, const char *fmt, ...)
{
    char what[400];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    return err_set(err, code_from_errno(system_errno), "%s: %s", what, strerror(system_errno));
}

void err_prefix(struct err *err, const char *fmt, ...)
{
    char joined[2 * sizeof(err->message)];
    va_list args;
    int used;

    if (err == NULL) {
        return;
    }
    va_start(args, fmt);
    used = vsnprintf(joined, sizeof(err->message), fmt, args);
    va_end(args);
    if (used < 0 || used >= (int)sizeof(err->message)) {
        used = sizeof(err->message) - 1;
    }
    snprintf(joined + used, sizeof(joined) - (size_t)used, ": %s", err->message);
    joined[sizeof(err->message) - 1] = '\0';
    memcpy(err->message, joined, sizeof(err->message));
}

void err_clear(struct err *err)
{
    if (err != NULL) {
        err->code = ERR_OK;
        err->field[0] = '\0';
        err->message[0] = '\0';
    }
}

const char *err_code_name(enum err_code code)
{
    if ((unsigned)code >= sizeof(code_names) / sizeof(code_names[0])) {
        return "internal";
    }
    return code_names[code];
}

enum err_code err_code_from_name(const char *name)
{
    if (name != NULL) {
        for (unsigned i = 0; i < sizeof(code_names) / sizeof(code_names[0]); i++) {
            if (strcmp(code_names[i], name) == 0) {
                return (enum err_code)i;
            }
        }
    }
    return ERR_INTERNAL;
}
