/* An intrusive doubly linked list with a head node. Owns nothing; the owner of the head is the one
 * thread that may touch it. A node that is not linked is zeroed, so list_is_linked tells. */
#pragma once

#include "log/base/types.h"

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *head) { head->next = head->prev = head; }
static inline bool list_is_empty(const struct list *head) { return head->next == head; }
static inline bool list_is_linked(const struct list *node) { return node->next != NULL; }

static inline void list_insert_between(struct list *node, struct list *prev, struct list *next)
{
	node->prev = prev;
	node->next = next;
	prev->next = node;
	next->prev = node;
}

static inline void list_push_back(struct list *head, struct list *node) { list_insert_between(node, head->prev, head); }
static inline void list_push_front(struct list *head, struct list *node) { list_insert_between(node, head, head->next); }

/* Unlinks a node; harmless if it is not linked. */
static inline void list_remove(struct list *node)
{
	if (!list_is_linked(node))
		return;
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->next = node->prev = NULL;
}

static inline struct list *list_pop_front(struct list *head)
{
	if (list_is_empty(head))
		return NULL;
	struct list *node = head->next;
	list_remove(node);
	return node;
}

/* Moves all nodes of `source` behind those of `target`. */
static inline void list_splice(struct list *target, struct list *source)
{
	if (list_is_empty(source))
		return;
	source->next->prev = target->prev;
	target->prev->next = source->next;
	source->prev->next = target;
	target->prev = source->prev;
	list_init(source);
}

#define LIST_ENTRY(node, type, member) CONTAINER_OF(node, type, member)
#define LIST_FOR_EACH(node, head) for (struct list *node = (head)->next; node != (head); node = node->next)
#define LIST_FOR_EACH_SAFE(node, head)                                                            \
	for (struct list *node = (head)->next, *node##_next = node->next; node != (head);         \
	     node = node##_next, node##_next = node->next)
