/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "xenstore/tests/client.h"

static struct store store;
static struct client a;
static struct client b;

static void setup(void)
{
    client_store_init(&store);
    client_connect(&a, &store, 0);
    client_connect(&b, &store, 0);
}

static void teardown(void)
{
    client_disconnect(&a);
    client_disconnect(&b);
    store_destroy(&store);
}

TestSuite(transaction, .init = setup, .fini = teardown);

static int end(struct client *client, uint32_t id)
{
    return client_call(client, XS_TRANSACTION_END, id, "T", NULL);
}

static bool reads(struct client *client, uint32_t id, const char *path, const char *value)
{
    return client_read(client, id, path) == 0 && strcmp(client->payload, value) == 0;
}

Test(transaction, its_writes_show_to_itself_and_after_the_end_to_all)
{
    uint32_t id = client_start(&a);

    cr_assert_eq(client_write(&a, id, "/x/y", "1"), 0);
    cr_assert(reads(&a, id, "/x/y", "1"));
    cr_assert_eq(client_read(&b, 0, "/x/y"), ENOENT);

    cr_assert_eq(end(&a, id), 0);
    cr_assert(reads(&b, 0, "/x/y", "1"));
}

Test(transaction, it_does_not_see_what_others_write)
{
    uint32_t id;

    client_write(&a, 0, "/x", "1");
    id = client_start(&a);
    client_write(&b, 0, "/x", "2");

    cr_assert(reads(&a, id, "/x", "1"));
    cr_assert_eq(end(&a, id), 0, "one that only reads never conflicts");
    cr_assert(reads(&a, 0, "/x", "2"));
}

Test(transaction, read_value_that_changed_is_a_conflict)
{
    uint32_t id;

    client_write(&a, 0, "/x", "1");
    id = client_start(&a);
    client_read(&a, id, "/x");
    client_write(&a, id, "/y", "1");
    client_write(&b, 0, "/x", "2");

    cr_assert_eq(end(&a, id), EAGAIN);
    cr_assert_eq(client_read(&a, 0, "/y"), ENOENT);
    cr_assert_eq(end(&a, id), ENOENT, "it is gone");
}

Test(transaction, written_value_that_changed_is_a_conflict)
{
    uint32_t id = client_start(&a);

    client_write(&a, id, "/x", "1");
    client_write(&b, 0, "/x", "2");

    cr_assert_eq(end(&a, id), EAGAIN);
    cr_assert(reads(&a, 0, "/x", "2"));
}

Test(transaction, absence_that_ended_is_a_conflict)
{
    uint32_t id = client_start(&a);

    cr_assert_eq(client_read(&a, id, "/x"), ENOENT);
    client_write(&a, id, "/y", "1");
    client_write(&b, 0, "/x", "2");

    cr_assert_eq(end(&a, id), EAGAIN);
}

Test(transaction, listed_children_that_changed_are_a_conflict)
{
    uint32_t id;

    client_write(&a, 0, "/x/1", "");
    id = client_start(&a);
    client_call(&a, XS_DIRECTORY, id, "/x", NULL);
    client_write(&a, id, "/y", "1");
    client_write(&b, 0, "/x/2", "2");

    cr_assert_eq(end(&a, id), EAGAIN);
}

Test(transaction, different_children_of_one_parent_do_not_conflict)
{
    uint32_t first;
    uint32_t second;

    client_call(&a, XS_MKDIR, 0, "/x", NULL);
    first = client_start(&a);
    second = client_start(&b);
    client_write(&a, first, "/x/1", "1");
    client_write(&b, second, "/x/2", "2");

    cr_assert_eq(end(&a, first), 0);
    cr_assert_eq(end(&b, second), 0);
    cr_assert(reads(&a, 0, "/x/1", "1"));
    cr_assert(reads(&a, 0, "/x/2", "2"));
}

Test(transaction, changes_elsewhere_are_kept_by_the_commit)
{
    uint32_t id;

    client_write(&a, 0, "/x/1", "1");
    id = client_start(&a);
    client_write(&a, id, "/x/1", "2");
    client_write(&b, 0, "/z", "3");

    cr_assert_eq(end(&a, id), 0);
    cr_assert(reads(&a, 0, "/x/1", "2"));
    cr_assert(reads(&a, 0, "/z", "3"));
}

Test(transaction, removed_subtree_that_grew_is_a_conflict)
{
    uint32_t id;

    client_write(&a, 0, "/x/1", "1");
    id = client_start(&a);
    cr_assert_eq(client_call(&a, XS_RM, id, "/x", NULL), 0);
    client_write(&b, 0, "/x/2", "2");

    cr_assert_eq(end(&a, id), EAGAIN);
    cr_assert(reads(&a, 0, "/x/1", "1"));
}

