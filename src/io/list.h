/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doubly linked list of links that lie inside the things listed, so that
 * joining and leaving a list allocates nothing and takes no search.
 *
 *     head <-> thing.link <-> thing.link <-> head      a ring; empty: head only
 *
 * A link that is all zero or was removed is in no list. A head must be made
 * with wsp_list_init.
 */
#ifndef WSP_IO_LIST_H
#define WSP_IO_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct wsp_link {
    struct wsp_link *prev, *next;
} wsp_link_t;

/** The thing around a link. */
#define wsp_list_item(at, type, member)                                        \
    ((type *)(void *)((char *)(at)-offsetof(type, member)))

static inline void wsp_list_init(wsp_link_t *head)
{
    head->prev = head->next = head;
}

static inline bool wsp_list_is_empty(const wsp_link_t *head)
{
    return head->next == head;
}

static inline bool wsp_link_is_in_list(const wsp_link_t *link)
{
    return link->next != NULL;
}

static inline void wsp_list_append(wsp_link_t *head, wsp_link_t *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

/** Take a link out of whatever list it is in; harmless if in none. */
static inline void wsp_list_remove(wsp_link_t *link)
{
    if (link->next != NULL) {
        link->prev->next = link->next;
        link->next->prev = link->prev;
        link->prev = link->next = NULL;
    }
}

/** Take the first link out. @return NULL: the list is empty */
static inline wsp_link_t *wsp_list_pop(wsp_link_t *head)
{
    wsp_link_t *first = head->next;
    if (first == head) {
        return NULL;
    }
    wsp_list_remove(first);
    return first;
}

/** Move all links of @a from to the end of @a to. */
static inline void wsp_list_move_all(wsp_link_t *to, wsp_link_t *from)
{
    if (wsp_list_is_empty(from)) {
        return;
    }
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    wsp_list_init(from);
}

#endif
