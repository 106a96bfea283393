/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include "xenstore/path.h"
#include "xenstore/tests/client.h"

static struct store store;
static struct client dom0;
static struct client guest;

static void setup(void)
{
    client_store_init(&store);
    client_connect(&dom0, &store, 0);
    client_connect(&guest, &store, 3);
    client_write(&dom0, 0, "/local/domain/3/data", "");
    client_call(&dom0, XS_SET_PERMS, 0, "/local/domain/3", "n0", "r3", NULL);
    client_call(&dom0, XS_SET_PERMS, 0, "/local/domain/3/data", "n3", NULL);
}

static void teardown(void)
{
    client_disconnect(&dom0);
    client_disconnect(&guest);
    store_destroy(&store);
}

TestSuite(watch, .init = setup, .fini = teardown);

static int watch(struct client *client, const char *path, const char *token)
{
    int rc = client_call(client, XS_WATCH, 0, path, token, NULL);

    if (rc == 0) {
        cr_assert_str_eq(client_next_event(client), path, "fires once at registration");
        cr_assert_str_eq(client->payload + strlen(path) + 1, token);
        cr_assert_eq(client->header.req_id, 0);
        cr_assert_eq(client->header.tx_id, 0);
        cr_assert_null(client_next_event(client));
    }
    return rc;
}

#define EXPECT_EVENT(client, path)                                                                 \
    do {                                                                                           \
        const char *got_ = client_next_event(client);                                              \
        cr_assert_not_null(got_);                                                                  \
        cr_assert_str_eq(got_, path);                                                              \
    } while (0)

Test(watch, fires_for_the_node_and_all_below)
{
    cr_assert_eq(watch(&dom0, "/a", "t"), 0);
    client_write(&guest, 0, "/local/domain/3/data", "");
    cr_assert_null(client_next_event(&dom0));

    struct client other;

    client_connect(&other, &store, 0);
    client_write(&other, 0, "/a/b/c", "1");
    EXPECT_EVENT(&dom0, "/a/b/c");
    client_call(&other, XS_MKDIR, 0, "/a/d", NULL);
    EXPECT_EVENT(&dom0, "/a/d");
    client_call(&other, XS_SET_PERMS, 0, "/a", "r0", NULL);
    EXPECT_EVENT(&dom0, "/a");
    client_call(&other, XS_RM, 0, "/a/b", NULL);
    EXPECT_EVENT(&dom0, "/a/b");
    client_write(&other, 0, "/ab", "1");
    client_call(&other, XS_MKDIR, 0, "/a/d", NULL);
    client_read(&other, 0, "/a/d");
    cr_assert_null(client_next_event(&dom0), "not for neighbours, nor for what changed nothing");
    client_disconnect(&other);
}

Test(watch, on_the_root_fires_for_everything)
{
    cr_assert_eq(watch(&dom0, "/", "t"), 0);
    client_write(&guest, 0, "/local/domain/3/data/x", "1");
    EXPECT_EVENT(&dom0, "/local/domain/3/data/x");
}

Test(watch, on_a_node_removed_with_its_parent_fires)
{
    client_write(&dom0, 0, "/local/domain/3/data/a/b", "1");
    cr_assert_eq(watch(&dom0, "/local/domain/3/data/a/b", "deep"), 0);
    cr_assert_eq(watch(&dom0, "/local/domain/3/data/a/b/none", "no"), 0);

    cr_assert_eq(client_call(&guest, XS_RM, 0, "data", NULL), 0);
    EXPECT_EVENT(&dom0, "/local/domain/3/data/a/b");
    cr_assert_null(client_next_event(&dom0), "nothing was there");
}

