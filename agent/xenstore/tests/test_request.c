/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

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
    client_write(&dom0, 0, "/local/domain/3/name", "web");
    client_call(&dom0, XS_SET_PERMS, 0, "/local/domain/3", "n0", "r3", NULL);
    client_call(&dom0, XS_SET_PERMS, 0, "/local/domain/3/name", "n0", "r3", NULL);
    client_call(&dom0, XS_SET_PERMS, 0, "/local/domain/3/data", "n3", NULL);
}

static void teardown(void)
{
    client_disconnect(&dom0);
    client_disconnect(&guest);
    store_destroy(&store);
}

TestSuite(request, .init = setup, .fini = teardown);

Test(request, value_may_hold_any_byte)
{
    cr_assert_eq(client_request(&dom0, XS_WRITE, 0, "/v\0a\0\xff", 6), 0);
    cr_assert_eq(client_read(&dom0, 0, "/v"), 0);
    cr_assert_eq(dom0.header.len, 3);
    cr_assert_arr_eq(dom0.payload, "a\0\xff", 3);
}

Test(request, write_keeps_children_and_makes_parents)
{
    client_write(&dom0, 0, "/a/b/c", "1");
    client_write(&dom0, 0, "/a", "2");
    cr_assert_eq(client_call(&dom0, XS_DIRECTORY, 0, "/a/b", NULL), 0);
    cr_assert_eq(dom0.header.len, 2);
    cr_assert_str_eq(dom0.payload, "c");
    cr_assert_eq(client_call(&dom0, XS_DIRECTORY, 0, "/a/b/c", NULL), 0);
    cr_assert_eq(dom0.header.len, 0);
}

Test(request, remove_of_a_missing_leaf_is_fine_if_its_parent_exists)
{
    client_write(&dom0, 0, "/a", "");
    cr_assert_eq(client_call(&dom0, XS_RM, 0, "/a/b", NULL), 0);
    cr_assert_eq(client_call(&dom0, XS_RM, 0, "/b/c", NULL), ENOENT);
    cr_assert_eq(client_call(&dom0, XS_RM, 0, "/", NULL), EINVAL);
}

Test(request, mkdir_keeps_what_is_there)
{
    client_write(&dom0, 0, "/a", "1");
    cr_assert_eq(client_call(&dom0, XS_MKDIR, 0, "/a", NULL), 0);
    client_read(&dom0, 0, "/a");
    cr_assert_str_eq(dom0.payload, "1");
}

Test(request, guest_reads_its_home_and_writes_only_what_it_owns)
{
    cr_assert_eq(client_read(&guest, 0, "name"), 0);
    cr_assert_str_eq(guest.payload, "web");
    cr_assert_eq(client_write(&guest, 0, "name", "x"), EACCES);
    cr_assert_eq(client_write(&guest, 0, "new", "x"), EACCES);
    cr_assert_eq(client_call(&guest, XS_RM, 0, "name", NULL), EACCES);
    cr_assert_eq(client_write(&guest, 0, "data/x", "1"), 0);
    cr_assert_eq(client_call(&guest, XS_GET_PERMS, 0, "data/x", NULL), 0);
    cr_assert_str_eq(guest.payload, "n3");
}

Test(request, guest_learns_nothing_of_what_is_closed_to_it)
{
    client_write(&dom0, 0, "/secret/x", "1");
    cr_assert_eq(client_read(&guest, 0, "/secret/x"), EACCES);
    cr_assert_eq(client_read(&guest, 0, "/secret/y"), EACCES);
    cr_assert_eq(client_call(&guest, XS_DIRECTORY, 0, "/", NULL), EACCES);
    cr_assert_eq(client_read(&guest, 0, "nothing"), ENOENT);
}

