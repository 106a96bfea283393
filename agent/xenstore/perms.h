/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Permissions of a node: a list of (domain, access). The first entry names the owner, who may do
 * everything, and the access of everybody not listed; the others give one domain its access.
 * As text, which is what the protocol carries: 'n', 'r', 'w' or 'b' and the domain id ("r0", "b7").
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

enum perm_access {
    PERM_NONE = 0,
    PERM_READ = 1,
    PERM_WRITE = 2,
    PERM_OWNER = 4, /* only as an answer of perms_granted() */
};

struct perm {
    domid_t domid;
    uint8_t access; /* PERM_READ | PERM_WRITE */
};

/* Most entries a list may have, whoever sets it. Unprivileged domains have a lower quota. */
#define PERMS_MAX 64

/* Longest text of one entry with its zero byte: "b65535". */
#define PERM_TEXT_SIZE 7

/**
 * Parse the strings of a SET_PERMS request.
 * @param perms  receives count entries
 * @return 0, EINVAL (malformed, none) or ENOSPC (more than PERMS_MAX)
 */
int perms_parse(const char *const *strings, size_t count, struct perm perms[PERMS_MAX]);

/** Write one entry as text. */
void perm_format(struct perm perm, char out[PERM_TEXT_SIZE]);

/**
 * What a domain may do with a node.
 * @param target  a domain whose rights the caller also has (XS_SET_TARGET), or DOMID_INVALID
 * @return bits of enum perm_access; the owner has all three
 */
unsigned int perms_granted(const struct perm *perms, size_t count, domid_t domid, domid_t target);