/* What a toolstack does with a device that is there already: all of it away and made anew, at once. */
Test(watch, on_a_node_that_went_with_its_parent_fires_though_the_parent_is_there_again)
{
    uint32_t id;

    client_write(&dom0, 0, "/local/domain/3/data/a/gone", "1");
    client_write(&dom0, 0, "/local/domain/3/data/a/again", "1");
    cr_assert_eq(watch(&guest, "data/a/gone", "g"), 0);
    cr_assert_eq(watch(&guest, "data/a/again", "a"), 0);
    id = client_start(&dom0);
    client_call(&dom0, XS_RM, id, "/local/domain/3/data/a", NULL);
    client_write(&dom0, id, "/local/domain/3/data/a", "");
    client_write(&dom0, id, "/local/domain/3/data/a/again", "2");
    cr_assert_eq(client_call(&dom0, XS_TRANSACTION_END, id, "T", NULL), 0);

    EXPECT_EVENT(&guest, "data/a/gone");
    EXPECT_EVENT(&guest, "data/a/again");
    cr_assert_null(client_next_event(&guest));
}

Test(watch, relative_watch_gives_relative_paths)
{
    cr_assert_eq(watch(&guest, "data", "t"), 0);
    client_write(&dom0, 0, "/local/domain/3/data/x", "1");
    EXPECT_EVENT(&guest, "data/x");
    cr_assert_str_eq(guest.payload + strlen("data/x") + 1, "t");
}

Test(watch, same_path_and_token_twice_is_refused)
{
    cr_assert_eq(watch(&guest, "data", "t"), 0);
    cr_assert_eq(watch(&guest, "data", "t"), EEXIST);
    cr_assert_eq(watch(&guest, "data", "u"), 0);
    cr_assert_eq(watch(&guest, "/local/domain/3/data", "t"), 0);
    cr_assert_eq(guest.connection.watch_count, 3);
}

Test(watch, unwatch_ends_it)
{
    cr_assert_eq(watch(&guest, "data", "t"), 0);
    cr_assert_eq(client_call(&guest, XS_UNWATCH, 0, "data", "x", NULL), ENOENT);
    cr_assert_eq(client_call(&guest, XS_UNWATCH, 0, "data", "t", NULL), 0);
    client_write(&dom0, 0, "/local/domain/3/data", "1");
    cr_assert_null(client_next_event(&guest));
}

Test(watch, reset_ends_all)
{
    cr_assert_eq(watch(&guest, "data", "t"), 0);
    cr_assert_neq(client_start(&guest), 0);
    cr_assert_eq(client_request(&guest, XS_RESET_WATCHES, 0, "", 0), 0);
    cr_assert_eq(guest.connection.watch_count, 0);
    cr_assert_eq(guest.connection.transaction_count, 0);
}

Test(watch, does_not_tell_what_may_not_be_read)
{
    cr_assert_eq(watch(&guest, "/secret", "t"), 0);
    cr_assert_eq(watch(&guest, "/open", "t"), 0);
    client_write(&dom0, 0, "/secret/x", "1");
    client_write(&dom0, 0, "/open", "1");
    client_drop_events(&guest);

    client_call(&dom0, XS_SET_PERMS, 0, "/open", "r0", NULL);
    EXPECT_EVENT(&guest, "/open");
    client_write(&dom0, 0, "/secret/x", "2");
    cr_assert_null(client_next_event(&guest));
    client_write(&dom0, 0, "/open/child", "1");
    EXPECT_EVENT(&guest, "/open/child");
    client_call(&dom0, XS_SET_PERMS, 0, "/open/child", "n0", NULL);
    EXPECT_EVENT(&guest, "/open/child");
    client_call(&dom0, XS_RM, 0, "/open", NULL);
    EXPECT_EVENT(&guest, "/open");
}

Test(watch, of_a_transaction_come_after_its_commit_in_order)
{
    uint32_t id = client_start(&dom0);

    cr_assert_eq(watch(&guest, "/local/domain/3", "t"), 0);
    client_write(&dom0, id, "/local/domain/3/z", "1");
    client_write(&dom0, id, "/local/domain/3/data/b/c", "1");
    client_read(&dom0, id, "/tool");
    cr_assert_null(client_next_event(&guest));

    client_call(&dom0, XS_TRANSACTION_END, id, "T", NULL);
    EXPECT_EVENT(&guest, "/local/domain/3/z");
    EXPECT_EVENT(&guest, "/local/domain/3/data/b/c");
    cr_assert_null(client_next_event(&guest));
}

