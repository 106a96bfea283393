/* SPDX-License-Identifier: Apache-2.0 */
#include "xenstore/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore/path.h"

static uint64_t last_generation;

void tree_set_generation_floor(uint64_t floor)
{
    last_generation = floor;
}

/* ---- contents and nodes ---- */

static struct node_content *content_new(const char *name, size_t name_length,
                                        const struct perm *perms, size_t perm_count,
                                        const void *value, size_t value_size_bytes)
{
    /* The permissions stand first behind the name, on an even address. */
    size_t name_room = (name_length + 1 + 1) & ~(size_t)1;
    size_t perm_room = perm_count * sizeof(struct perm);
    struct node_content *content =
        malloc(sizeof(*content) + name_room + perm_room + value_size_bytes);
    struct perm *perm_copy;
    char *value_copy;

    if (content == NULL) {
        return NULL;
    }
    content->reference_count = 1;
    content->value_size_bytes = (uint32_t)value_size_bytes;
    content->perm_count = (uint32_t)perm_count;
    memcpy(content->name, name, name_length);
    content->name[name_length] = '\0';
    perm_copy = (struct perm *)(void *)(content->name + name_room);
    memcpy(perm_copy, perms, perm_room);
    content->perms = perm_copy;
    value_copy = content->name + name_room + perm_room;
    if (value_size_bytes > 0) {
        memcpy(value_copy, value, value_size_bytes);
    }
    content->value = value_copy;
    return content;
}

_Static_assert(sizeof(struct node_content) % 2 == 0, "permissions need an even address");
_Static_assert(_Alignof(struct perm) <= 2, "permissions need an even address");

static void content_put(struct node_content *content)
{
    if (--content->reference_count == 0) {
        free(content);
    }
}

static struct node *node_alloc(uint32_t child_count)
{
    struct node *node = malloc(sizeof(*node) + child_count * sizeof(node->children[0]));

    if (node != NULL) {
        node->reference_count = 1;
        node->child_count = child_count;
    }
    return node;
}

static struct node *node_get(struct node *node)
{
    node->reference_count++;
    return node;
}

/* Depth of the recursion is bounded by XENSTORE_ABS_PATH_MAX / 2. */
static void node_put(struct node *node)
{
    if (--node->reference_count > 0) {
        return;
    }
    for (uint32_t i = 0; i < node->child_count; i++) {
        node_put(node->children[i]);
    }
    content_put(node->content);
    free(node);
}

static int compare_name(const char *name, const char *part, size_t part_length)
{
    int order = strncmp(name, part, part_length);

    if (order != 0) {
        return order;
    }
    return name[part_length] == '\0' ? 0 : 1;
}

