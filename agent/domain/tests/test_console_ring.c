/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console_ring.c: the ring page is plain memory here, and the guest is the test.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <xen/xen.h>

#include <xen/io/console.h>

#include "agent/domain/console_ring.h"

static struct xencons_interface page;
static struct console_ring ring;

static void start(void)
{
    memset(&page, 0, sizeof(page));
    console_ring_init(&ring, &page);
}

static void guest_writes(const char *text)
{
    for (; *text != '\0'; text++) {
        page.out[page.out_prod++ & (sizeof(page.out) - 1)] = *text;
    }
}

static size_t read_out(void *out, size_t size)
{
    size_t count = console_ring_peek(&ring, out, size);
    console_ring_take(&ring, count);
    return count;
}

TestSuite(console_ring, .init = start);

Test(console_ring, output_arrives_and_its_space_is_given_back)
{
    char out[64] = "";
    guest_writes("hello");

    cr_expect_eq(read_out(out, sizeof(out)), 5);

    cr_expect_str_eq(out, "hello");
    cr_expect_eq(page.out_cons, 5);
    cr_expect_eq(read_out(out, sizeof(out)), 0);
}

Test(console_ring, output_that_was_not_put_away_is_there_for_the_next_reader)
{
    char out[64] = "";
    guest_writes("hello");

    cr_expect_eq(console_ring_peek(&ring, out, sizeof(out)), 5);
    cr_expect_eq(page.out_cons, 0);
    console_ring_init(&ring, &page);

    cr_expect_eq(read_out(out, sizeof(out)), 5);
    cr_expect_str_eq(out, "hello");
}

Test(console_ring, output_wraps_around_the_ring_and_the_index)
{
    page.out_prod = page.out_cons = 0xfffffffeu;
    console_ring_init(&ring, &page);
    char out[16] = "";
    guest_writes("abcd");

    cr_expect_eq(read_out(out, sizeof(out)), 4);

    cr_expect_str_eq(out, "abcd");
    cr_expect_eq(page.out_cons, 2);
}

Test(console_ring, a_full_ring_is_read_whole_and_in_pieces)
{
    char out[4096];
    for (size_t i = 0; i < sizeof(page.out); i++) {
        page.out[i] = (char)i;
    }
    page.out_prod = sizeof(page.out);

    cr_expect_eq(read_out(out, 1000), 1000);
    cr_expect_eq(read_out(out + 1000, sizeof(out) - 1000), 1048);

    cr_expect_arr_eq(out, page.out, sizeof(page.out));
    cr_expect_eq(ring.faults, 0);
}

Test(console_ring, nonsense_indices_read_as_empty_and_are_counted)
{
    char out[4096];
    page.out_prod = sizeof(page.out) + 1;

    cr_expect_eq(read_out(out, sizeof(out)), 0);
    cr_expect_eq(ring.faults, 1);
    guest_writes("again");
    cr_expect_eq(read_out(out, sizeof(out)), 5, "the ring is in step again");
}

Test(console_ring, our_consumer_index_is_not_the_guests_to_change)
{
    char out[64];
    guest_writes("hello");
    page.out_cons = 0x12345678;

    cr_expect_eq(read_out(out, sizeof(out)), 5);
    cr_expect_eq(page.out_cons, 5);
}

Test(console_ring, input_fills_the_ring_and_no_more)
{
    char input[2000];
    memset(input, 'x', sizeof(input));

    cr_expect_eq(console_ring_write(&ring, input, sizeof(input)), sizeof(page.in));
    cr_expect_eq(console_ring_write(&ring, input, 1), 0);
    page.in_cons += 10;
    cr_expect_eq(console_ring_write(&ring, input, 100), 10);
    cr_expect_eq(page.in_prod, sizeof(page.in) + 10);
}

Test(console_ring, nonsense_input_indices_are_refused)
{
    page.in_cons = 5; /* ahead of the producer */

    cr_expect_eq(console_ring_write(&ring, "x", 1), 0);
    cr_expect_eq(ring.faults, 1);
    cr_expect_eq(page.in_prod, 0);
}

Test(console_ring, any_indices_stay_within_bounds)
{
    unsigned seed = 7;
    char out[2048];
    for (int i = 0; i < 200000; i++) {
        page.out_prod = (uint32_t)rand_r(&seed) * 2654435761u;
        page.out_cons = (uint32_t)rand_r(&seed);
        page.in_cons = (uint32_t)rand_r(&seed) * 2654435761u;
        page.in_prod = (uint32_t)rand_r(&seed);
        cr_assert_leq(read_out(out, sizeof(out)), sizeof(page.out));
        cr_assert_leq(console_ring_write(&ring, out, sizeof(out)), sizeof(page.in));
    }
}
