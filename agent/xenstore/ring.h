/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving bytes through the page shared with a domain (<xen/io/xs_wire.h>): requests out of one
 * ring, responses into the other. The domain may write anything into the page at any time, so every
 * index is read once, checked, and our own side's indices are never read back from the page.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "xenstore/wire.h"

/**
 * Copy bytes out of the request ring.
 * @param consumed  our index; advanced here, published by ring_publish_requests()
 * @return bytes copied (at most size_bytes, 0: the ring is empty), or -1: the domain's index is
 *         impossible
 */
ssize_t ring_take_request(const struct xenstore_domain_interface *page, uint32_t *consumed,
                          void *out, size_t size_bytes);

/**
 * Tell the domain that the requests up to consumed are taken.
 * @param published  what it was told last
 * @param produced   receives its own index, read after that: differs from consumed if there is more
 * @return whether the ring was full, so that the domain may be waiting for room and needs an event
 */
bool ring_publish_requests(struct xenstore_domain_interface *page, uint32_t published,
                           uint32_t consumed, uint32_t *produced);

/**
 * Copy bytes into the response ring and publish them.
 * @param produced  our index; advanced
 * @return bytes copied (0: the ring is full), or -1: the domain's index is impossible
 */
ssize_t ring_put_response(struct xenstore_domain_interface *page, uint32_t *produced,
                          const void *bytes, size_t size_bytes);
