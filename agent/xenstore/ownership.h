/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What remains of a domain in the tree when it is gone: nodes it owned are removed with all below
 * them, and its entries in other nodes' permissions are taken out, so that the next domain with the
 * same id inherits nothing.
 */
#pragma once

#include "xenstore/store.h"

/** Remove a domain's nodes and permissions. If memory is short it logs and leaves them all. */
void ownership_forget(struct store *store, domid_t domid);
