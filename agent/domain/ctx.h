/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handles behind struct domain_ctx: for the files of this folder, not for those above.
 */
#pragma once

#include <stdint.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>

#include "agent/domain/domain.h"
#include "agent/domain/store_link.h"
#include "agent/hvcall/hvcall.h"

/* The domain we run in; backends live here and guests' rings are opened to it. */
#define OWN_DOMID 0u

/* The xenstore daemon's socket, unless XENSTORED_PATH names another as for libxenstore. */
#define STORE_SOCKET "/run/xenstored/socket"

/* Unpacked kernels are kept here. */
#define KERNEL_CACHE_DIR "/var/lib/nether/cache"

struct domain_ctx {
    struct hvcall *hv;
    xenforeignmemory_handle *foreign;
    xengnttab_handle *grants; /* NULL when there is no gntdev */
    struct store_link store;
};