Test(watch, same_event_waits_only_once)
{
    cr_assert_eq(watch(&guest, "data", "t"), 0);
    client_write(&dom0, 0, "/local/domain/3/data", "1");
    client_write(&dom0, 0, "/local/domain/3/data", "2");
    client_write(&dom0, 0, "/local/domain/3/data/x", "2");
    client_write(&dom0, 0, "/local/domain/3/data", "3");

    EXPECT_EVENT(&guest, "data");
    EXPECT_EVENT(&guest, "data/x");
    cr_assert_null(client_next_event(&guest));
}

Test(watch, special_nodes_need_permission)
{
    cr_assert_eq(watch(&dom0, "@releaseDomain", "t"), 0);
    cr_assert_eq(watch(&guest, "@releaseDomain", "t"), 0);
    watch_fire_special(&store, PATH_RELEASE_DOMAIN);
    EXPECT_EVENT(&dom0, "@releaseDomain");
    cr_assert_null(client_next_event(&guest));

    cr_assert_eq(client_call(&guest, XS_SET_PERMS, 0, "@releaseDomain", "n0", "r3", NULL), EACCES);
    cr_assert_eq(client_call(&dom0, XS_SET_PERMS, 0, "@releaseDomain", "n0", "r3", NULL), 0);
    watch_fire_special(&store, PATH_RELEASE_DOMAIN);
    EXPECT_EVENT(&guest, "@releaseDomain");
    cr_assert_eq(client_call(&guest, XS_GET_PERMS, 0, "@releaseDomain", NULL), 0);
    watch_fire_special(&store, PATH_INTRODUCE_DOMAIN);
    cr_assert_null(client_next_event(&guest));
}

Test(watch, bad_paths_and_tokens_are_refused)
{
    char token[WATCH_TOKEN_MAX + 2];

    memset(token, 't', sizeof(token));
    token[WATCH_TOKEN_MAX + 1] = '\0';
    cr_assert_eq(watch(&guest, "@other", "t"), EINVAL);
    cr_assert_eq(watch(&guest, "/a//b", "t"), EINVAL);
    cr_assert_eq(watch(&guest, "/a", token), EINVAL);
    token[WATCH_TOKEN_MAX] = '\0';
    cr_assert_eq(watch(&guest, "/a", token), 0);
}

Test(watch, client_that_does_not_read_costs_a_bounded_amount)
{
    char path[64];

    store.quota.max_output_bytes = 4096;
    cr_assert_eq(watch(&guest, "data", "t"), 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(path, sizeof(path), "/local/domain/3/data/%d", i);
        client_write(&dom0, 0, path, "");
    }

    cr_assert_leq(guest.connection.out.waiting_bytes, 4096);
    cr_assert_gt(guest.connection.dropped_events, 0);
}

static double cpu_seconds(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* One commit of a domain that watches with all it may: 64,000 different events for itself. While the
 * daemon puts them into the queue it serves nobody else. */
Test(watch, many_events_for_one_client_take_no_time_of_others)
{
    char path[32];
    char token[16];
    uint32_t id;
    double start;

    for (unsigned i = 0; i < store.quota.watches; i++) {
        snprintf(token, sizeof(token), "%u", i);
        cr_assert_eq(client_call(&guest, XS_WATCH, 0, "data", token, NULL), 0);
    }
    id = client_start(&guest);
    for (unsigned i = 0; i < 500; i++) {
        snprintf(path, sizeof(path), "data/%u", i);
        cr_assert_eq(client_write(&guest, id, path, ""), 0);
    }
    start = cpu_seconds();
    cr_assert_eq(client_call(&guest, XS_TRANSACTION_END, id, "T", NULL), 0);
    cr_expect_lt(cpu_seconds() - start, 3.0);

    /* Rewritten while they wait, they wait once. */
    size_t waiting_bytes = guest.connection.out.waiting_bytes;

    cr_expect_gt(waiting_bytes, (size_t)1 << 20);
    start = cpu_seconds();
    for (unsigned i = 0; i < 100; i++) {
        cr_assert_eq(client_write(&dom0, 0, "/local/domain/3/data/499", ""), 0);
    }
    cr_expect_lt(cpu_seconds() - start, 3.0);
    cr_expect_eq(guest.connection.out.waiting_bytes, waiting_bytes);
}