Test(request, creator_becomes_owner)
{
    client_call(&dom0, XS_SET_PERMS, 0, "/local/domain/3/data", "n0", "b3", "r4", NULL);
    cr_assert_eq(client_write(&guest, 0, "data/deep/x", "1"), 0);
    client_call(&dom0, XS_GET_PERMS, 0, "/local/domain/3/data/deep/x", NULL);
    cr_assert_eq(dom0.header.len, 9);
    cr_assert_arr_eq(dom0.payload, "n3\0b3\0r4", 9);
    cr_assert_eq(tree_nodes_owned(&store.tree, 3), 2);
}

Test(request, guest_cannot_give_a_node_away_nor_change_what_it_does_not_own)
{
    cr_assert_eq(client_call(&guest, XS_SET_PERMS, 0, "data", "n4", NULL), EPERM);
    cr_assert_eq(client_call(&guest, XS_SET_PERMS, 0, "data", "r3", "b4", NULL), 0);
    cr_assert_eq(client_call(&guest, XS_SET_PERMS, 0, "name", "n3", NULL), EACCES);
}

Test(request, privileged_requests_are_refused_to_guests)
{
    cr_assert_eq(client_call(&guest, XS_INTRODUCE, 0, "4", "1", "2", NULL), EACCES);
    cr_assert_eq(client_call(&guest, XS_RELEASE, 0, "4", NULL), EACCES);
    cr_assert_eq(client_call(&guest, XS_RESUME, 0, "4", NULL), EACCES);
    cr_assert_eq(client_call(&guest, XS_SET_TARGET, 0, "4", "0", NULL), EACCES);
    cr_assert_eq(client_call(&guest, XS_CONTROL, 0, "help", NULL), EACCES);
}

Test(request, unknown_types_and_missing_strings_are_refused)
{
    cr_assert_eq(client_request(&guest, 18 + 2, 0, "", 0), ENOSYS);
    cr_assert_eq(client_request(&guest, XS_TYPE_COUNT, 0, "", 0), ENOSYS);
    cr_assert_eq(client_request(&guest, UINT32_MAX, 0, "", 0), ENOSYS);
    cr_assert_eq(client_request(&guest, XS_WATCH_EVENT, 0, "", 0), ENOSYS);
    cr_assert_eq(client_request(&guest, XS_READ, 0, "", 0), EINVAL);
    cr_assert_eq(client_request(&guest, XS_READ, 0, "name", 4), EINVAL);
    cr_assert_eq(client_request(&guest, XS_WATCH, 0, "name\0t", 6), EINVAL);
    cr_assert_eq(client_call(&guest, XS_DIRECTORY_PART, 0, "data", "x", NULL), EINVAL);
}

Test(request, domain_paths)
{
    cr_assert_eq(client_call(&guest, XS_GET_DOMAIN_PATH, 0, "17", NULL), 0);
    cr_assert_str_eq(guest.payload, "/local/domain/17");
    cr_assert_eq(guest.header.len, sizeof("/local/domain/17"));
    cr_assert_eq(client_call(&guest, XS_GET_DOMAIN_PATH, 0, "x", NULL), EINVAL);
    cr_assert_eq(client_call(&guest, XS_IS_DOMAIN_INTRODUCED, 0, "17", NULL), 0);
    cr_assert_str_eq(guest.payload, "F");
}

Test(request, introduction_needs_xen)
{
    cr_assert_eq(client_call(&dom0, XS_INTRODUCE, 0, "4", "1", "2", NULL), ENOSYS);
    cr_assert_eq(client_call(&dom0, XS_INTRODUCE, 0, "0", "1", "2", NULL), EINVAL);
    cr_assert_eq(client_call(&dom0, XS_RELEASE, 0, "4", NULL), ENOENT);
}

