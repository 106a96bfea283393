/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lasting state as a whole: read back from the journal at start, written out in one piece when
 * the journal has grown too long.
 */
#pragma once

#include "xenstore/store.h"

/**
 * Rebuild the store from the journal at path, if there is one of this boot. Domains come back
 * unattached (domain_attach_restored()), open transactions doomed.
 * @param found  receives whether there was one
 * @return 0 or a negative error: the journal makes no sense, the store is unusable
 */
int state_load(struct store *store, const char *path, bool *found, struct err *err);

/** Write everything to a new journal at path and go on with that one. 0 or a negative error. */
int state_save(struct store *store, const char *path, struct err *err);
