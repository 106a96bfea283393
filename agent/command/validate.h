/* SPDX-License-Identifier: Apache-2.0 */
/* What a client may ask a domain to be. Looks at the request only, never at the machine. */
#pragma once

#include "domain/domain.h"
#include "store/domains.h"
#include "util/err.h"

/** ERR_INVALID naming the field ("disks[1].target") when spec is not acceptable. */
int validate_spec(const struct domain_spec *spec, struct err *err);

/* A spec in the form the mechanism takes, with room for its arrays. */
struct build_config {
    struct domain_config config;
    struct domain_disk disks[STORE_DISKS_MAX];
    struct domain_nic nics[STORE_NICS_MAX];
};

/** Fill in build from spec. build points into spec and into itself: keep both, copy neither. */
void validate_to_config(const struct domain_spec *spec, struct build_config *build);
