/* SPDX-License-Identifier: Apache-2.0 */
/* Circular doubly linked lists, the node embedded in what it links. */
#pragma once

#include <hv/types.h>

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_insert_before(struct list *node, struct list *position)
{
    node->next = position;
    node->prev = position->prev;
    position->prev->next = node;
    position->prev = node;
}

static inline void list_add_tail(struct list *node, struct list *head)
{
    list_insert_before(node, head);
}

/* Unlinks and leaves the node as an empty list, so that removing twice is harmless. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#define list_for_each(entry, head, type, member)                                                   \
    for (type *entry = container_of((head)->next, type, member); &entry->member != (head);         \
         entry = container_of(entry->member.next, type, member))
