/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/ring.h"

#include <string.h>

_Static_assert(offsetof(struct xenstore_domain_interface, req_cons) == 2048, "ring page layout");
_Static_assert(offsetof(struct xenstore_domain_interface, error) == 2072, "ring page layout");

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

ssize_t ring_take_request(const struct xenstore_domain_interface *page, uint32_t *consumed,
                          void *out, size_t size_bytes)
{
    /* Acquire: the bytes are read after the index that announces them. */
    uint32_t available = __atomic_load_n(&page->req_prod, __ATOMIC_ACQUIRE) - *consumed;
    size_t start = MASK_XENSTORE_IDX(*consumed);
    size_t count;
    size_t first;

    if (available > XENSTORE_RING_SIZE) {
        return -1;
    }
    count = smaller(available, size_bytes);
    first = smaller(count, XENSTORE_RING_SIZE - start);
    memcpy(out, page->req + start, first);
    memcpy((char *)out + first, page->req, count - first);
    *consumed += (uint32_t)count;
    return (ssize_t)count;
}

bool ring_publish_requests(struct xenstore_domain_interface *page, uint32_t published,
                           uint32_t consumed, uint32_t *produced)
{
    __atomic_store_n(&page->req_cons, consumed, __ATOMIC_RELEASE);
    /* The domain writes its index, then looks at ours; we do it the other way round. With a full
     * barrier on both sides one of us sees the other's news. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    *produced = __atomic_load_n(&page->req_prod, __ATOMIC_ACQUIRE);
    return *produced - published >= XENSTORE_RING_SIZE;
}

ssize_t ring_put_response(struct xenstore_domain_interface *page, uint32_t *produced,
                          const void *bytes, size_t size_bytes)
{
    uint32_t used = *produced - __atomic_load_n(&page->rsp_cons, __ATOMIC_ACQUIRE);
    size_t start = MASK_XENSTORE_IDX(*produced);
    size_t count;
    size_t first;

    if (used > XENSTORE_RING_SIZE) {
        return -1;
    }
    count = smaller(XENSTORE_RING_SIZE - used, size_bytes);
    first = smaller(count, XENSTORE_RING_SIZE - start);
    memcpy(page->rsp + start, bytes, first);
    memcpy(page->rsp, (const char *)bytes + first, count - first);
    *produced += (uint32_t)count;
    /* Release: the bytes are there before the index; then a full barrier before the caller looks
     * at rsp_cons again. */
    __atomic_store_n(&page->rsp_prod, *produced, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return (ssize_t)count;
}
