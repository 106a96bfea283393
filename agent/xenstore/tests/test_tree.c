/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "xenstore/path.h"
#include "xenstore/tree.h"

static const struct perm of_0 = {.domid = 0};
static const struct perm of_3 = {.domid = 3, .access = PERM_READ};

static int put(struct tree *tree, const char *path, const char *value)
{
    return tree_put(tree, path, &of_0, 1, value, strlen(value));
}

static bool has_value(const struct tree *tree, const char *path, const char *value)
{
    const struct node *node = tree_find(tree, path);

    return node != NULL && node->content->value_size_bytes == strlen(value) &&
           memcmp(node->content->value, value, strlen(value)) == 0;
}

Test(tree, put_value_is_found_and_can_be_replaced)
{
    struct tree tree;

    cr_assert_eq(tree_init(&tree), 0);
    cr_assert_eq(put(&tree, "/a", "1"), 0);
    cr_assert_eq(put(&tree, "/a/b", "2"), 0);
    cr_assert_eq(put(&tree, "/a", "3"), 0);

    cr_assert(has_value(&tree, "/a", "3"));
    cr_assert(has_value(&tree, "/a/b", "2"));
    cr_assert_null(tree_find(&tree, "/b"));
    cr_assert_null(tree_find(&tree, "/a/b/c"));
    cr_assert_not_null(tree_find(&tree, "/"));
    tree_destroy(&tree);
}

Test(tree, node_without_parent_is_refused_and_nothing_changes)
{
    struct tree tree;

    cr_assert_eq(tree_init(&tree), 0);

    cr_assert_eq(put(&tree, "/a/b", "2"), ENOENT);
    cr_assert_null(tree_find(&tree, "/a"));
    cr_assert_eq(tree_node_count(&tree), 1);
    tree_destroy(&tree);
}

Test(tree, root_cannot_be_removed)
{
    struct tree tree;

    cr_assert_eq(tree_init(&tree), 0);
    cr_assert_eq(tree_remove(&tree, "/"), EINVAL);
    cr_assert_eq(tree_remove(&tree, "/a"), ENOENT);
    tree_destroy(&tree);
}

Test(tree, snapshot_does_not_see_later_changes)
{
    struct tree tree;
    struct tree snapshot;

    cr_assert_eq(tree_init(&tree), 0);
    put(&tree, "/a", "1");
    put(&tree, "/a/b", "1");
    cr_assert_eq(tree_snapshot(&snapshot, &tree), 0);

    put(&tree, "/a/b", "2");
    put(&tree, "/a/c", "2");
    cr_assert_eq(tree_remove(&tree, "/a/b"), 0);

    cr_assert(has_value(&snapshot, "/a/b", "1"));
    cr_assert_null(tree_find(&snapshot, "/a/c"));
    cr_assert_null(tree_find(&tree, "/a/b"));
    tree_destroy(&tree);
    cr_assert(has_value(&snapshot, "/a/b", "1"));
    tree_destroy(&snapshot);
}

Test(tree, unchanged_parts_are_shared)
{
    struct tree tree;
    struct tree snapshot;

    cr_assert_eq(tree_init(&tree), 0);
    put(&tree, "/a", "");
    put(&tree, "/b", "");
    put(&tree, "/b/c", "");
    tree_snapshot(&snapshot, &tree);

    put(&tree, "/a/x", "");

    cr_assert_eq(tree_find(&tree, "/b"), tree_find(&snapshot, "/b"));
    cr_assert_neq(tree_find(&tree, "/a"), tree_find(&snapshot, "/a"));
    cr_assert_eq(tree_find(&tree, "/a")->content, tree_find(&snapshot, "/a")->content);
    tree_destroy(&tree);
    tree_destroy(&snapshot);
}

Test(tree, list_generation_changes_with_the_list_only)
{
    struct tree tree;
    uint64_t generation;

    cr_assert_eq(tree_init(&tree), 0);
    put(&tree, "/a", "");
    put(&tree, "/a/b", "1");
    generation = tree_find(&tree, "/a")->children_generation;

    put(&tree, "/a", "x");
    put(&tree, "/a/b", "2");
    put(&tree, "/a/b/c", "2");
    cr_assert_eq(tree_find(&tree, "/a")->children_generation, generation);
    put(&tree, "/a/d", "2");
    cr_assert_gt(tree_find(&tree, "/a")->children_generation, generation);
    tree_destroy(&tree);
}

