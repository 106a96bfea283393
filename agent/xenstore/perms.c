/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/perms.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "util/str.h"

static bool parse_one(const char *text, struct perm *perm)
{
    uint64_t domid;

    switch (text[0]) {
    case 'n':
        perm->access = PERM_NONE;
        break;
    case 'r':
        perm->access = PERM_READ;
        break;
    case 'w':
        perm->access = PERM_WRITE;
        break;
    case 'b':
        perm->access = PERM_READ | PERM_WRITE;
        break;
    default:
        return false;
    }
    if (!str_parse_u64(text + 1, 0, DOMID_FIRST_RESERVED - 1, &domid)) {
        return false;
    }
    perm->domid = (domid_t)domid;
    return true;
}

int perms_parse(const char *const *strings, size_t count, struct perm perms[PERMS_MAX])
{
    if (count == 0) {
        return EINVAL;
    }
    if (count > PERMS_MAX) {
        return ENOSPC;
    }
    for (size_t i = 0; i < count; i++) {
        if (!parse_one(strings[i], &perms[i])) {
            return EINVAL;
        }
    }
    return 0;
}

void perm_format(struct perm perm, char out[PERM_TEXT_SIZE])
{
    static const char letters[] = {'n', 'r', 'w', 'b'};

    snprintf(out, PERM_TEXT_SIZE, "%c%u", letters[perm.access & (PERM_READ | PERM_WRITE)],
             perm.domid);
}

static unsigned int granted_to(const struct perm *perms, size_t count, domid_t domid)
{
    if (perms[0].domid == domid) {
        return PERM_READ | PERM_WRITE | PERM_OWNER;
    }
    for (size_t i = 1; i < count; i++) {
        if (perms[i].domid == domid) {
            return perms[i].access;
        }
    }
    return perms[0].access;
}

unsigned int perms_granted(const struct perm *perms, size_t count, domid_t domid, domid_t target)
{
    unsigned int granted = granted_to(perms, count, domid);

    if (target != DOMID_INVALID) {
        granted |= granted_to(perms, count, target);
    }
    return granted;
}
