/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/match.h: matching of receives with messages, for one context of a communicator.
 *
 * Every pair of source and tag that was ever asked for or has arrived has a *bin*, found by a hash: a queue of posted
 * receives and a queue of unexpected messages. Receives with wildcards have bins of their own, (ANY, tag),
 * (source, ANY) and (ANY, ANY), in which unexpected messages are queued as well once a receive of that kind was
 * seen. An arrival looks into the exact bin and into one bin for each kind of wildcard that is posted, and takes the
 * receive that was posted first; a receive looks into one bin. Both are O(1) however long the queues are.
 *
 * This file knows nothing of am.h, communicators or payloads.
 */
#ifndef CORE_MATCH_H
#define CORE_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct match_link {
    struct match_link *next, *prev;
};

enum { MATCH_ANY = -1, MATCH_KINDS = 4 };

/* Part of a receive. */
struct match_posted {
    struct match_link link;
    uint64_t order; /* of posting */
    int source;     /* or MATCH_ANY */
    int tag;        /* or MATCH_ANY */
};

/* Part of a message. */
struct match_message {
    struct match_link link[MATCH_KINDS];
    int source;
    int tag;
};

/* What `struct match` begins with. */
struct match_state {
    size_t unexpected; /* messages */
};

struct match;

struct match *match_create(void);
/* Whose it is, for those who find it by its number; NULL at first. */
void match_set_owner(struct match *match, void *owner);
void *match_owner(const struct match *match);
/* Its queues are empty, or their contents no longer matter. */
void match_destroy(struct match *match);

/* Take the message that a receive of (source, tag) gets, or post the receive and return NULL. */
struct match_message *match_receive(struct match *match, struct match_posted *posted, int source,
                                    int tag);

/* Take the receive that gets a message of (source, tag) that has just arrived, or NULL: match_store it then. */
struct match_posted *match_arrive(struct match *match, int source, int tag);
void match_store(struct match *match, struct match_message *message, int source, int tag);

/* The message that a receive of (source, tag) would get, left where it is. */
struct match_message *match_find(struct match *match, int source, int tag);
/* Put back at the front of its queue what match_receive took. */
void match_return(struct match *match, struct match_message *message);
/* Take out a message that match_find found, or a receive that was posted. */
void match_take(struct match *match, struct match_message *message);
void match_cancel(struct match *match, struct match_posted *posted);

/* Visit every message or every receive once, in no order; the visitor may take out the one that it is given.
 * Stops when it returns true. */
typedef bool match_visit_message(struct match_message *message, void *context);
typedef bool match_visit_posted(struct match_posted *posted, void *context);
void match_each_message(struct match *match, match_visit_message *visit, void *context);
void match_each_posted(struct match *match, match_visit_posted *visit, void *context);

/* How many of each there are. */
static inline size_t match_unexpected(const struct match *match)
{
    return ((const struct match_state *)match)->unexpected;
}
size_t match_waiting(const struct match *match);

#endif
