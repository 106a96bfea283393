/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "xenstore/ring.h"

static struct xenstore_domain_interface page;

/* The domain's side. */
static void produce(const char *bytes, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        page.req[MASK_XENSTORE_IDX(page.req_prod++)] = bytes[i];
    }
}

Test(ring, requests_wrap_around_the_end_and_the_index)
{
    uint32_t consumed = UINT32_MAX - 2;
    char out[8];

    page.req_prod = consumed;
    produce("abcdef", 6);
    cr_assert_eq(ring_take_request(&page, &consumed, out, sizeof(out)), 6);
    cr_assert_arr_eq(out, "abcdef", 6);
    cr_assert_eq(consumed, 3);
    cr_assert_eq(ring_take_request(&page, &consumed, out, sizeof(out)), 0);
}

Test(ring, no_more_is_taken_than_wanted)
{
    uint32_t consumed = 0;
    char out[8];

    produce("abcdef", 6);
    cr_assert_eq(ring_take_request(&page, &consumed, out, 4), 4);
    cr_assert_eq(ring_take_request(&page, &consumed, out, 4), 2);
}

Test(ring, impossible_indices_are_refused)
{
    uint32_t consumed = 0;
    uint32_t produced = 0;
    char out[8];

    page.req_prod = XENSTORE_RING_SIZE + 1;
    cr_assert_eq(ring_take_request(&page, &consumed, out, 1), -1);
    page.req_prod = UINT32_MAX;
    cr_assert_eq(ring_take_request(&page, &consumed, out, 1), -1);
    page.req_prod = XENSTORE_RING_SIZE;
    cr_assert_eq(ring_take_request(&page, &consumed, out, 1), 1);

    page.rsp_cons = 1;
    cr_assert_eq(ring_put_response(&page, &produced, "a", 1), -1);
    page.rsp_cons = 0x80000000u;
    cr_assert_eq(ring_put_response(&page, &produced, "a", 1), -1);
}

Test(ring, full_response_ring_takes_nothing)
{
    uint32_t produced = 0;
    char bytes[XENSTORE_RING_SIZE + 100];

    memset(bytes, 'x', sizeof(bytes));
    cr_assert_eq(ring_put_response(&page, &produced, bytes, sizeof(bytes)), XENSTORE_RING_SIZE);
    cr_assert_eq(page.rsp_prod, XENSTORE_RING_SIZE);
    cr_assert_eq(ring_put_response(&page, &produced, bytes, 1), 0);
    page.rsp_cons = 10;
    cr_assert_eq(ring_put_response(&page, &produced, bytes, 100), 10);
}

Test(ring, domain_that_may_wait_for_room_is_known)
{
    uint32_t produced;

    page.req_prod = XENSTORE_RING_SIZE;
    cr_assert(ring_publish_requests(&page, 0, 100, &produced));
    cr_assert_eq(page.req_cons, 100);
    cr_assert_eq(produced, XENSTORE_RING_SIZE);
    cr_assert_not(ring_publish_requests(&page, 100, 200, &produced));
}

Test(ring, our_own_index_is_not_read_back)
{
    uint32_t produced = 5;

    page.rsp_cons = 5;
    page.rsp_prod = 77;
    cr_assert_eq(ring_put_response(&page, &produced, "ab", 2), 2);
    cr_assert_eq(page.rsp_prod, 7);
    cr_assert_arr_eq(page.rsp + 5, "ab", 2);
}