/* As libxenstore does it: parts from a growing offset until one ends with an empty name. */
Test(request, long_list_comes_in_parts)
{
    char path[64];
    char offset[16] = "0";
    size_t at = 0;
    int names = 0;
    bool is_complete = false;

    for (int i = 0; i < 500; i++) {
        snprintf(path, sizeof(path), "/big/a-rather-long-name-%d", i);
        client_write(&dom0, 0, path, "");
    }
    cr_assert_eq(client_call(&dom0, XS_DIRECTORY, 0, "/big", NULL), E2BIG);
    while (!is_complete) {
        const char *name;
        const char *end;

        snprintf(offset, sizeof(offset), "%zu", at);
        cr_assert_eq(client_call(&dom0, XS_DIRECTORY_PART, 0, "/big", offset, NULL), 0);
        end = dom0.payload + dom0.header.len;
        for (name = dom0.payload + strlen(dom0.payload) + 1; name < end; name += strlen(name) + 1) {
            is_complete = *name == '\0';
            names += !is_complete;
            at += strlen(name) + 1;
        }
    }
    cr_assert_eq(names, 500);
}

Test(request, target_gives_the_rights_of_another_domain)
{
    struct client helper;

    client_connect(&helper, &store, 4);
    cr_assert_eq(client_write(&helper, 0, "/local/domain/3/data/x", "1"), EACCES);
    helper.connection.target = 3;
    cr_assert_eq(client_write(&helper, 0, "/local/domain/3/data/x", "1"), 0);
    client_disconnect(&helper);
}

Test(request, control_words)
{
    cr_assert_eq(client_call(&dom0, XS_CONTROL, 0, "help", NULL), 0);
    cr_assert_not_null(strstr(dom0.payload, "quota"));
    cr_assert_eq(client_call(&dom0, XS_CONTROL, 0, "check", NULL), 0);
    cr_assert_eq(client_call(&dom0, XS_CONTROL, 0, "memory", NULL), 0);
    cr_assert_not_null(strstr(dom0.payload, "domain 3"));
    cr_assert_eq(client_call(&dom0, XS_CONTROL, 0, "quota", "set", "nodes", "7", NULL), 0);
    cr_assert_eq(store.quota.nodes, 7);
    cr_assert_eq(client_call(&dom0, XS_CONTROL, 0, "quota", "set", "bogus", "7", NULL), EINVAL);
    cr_assert_eq(client_call(&dom0, XS_CONTROL, 0, "bogus", NULL), EINVAL);
}

/* ---- quotas ---- */

TestSuite(quota, .init = setup, .fini = teardown);

Test(quota, nodes)
{
    char path[32];

    for (int i = 0; i < 999; i++) {
        snprintf(path, sizeof(path), "data/%d", i);
        cr_assert_eq(client_write(&guest, 0, path, ""), 0);
    }
    cr_assert_eq(client_write(&guest, 0, "data/more", ""), ENOSPC);
    cr_assert_eq(client_write(&guest, 0, "data/0", "rewriting is fine"), 0);
    cr_assert_eq(client_write(&dom0, 0, "/local/domain/3/data/more", ""), 0);
    client_call(&guest, XS_RM, 0, "data/0", NULL);
    client_call(&guest, XS_RM, 0, "data/1", NULL);
    cr_assert_eq(client_write(&guest, 0, "data/again", ""), 0);
}

Test(quota, nodes_created_in_parallel_transactions)
{
    uint32_t first;
    uint32_t second;

    store.quota.nodes = 3;
    first = client_start(&guest);
    second = client_start(&guest);
    cr_assert_eq(client_write(&guest, first, "data/1", ""), 0);
    cr_assert_eq(client_write(&guest, first, "data/2", ""), 0);
    cr_assert_eq(client_write(&guest, first, "data/3", ""), ENOSPC);
    cr_assert_eq(client_write(&guest, second, "data/4", ""), 0);
    cr_assert_eq(client_call(&guest, XS_TRANSACTION_END, first, "T", NULL), 0);
    cr_assert_eq(client_call(&guest, XS_TRANSACTION_END, second, "T", NULL), ENOSPC);
    cr_assert_eq(tree_nodes_owned(&store.tree, 3), 3);
}

