/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests about domains: introduce, release, and what is known of them.
 */
#include <errno.h>
#include <stdio.h>

#include "util/str.h"
#include "xenstore/domain.h"
#include "xenstore/path.h"
#include "xenstore/request.h"

static int parse_domid(const struct request *request, size_t i, domid_t *domid)
{
    return wire_parse_domid(request->strings[i], domid) ? 0 : EINVAL;
}

/* The introduced domain (not domain 0) that the first string names. */
static int find_domain(const struct request *request, struct domain **domain)
{
    domid_t domid;

    if (parse_domid(request, 0, &domid) != 0 || domid == 0) {
        return EINVAL;
    }
    *domain = domain_find(request->store, domid);
    return *domain != NULL ? 0 : ENOENT;
}

int request_introduce(struct request *request)
{
    domid_t domid;
    uint64_t gfn;
    uint32_t port;
    int rc;

    if (parse_domid(request, 0, &domid) != 0 || domid == 0 ||
        !str_parse_u64(request->strings[1], 0, UINT64_MAX, &gfn) ||
        !wire_parse_u32(request->strings[2], &port) || port == 0) {
        return EINVAL;
    }
    rc = domain_introduce(request->store, domid, gfn, port);
    if (rc != 0) {
        return rc;
    }
    request_reply_ok(request);
    watch_fire_special(request->store, PATH_INTRODUCE_DOMAIN);
    return 0;
}

int request_release(struct request *request)
{
    struct domain *domain;
    int rc = find_domain(request, &domain);

    if (rc != 0) {
        return rc;
    }
    request_reply_ok(request);
    domain_remove(domain);
    return 0;
}

int request_get_domain_path(struct request *request)
{
    char path[32];
    domid_t domid;

    if (parse_domid(request, 0, &domid) != 0) {
        return EINVAL;
    }
    snprintf(path, sizeof(path), "/local/domain/%u", domid);
    return request_reply_text(request, path);
}

int request_is_domain_introduced(struct request *request)
{
    domid_t domid;

    if (parse_domid(request, 0, &domid) != 0) {
        return EINVAL;
    }
    return request_reply_text(request,
                              domid == 0 || domain_find(request->store, domid) != NULL ? "T" : "F");
}

int request_resume(struct request *request)
{
    struct domain *domain;
    int rc = find_domain(request, &domain);

    if (rc != 0) {
        return rc;
    }
    domain_resume(domain);
    return request_reply_ok(request);
}

int request_set_target(struct request *request)
{
    struct domain *domain;
    domid_t target;
    int rc = find_domain(request, &domain);

    if (rc != 0) {
        return rc;
    }
    if (parse_domid(request, 1, &target) != 0) {
        return EINVAL;
    }
    domain_set_target(domain, target);
    return request_reply_ok(request);
}