Test(tree, owned_nodes_are_counted)
{
    struct tree tree;

    cr_assert_eq(tree_init(&tree), 0);
    put(&tree, "/a", "");
    tree_put(&tree, "/a/b", &of_3, 1, NULL, 0);
    tree_put(&tree, "/a/b/c", &of_3, 1, NULL, 0);
    cr_assert_eq(tree_nodes_owned(&tree, 3), 2);
    cr_assert_eq(tree_nodes_owned(&tree, 0), 2);

    tree_put(&tree, "/a/b/c", &of_0, 1, NULL, 0);
    cr_assert_eq(tree_nodes_owned(&tree, 3), 1);
    tree_remove(&tree, "/a");
    cr_assert_eq(tree_nodes_owned(&tree, 3), 0);
    cr_assert_eq(tree_node_count(&tree), 1);
    tree_destroy(&tree);
}

struct listing {
    char text[256];
};

static bool list(const struct node *node, const char *path, void *context)
{
    struct listing *listing = context;

    (void)node;
    strcat(listing->text, path);
    strcat(listing->text, " ");
    return true;
}

Test(tree, walk_goes_parents_first_and_by_name)
{
    struct tree tree;
    struct listing listing = {0};

    cr_assert_eq(tree_init(&tree), 0);
    put(&tree, "/b", "");
    put(&tree, "/a", "");
    put(&tree, "/ab", "");
    put(&tree, "/a/x", "");
    tree_walk(tree.root, "/", list, &listing);

    cr_assert_str_eq(listing.text, "/ /a /a/x /ab /b ");
    tree_destroy(&tree);
}

Test(tree, deepest_path_there_can_be)
{
    struct tree tree;
    char path[PATH_BUFFER_SIZE] = "";

    cr_assert_eq(tree_init(&tree), 0);
    for (size_t i = 0; i + 2 <= XENSTORE_ABS_PATH_MAX; i += 2) {
        strcat(path, "/a");
        cr_assert_eq(put(&tree, path, ""), 0);
    }

    cr_assert_eq(tree_node_count(&tree), XENSTORE_ABS_PATH_MAX / 2 + 1);
    cr_assert_eq(tree_remove(&tree, "/a"), 0);
    cr_assert_eq(tree_node_count(&tree), 1);
    tree_destroy(&tree);
}

/* Against a model so simple that it cannot be wrong: which of 64 leaves exist, with which value. */
Test(tree, random_changes_agree_with_a_table)
{
    struct tree tree;
    int model[8][8];
    unsigned int seed = 1;

    memset(model, -1, sizeof(model));
    cr_assert_eq(tree_init(&tree), 0);
    for (int step = 0; step < 20000; step++) {
        int i = rand_r(&seed) % 8;
        int j = rand_r(&seed) % 8;
        char parent[16];
        char path[16];
        char value[16];

        snprintf(parent, sizeof(parent), "/d%d", i);
        snprintf(path, sizeof(path), "/d%d/e%d", i, j);
        snprintf(value, sizeof(value), "%d", step);
        if (rand_r(&seed) % 3 == 0) {
            cr_assert_eq(tree_remove(&tree, path), model[i][j] >= 0 ? 0 : ENOENT);
            model[i][j] = -1;
        } else {
            if (tree_find(&tree, parent) == NULL) {
                cr_assert_eq(put(&tree, parent, ""), 0);
            }
            cr_assert_eq(put(&tree, path, value), 0);
            model[i][j] = step;
        }
    }
    for (int i = 0; i < 8; i++) {
        for (int j = 0; j < 8; j++) {
            char path[16];
            char value[16];

            snprintf(path, sizeof(path), "/d%d/e%d", i, j);
            snprintf(value, sizeof(value), "%d", model[i][j]);
            cr_assert(model[i][j] >= 0 ? has_value(&tree, path, value)
                                       : tree_find(&tree, path) == NULL);
        }
    }
    tree_destroy(&tree);
}