Test(transaction, parent_that_was_removed_is_a_conflict)
{
    uint32_t id;

    client_call(&a, XS_MKDIR, 0, "/x", NULL);
    id = client_start(&a);
    client_write(&a, id, "/x/1", "1");
    client_call(&b, XS_RM, 0, "/x", NULL);

    cr_assert_eq(end(&a, id), EAGAIN);
}

Test(transaction, remove_then_create_again_merges)
{
    uint32_t id;

    client_write(&a, 0, "/x/y", "1");
    client_write(&a, 0, "/x/z", "1");
    id = client_start(&a);
    client_read(&a, id, "/x/y");
    client_call(&a, XS_RM, id, "/x", NULL);
    client_write(&a, id, "/x/y", "2");
    client_write(&b, 0, "/elsewhere", "");

    cr_assert_eq(end(&a, id), 0);
    cr_assert(reads(&a, 0, "/x/y", "2"));
    cr_assert_eq(client_read(&a, 0, "/x/z"), ENOENT);
}

Test(transaction, nested_removals_merge)
{
    uint32_t id;

    client_write(&a, 0, "/x/y/z", "1");
    id = client_start(&a);
    client_call(&a, XS_RM, id, "/x/y", NULL);
    client_call(&a, XS_RM, id, "/x", NULL);
    client_write(&b, 0, "/elsewhere", "");

    cr_assert_eq(end(&a, id), 0);
    cr_assert_eq(client_read(&a, 0, "/x"), ENOENT);
    cr_assert(reads(&a, 0, "/elsewhere", ""));
}

Test(transaction, abort_leaves_nothing)
{
    uint32_t id = client_start(&a);

    client_write(&a, id, "/x", "1");
    cr_assert_eq(client_call(&a, XS_TRANSACTION_END, id, "F", NULL), 0);

    cr_assert_eq(client_read(&a, 0, "/x"), ENOENT);
    cr_assert_eq(a.connection.transaction_count, 0);
}

Test(transaction, unknown_and_foreign_ids_are_refused)
{
    uint32_t id = client_start(&a);

    cr_assert_eq(client_read(&a, id + 1, "/"), ENOENT);
    cr_assert_eq(client_read(&b, id, "/"), ENOENT, "it is of another client");
    cr_assert_eq(end(&a, 0), ENOENT);
    cr_assert_eq(client_call(&a, XS_TRANSACTION_END, id, "X", NULL), EINVAL);
    cr_assert_eq(client_call(&a, XS_TRANSACTION_START, id, "", NULL), EBUSY);
    cr_assert_eq(end(&a, id), 0);
}

Test(transaction, disconnecting_drops_it)
{
    uint32_t id = client_start(&b);

    client_write(&b, id, "/x", "1");
    client_disconnect(&b);
    client_connect(&b, &store, 0);

    cr_assert_eq(client_read(&a, 0, "/x"), ENOENT);
}

/* Money is only moved: two clients interleave transactions that take from one account and give to
 * another, repeating on EAGAIN. The sum must stay. */
Test(transaction, interleaved_transfers_keep_the_sum)
{
    struct client *clients[2] = {&a, &b};
    uint32_t ids[2] = {0, 0};
    unsigned int seed = 42;
    int commits = 0;
    int sum = 0;
    char path[16];
    char value[16];

    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "/acc/%d", i);
        client_write(&a, 0, path, "100");
    }
    for (int step = 0; step < 4000; step++) {
        int who = rand_r(&seed) % 2;
        struct client *client = clients[who];

        if (ids[who] == 0) {
            ids[who] = client_start(client);
            continue;
        }
        if (rand_r(&seed) % 3 == 0) {
            int rc = end(client, ids[who]);

            cr_assert(rc == 0 || rc == EAGAIN);
            commits += rc == 0;
            ids[who] = 0;
            continue;
        }
        for (int sign = -1; sign <= 1; sign += 2) {
            snprintf(path, sizeof(path), "/acc/%d", rand_r(&seed) % 4);
            cr_assert_eq(client_read(client, ids[who], path), 0);
            snprintf(value, sizeof(value), "%d", atoi(client->payload) + sign);
            cr_assert_eq(client_write(client, ids[who], path, value), 0);
        }
    }
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "/acc/%d", i);
        client_read(&a, 0, path);
        sum += atoi(a.payload);
    }

    cr_assert_eq(sum, 400);
    cr_assert_gt(commits, 100);
}