Test(quota, failed_creation_of_several_nodes_leaves_none)
{
    store.quota.nodes = 3;
    cr_assert_eq(client_write(&guest, 0, "data/1/2/3/4", ""), ENOSPC);
    cr_assert_eq(client_read(&guest, 0, "data/1"), ENOENT);
    cr_assert_eq(tree_nodes_owned(&store.tree, 3), 1);
}

Test(quota, watches)
{
    char token[16];

    for (int i = 0; i < 128; i++) {
        snprintf(token, sizeof(token), "%d", i);
        cr_assert_eq(client_call(&guest, XS_WATCH, 0, "data", token, NULL), 0);
    }
    cr_assert_eq(client_call(&guest, XS_WATCH, 0, "data", "more", NULL), E2BIG);
}

Test(quota, transactions)
{
    for (int i = 0; i < 10; i++) {
        cr_assert_neq(client_start(&guest), 0);
    }
    cr_assert_eq(client_call(&guest, XS_TRANSACTION_START, 0, "", NULL), ENOSPC);
}

Test(quota, paths_used_in_a_transaction)
{
    uint32_t id = client_start(&guest);
    char path[32];
    int rc = 0;

    for (int i = 0; i < 2000 && rc != ENOSPC; i++) {
        snprintf(path, sizeof(path), "data/%d", i);
        rc = client_read(&guest, id, path);
    }
    cr_assert_eq(rc, ENOSPC);
}

Test(quota, value_size)
{
    char payload[5 + 2049] = "data";

    cr_assert_eq(client_request(&guest, XS_WRITE, 0, payload, 5 + 2048), 0);
    cr_assert_eq(client_request(&guest, XS_WRITE, 0, payload, 5 + 2049), ENOSPC);
}

/* Nodes times value-size is 2 MiB, once in the store and ten times in open transactions. */
Test(quota, bytes_of_all_nodes)
{
    uint32_t id = client_start(&guest);
    char payload[8 + 2048];
    int written = 0;
    int rc = 0;

    for (; rc == 0 && written < 999; written++) {
        size_t path_size = (size_t)snprintf(payload, 8, "data/%d", written % 100) + 1;

        memset(payload + path_size, 'v', 2048);
        rc = client_request(&guest, XS_WRITE, id, payload, path_size + (written < 100 ? 1024 : 2048));
    }
    cr_expect_eq(rc, 0, "what replaces something counts once");
    cr_expect_eq(tree_bytes_owned(&guest.connection.transactions.tqh_first->tree, 3),
                 4 + 10 + 90 * 2 + 100 * 2048);
    cr_assert_eq(client_call(&guest, XS_TRANSACTION_END, id, "T", NULL), 0);
    cr_expect_eq(tree_bytes_owned(&store.tree, 3), 4 + 10 + 90 * 2 + 100 * 2048);

    id = client_start(&guest);
    for (written = 100; rc == 0 && written < 999; written++) {
        size_t path_size = (size_t)snprintf(payload, 9, "data/%d", written) + 1;

        memset(payload + path_size, 'v', 2047);
        rc = client_request(&guest, XS_WRITE, id, payload, path_size + 2047);
    }
    cr_expect_eq(rc, ENOSPC);
    cr_expect_eq(client_call(&guest, XS_TRANSACTION_END, id, "T", NULL), 0);
    cr_expect_leq(tree_bytes_owned(&store.tree, 3), store.quota.node_bytes);
    cr_expect_eq(client_write(&guest, 0, "data/0", "less is fine"), 0);
    cr_expect_eq(client_call(&guest, XS_RM, 0, "data", NULL), 0);
    cr_expect_eq(tree_bytes_owned(&store.tree, 3), 0);
}

Test(quota, permission_entries)
{
    cr_assert_eq(client_call(&guest, XS_SET_PERMS, 0, "data", "n3", "r1", "r2", "r4", "r5", NULL),
                 0);
    cr_assert_eq(
        client_call(&guest, XS_SET_PERMS, 0, "data", "n3", "r1", "r2", "r4", "r5", "r6", NULL),
        ENOSPC);
}