/* Position of the child, or, if there is none, the position it would have. */
static bool child_position(const struct node *node, const char *name, size_t name_length,
                           uint32_t *position)
{
    uint32_t low = 0;
    uint32_t high = node->child_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_name(node->children[middle]->content->name, name, name_length);

        if (order == 0) {
            *position = middle;
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *position = low;
    return false;
}

/* A copy of node with other content. Takes over the reference on content, also on failure. */
static struct node *node_with_content(const struct node *node, struct node_content *content)
{
    struct node *copy = node_alloc(node->child_count);

    if (copy == NULL) {
        content_put(content);
        return NULL;
    }
    copy->content = content;
    copy->children_generation = node->children_generation;
    for (uint32_t i = 0; i < node->child_count; i++) {
        copy->children[i] = node_get(node->children[i]);
    }
    return copy;
}

/* A copy of node with the child at position replaced by, or preceded by, child, or without it
 * (child NULL). Takes over the reference on child, also on failure. */
static struct node *node_with_child(const struct node *node, uint32_t position, bool exists,
                                    struct node *child)
{
    uint32_t count = node->child_count + (child != NULL ? 1 : 0) - (exists ? 1 : 0);
    struct node *copy = node_alloc(count);
    uint32_t at = 0;

    if (copy == NULL) {
        if (child != NULL) {
            node_put(child);
        }
        return NULL;
    }
    copy->content = node->content;
    copy->content->reference_count++;
    copy->children_generation =
        exists && child != NULL ? node->children_generation : ++last_generation;
    for (uint32_t i = 0; i < position; i++) {
        copy->children[at++] = node_get(node->children[i]);
    }
    if (child != NULL) {
        copy->children[at++] = child;
    }
    for (uint32_t i = position + (exists ? 1 : 0); i < node->child_count; i++) {
        copy->children[at++] = node_get(node->children[i]);
    }
    return copy;
}

/* ---- owner counts ---- */

static size_t owner_position(const struct tree *tree, domid_t domid)
{
    size_t i = 0;

    while (i < tree->owner_count && tree->owners[i].domid < domid) {
        i++;
    }
    return i;
}

uint32_t tree_nodes_owned(const struct tree *tree, domid_t domid)
{
    size_t i = owner_position(tree, domid);

    return i < tree->owner_count && tree->owners[i].domid == domid ? tree->owners[i].node_count : 0;
}

size_t tree_bytes_owned(const struct tree *tree, domid_t domid)
{
    size_t i = owner_position(tree, domid);

    return i < tree->owner_count && tree->owners[i].domid == domid ? tree->owners[i].byte_count : 0;
}

/* Make sure that the domain has an entry, so that counting up cannot fail later. */
static int owner_reserve(struct tree *tree, domid_t domid)
{
    size_t i = owner_position(tree, domid);
    struct owner_count *owners;

    if (i < tree->owner_count && tree->owners[i].domid == domid) {
        return 0;
    }
    owners = realloc(tree->owners, (tree->owner_count + 1) * sizeof(*owners));
    if (owners == NULL) {
        return ENOMEM;
    }
    memmove(owners + i + 1, owners + i, (tree->owner_count - i) * sizeof(*owners));
    owners[i] = (struct owner_count){.domid = domid};
    tree->owners = owners;
    tree->owner_count++;
    return 0;
}

static size_t counted_bytes(const struct node_content *content)
{
    return strlen(content->name) + content->value_size_bytes;
}

/* Its owner has an entry. */
static void owner_add(struct tree *tree, const struct node_content *content)
{
    size_t i = owner_position(tree, content->perms[0].domid);

    tree->owners[i].node_count++;
    tree->owners[i].byte_count += counted_bytes(content);
}

static void owner_subtract(struct tree *tree, const struct node_content *content)
{
    size_t i = owner_position(tree, content->perms[0].domid);

    tree->owners[i].byte_count -= counted_bytes(content);
    tree->owners[i].node_count--;
    if (tree->owners[i].node_count == 0) {
        tree->owner_count--;
        memmove(tree->owners + i, tree->owners + i + 1,
                (tree->owner_count - i) * sizeof(tree->owners[0]));
    }
}

static void owner_subtract_subtree(struct tree *tree, const struct node *node)
{
    owner_subtract(tree, node->content);
    for (uint32_t i = 0; i < node->child_count; i++) {
        owner_subtract_subtree(tree, node->children[i]);
    }
}

/* ---- trees ---- */

int tree_init(struct tree *tree)
{
    static const struct perm root_perm = {.domid = 0, .access = PERM_NONE};
    struct node_content *content = content_new("", 0, &root_perm, 1, NULL, 0);

    *tree = (struct tree){0};
    if (content == NULL) {
        return ENOMEM;
    }
    tree->root = node_alloc(0);
    if (tree->root == NULL || owner_reserve(tree, 0) != 0) {
        content_put(content);
        free(tree->root);
        return ENOMEM;
    }
    tree->root->content = content;
    tree->root->children_generation = ++last_generation;
    owner_add(tree, content);
    return 0;
}

void tree_destroy(struct tree *tree)
{
    if (tree->root != NULL) {
        node_put(tree->root);
    }
    free(tree->owners);
    *tree = (struct tree){0};
}

int tree_snapshot(struct tree *copy, const struct tree *tree)
{
    struct owner_count *owners = malloc((tree->owner_count + 1) * sizeof(*owners));

    if (owners == NULL) {
        return ENOMEM;
    }
    memcpy(owners, tree->owners, tree->owner_count * sizeof(*owners));
    copy->root = node_get(tree->root);
    copy->owners = owners;
    copy->owner_count = tree->owner_count;
    return 0;
}

const struct node *tree_child(const struct node *node, const char *name, size_t name_length)
{
    uint32_t position;

    return child_position(node, name, name_length, &position) ? node->children[position] : NULL;
}

const struct node *tree_find(const struct tree *tree, const char *path)
{
    const struct node *node = tree->root;
    const char *at = path + 1;

    while (node != NULL && *at != '\0') {
        size_t length = strcspn(at, "/");

        node = tree_child(node, at, length);
        at += length;
        if (*at == '/') {
            at++;
        }
    }
    return node;
}

/* A copy of node in which the content at the rest of the path is put in place. Takes over the
 * reference on content, also on failure. NULL: out of memory or (*missing) no parent. */
static struct node *put_below(const struct node *node, const char *rest,
                              struct node_content *content, bool *missing)
{
    size_t length = strcspn(rest, "/");
    uint32_t position;
    bool exists;
    struct node *child;

    if (*rest == '\0') {
        return node_with_content(node, content);
    }
    exists = child_position(node, rest, length, &position);
    if (exists) {
        const char *next = rest + length + (rest[length] == '/' ? 1 : 0);

        child = put_below(node->children[position], next, content, missing);
    } else if (rest[length] == '\0') {
        child = node_alloc(0);
        if (child == NULL) {
            content_put(content);
        } else {
            child->content = content;
            child->children_generation = ++last_generation;
        }
    } else {
        content_put(content);
        *missing = true;
        return NULL;
    }
    return child == NULL ? NULL : node_with_child(node, position, exists, child);
}

int tree_put(struct tree *tree, const char *path, const struct perm *perms, size_t perm_count,
             const void *value, size_t value_size_bytes)
{
    const struct node *old = tree_find(tree, path);
    const char *name = strrchr(path, '/') + 1;
    struct node_content *content;
    struct node *root;
    bool missing = false;

    content = content_new(name, strlen(name), perms, perm_count, value, value_size_bytes);
    if (content == NULL) {
        return ENOMEM;
    }
    root = put_below(tree->root, path + 1, content, &missing);
    if (root == NULL) {
        return missing ? ENOENT : ENOMEM;
    }
    if (owner_reserve(tree, perms[0].domid) != 0) {
        node_put(root);
        return ENOMEM;
    }
    owner_add(tree, content); /* which root holds */
    if (old != NULL) {
        owner_subtract(tree, old->content);
    }
    node_put(tree->root);
    tree->root = root;
    return 0;
}

/* The path is known to exist. */
static struct node *remove_below(const struct node *node, const char *rest)
{
    size_t length = strcspn(rest, "/");
    uint32_t position;
    struct node *child = NULL;

    child_position(node, rest, length, &position);
    if (rest[length] == '/') {
        child = remove_below(node->children[position], rest + length + 1);
        if (child == NULL) {
            return NULL;
        }
    }
    return node_with_child(node, position, true, child);
}

int tree_remove(struct tree *tree, const char *path)
{
    const struct node *old = tree_find(tree, path);
    struct node *root;

    if (old == NULL) {
        return ENOENT;
    }
    if (old == tree->root) {
        return EINVAL;
    }
    root = remove_below(tree->root, path + 1);
    if (root == NULL) {
        return ENOMEM;
    }
    owner_subtract_subtree(tree, old);
    node_put(tree->root);
    tree->root = root;
    return 0;
}

size_t tree_node_count(const struct tree *tree)
{
    size_t count = 0;

    for (size_t i = 0; i < tree->owner_count; i++) {
        count += tree->owners[i].node_count;
    }
    return count;
}

struct walk {
    char path[PATH_BUFFER_SIZE];
    bool (*visit)(const struct node *node, const char *path, void *context);
    void *context;
};

static bool walk_below(struct walk *walk, const struct node *node, size_t path_length)
{
    if (!walk->visit(node, walk->path, walk->context)) {
        return false;
    }
    for (uint32_t i = 0; i < node->child_count; i++) {
        const char *name = node->children[i]->content->name;
        size_t name_length = strlen(name);
        size_t at = path_length == 1 ? 0 : path_length; /* "/" + "a" is "/a" */

        walk->path[at] = '/';
        memcpy(walk->path + at + 1, name, name_length + 1);
        if (!walk_below(walk, node->children[i], at + 1 + name_length)) {
            return false;
        }
        walk->path[path_length] = '\0';
    }
    return true;
}

bool tree_walk(const struct node *node, const char *path,
               bool (*visit)(const struct node *node, const char *path, void *context),
               void *context)
{
    struct walk walk = {.visit = visit, .context = context};
    size_t length = strlen(path);

    memcpy(walk.path, path, length + 1);
    return walk_below(&walk, node, length);
}
