/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one error type of Nether's user-space programs. A function that can fail returns an int (0, or
 * a negative error code) and fills in, through its last parameter, the sentence a person will read.
 * The sentence is set where the failure is understood, passed up untouched, and logged once at the top.
 */
#pragma once

enum err_code {
    ERR_OK = 0,
    ERR_INVALID,     /* the caller's request makes no sense; field names the part at fault */
    ERR_NOT_FOUND,   /* the named thing does not exist */
    ERR_CONFLICT,    /* the thing exists but its state does not allow this now */
    ERR_EXISTS,      /* the name is taken */
    ERR_PERMISSION,  /* the caller may not do this */
    ERR_NO_MEMORY,   /* memory of the host or of this process is exhausted */
    ERR_NO_SPACE,    /* a disk, a table or a limit is full */
    ERR_UNAVAILABLE, /* a part this needs (hypervisor, xenstore, device) is not there; may pass */
    ERR_TIMEOUT,     /* it took longer than the caller allowed */
    ERR_CANCELLED,   /* somebody asked for it to stop */
    ERR_INTERNAL,    /* we failed: our fault, and worth a report */
};

struct err {
    enum err_code code;
    char field[64]; /* the request field at fault ("memory_bytes", "disks[1].path"), or empty */
    char message[512];
};

/** Fill err (may be NULL) with code and a formatted sentence. Returns -code, to be returned on. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** Like err_set(), naming the request field at fault. */
int err_set_field(struct err *err, enum err_code code, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/**
 * Like err_set() with the code derived from the system's errno value (ENOMEM => ERR_NO_MEMORY, ...)
 * and ": <system's text>" appended to the sentence.
 */
int err_set_errno(struct err *err, int system_errno, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** Put a formatted context and ": " before the sentence already in err (may be NULL); keeps code. */
void err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Make err (may be NULL) say that nothing failed. */
void err_clear(struct err *err);

/** The stable lower-case name of a code ("not_found"), as stored and shown in tasks. */
const char *err_code_name(enum err_code code);

/** The code with this stable name; ERR_INTERNAL when the name is unknown or NULL. */
enum err_code err_code_from_name(const char *name);
