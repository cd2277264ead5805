/* SPDX-License-Identifier: BSD-2-Clause
 *
 * core/match.c: the matching engine. Hot: match_receive, match_arrive, match_find.
 *
 * Unexpected messages are always in their exact bin and in `all`, which is the bin of (ANY, ANY). The two other kinds
 * of bins are filled only from the first receive of that kind on (`indexed`), since most programs have none.
 *
 * Bins stay when they become empty, for they are likely to be used again. When there are more bins than the
 * table has places, the empty ones are freed, and the table grows if it is still more than half full; so
 * that a program that never uses a tag twice does not collect bins, at a constant cost for each.
 */
#include <stdlib.h>

#include "mpi-shim/core/match.h"
#include "mpi-shim/core/memory.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

enum { ANY_OF_SOURCE = 1, ANY_OF_TAG = 2, ANY_OF_BOTH = 3, TABLE_BITS = 4 };

struct match_bin {
    uint64_t key;
    struct match_bin *chain;
    struct match_link posted;     /* match_posted, in the order of posting */
    struct match_link unexpected; /* match_message, in the order of arrival */
};

struct match {
    struct match_state state;
    struct match_bin **table;
    unsigned shift; /* 64 - log2 of its places */
    unsigned indexed;
    size_t wild; /* receives posted with a wildcard */
    size_t waiting[MATCH_KINDS];
    uint64_t order;
    struct match_link any;
    struct match_link all;
    size_t bins;
    struct match_bin *free;
    void *owner;
};

#define container_of(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static void list_init(struct match_link *list)
{
    list->next = list;
    list->prev = list;
}

static inline bool list_empty(const struct match_link *list)
{
    return list->next == list;
}

static inline void list_append(struct match_link *list, struct match_link *link)
{
    struct match_link *last = list->prev;

    link->next = list;
    link->prev = last;
    last->next = link;
    list->prev = link;
}

static inline void list_remove(struct match_link *link)
{
    link->next->prev = link->prev;
    link->prev->next = link->next;
}

static inline unsigned kind_of(int source, int tag)
{
    return (source == MATCH_ANY ? ANY_OF_SOURCE : 0) | (tag == MATCH_ANY ? ANY_OF_TAG : 0);
}

/* MATCH_ANY is a part of a key like any other: no message has it. */
static inline uint64_t key_of(int source, int tag)
{
    return (uint64_t)(uint32_t)source << 32 | (uint32_t)tag;
}

static inline size_t place_of(const struct match *match, uint64_t key)
{
    /* Fibonacci hashing; the second step brings the source's bits, which are high ones, into play. */
    return ((key ^ key >> 29) * 0x9e3779b97f4a7c15u) >> match->shift;
}

static inline struct match_bin *bin_find(const struct match *match, uint64_t key)
{
    struct match_bin *bin = match->table[place_of(match, key)];

    while (bin && unlikely(bin->key != key))
        bin = bin->chain;
    return bin;
}

/* Free the empty bins, and double the table if most were not. */
static __attribute__((noinline)) void table_sweep(struct match *match)
{
    size_t places = (size_t)1 << (64 - match->shift);
    struct match_bin *kept = NULL;

    for (size_t i = 0; i < places; i++) {
        struct match_bin *next;

        for (struct match_bin *bin = match->table[i]; bin; bin = next) {
            next = bin->chain;
            if (list_empty(&bin->posted) && list_empty(&bin->unexpected)) {
                bin->chain = match->free;
                match->free = bin;
                match->bins--;
            } else {
                bin->chain = kept;
                kept = bin;
            }
        }
        match->table[i] = NULL;
    }
    if (match->bins > places / 2) {
        free(match->table);
        match->table = memory_get(2 * places * sizeof(*match->table));
        match->shift--;
    }
    while (kept) {
        struct match_bin *bin = kept;
        struct match_bin **place = &match->table[place_of(match, bin->key)];

        kept = bin->chain;
        bin->chain = *place;
        *place = bin;
    }
}

static __attribute__((noinline)) struct match_bin *bin_create(struct match *match, uint64_t key)
{
    struct match_bin *bin;
    struct match_bin **place;

    if (match->bins >> (64 - match->shift) != 0)
        table_sweep(match);
    bin = match->free;
    if (bin)
        match->free = bin->chain;
    else
        bin = memory_get(sizeof(*bin));
    bin->key = key;
    list_init(&bin->posted);
    list_init(&bin->unexpected);
    place = &match->table[place_of(match, key)];
    bin->chain = *place;
    *place = bin;
    match->bins++;
    return bin;
}

static inline struct match_bin *bin_get(struct match *match, uint64_t key)
{
    struct match_bin *bin = bin_find(match, key);

    return likely(bin) ? bin : bin_create(match, key);
}

struct match *match_create(void)
{
    struct match *match = memory_get(sizeof(*match));

    match->shift = 64 - TABLE_BITS;
    match->table = memory_get(sizeof(*match->table) << TABLE_BITS);
    list_init(&match->any);
    list_init(&match->all);
    return match;
}

void match_set_owner(struct match *match, void *owner)
{
    match->owner = owner;
}

void *match_owner(const struct match *match)
{
    return match->owner;
}

void match_destroy(struct match *match)
{
    size_t places = (size_t)1 << (64 - match->shift);

    for (size_t i = 0; i < places; i++) {
        while (match->table[i]) {
            struct match_bin *bin = match->table[i];

            match->table[i] = bin->chain;
            free(bin);
        }
    }
    while (match->free) {
        struct match_bin *bin = match->free;

        match->free = bin->chain;
        free(bin);
    }
    free(match->table);
    free(match);
}

/* The key under which a message is queued for receives of `kind`. */
static uint64_t key_for(unsigned kind, const struct match_message *message)
{
    return key_of(kind & ANY_OF_SOURCE ? MATCH_ANY : message->source,
                  kind & ANY_OF_TAG ? MATCH_ANY : message->tag);
}

/* The first receive of `kind` (one wildcard) was seen: queue for it what has arrived so far. */
static __attribute__((noinline)) void kind_index(struct match *match, unsigned kind)
{
    match->indexed |= 1u << kind;
    for (struct match_link *link = match->all.next; link != &match->all; link = link->next) {
        struct match_message *message = container_of(link, struct match_message, link[ANY_OF_BOTH]);

        list_append(&bin_get(match, key_for(kind, message))->unexpected, &message->link[kind]);
    }
}

/* The first message queued for receives of (source, tag). */
static inline struct match_message *message_first(struct match *match, unsigned kind, int source,
                                                  int tag)
{
    struct match_link *link;

    if (kind == ANY_OF_BOTH) {
        link = match->all.next;
    } else {
        struct match_bin *bin;

        if (unlikely(kind != 0 && !(match->indexed & 1u << kind)))
            kind_index(match, kind);
        bin = bin_find(match, key_of(source, tag));
        if (!bin || list_empty(&bin->unexpected))
            return NULL;
        link = bin->unexpected.next;
    }
    return (struct match_message *)(void *)((char *)link - offsetof(struct match_message, link[0]) -
                                            kind * sizeof(struct match_link));
}

void match_take(struct match *match, struct match_message *message)
{
    list_remove(&message->link[0]);
    list_remove(&message->link[ANY_OF_BOTH]);
    if (match->indexed & 1u << ANY_OF_SOURCE)
        list_remove(&message->link[ANY_OF_SOURCE]);
    if (match->indexed & 1u << ANY_OF_TAG)
        list_remove(&message->link[ANY_OF_TAG]);
    match->state.unexpected--;
}

struct match_message *match_find(struct match *match, int source, int tag)
{
    if (likely(match->state.unexpected == 0))
        return NULL;
    return message_first(match, kind_of(source, tag), source, tag);
}

struct match_message *match_receive(struct match *match, struct match_posted *posted, int source,
                                    int tag)
{
    unsigned kind = kind_of(source, tag);
    struct match_link *queue;

    if (match->state.unexpected != 0) {
        struct match_message *message = message_first(match, kind, source, tag);

        if (message) {
            match_take(match, message);
            return message;
        }
    }
    posted->source = source;
    posted->tag = tag;
    posted->order = match->order++;
    queue = kind == ANY_OF_BOTH ? &match->any : &bin_get(match, key_of(source, tag))->posted;
    list_append(queue, &posted->link);
    match->waiting[kind]++;
    match->wild += kind != 0;
    return NULL;
}

static inline struct match_posted *posted_first(const struct match *match, int source, int tag)
{
    struct match_bin *bin = bin_find(match, key_of(source, tag));

    if (!bin || list_empty(&bin->posted))
        return NULL;
    return container_of(bin->posted.next, struct match_posted, link);
}

static inline struct match_posted *earlier(struct match_posted *a, struct match_posted *b)
{
    return !a || (b && b->order < a->order) ? b : a;
}

struct match_posted *match_arrive(struct match *match, int source, int tag)
{
    struct match_posted *first = NULL;

    if (match->waiting[0] != 0)
        first = posted_first(match, source, tag);
    if (match->wild != 0) {
        if (match->waiting[ANY_OF_SOURCE] != 0)
            first = earlier(first, posted_first(match, MATCH_ANY, tag));
        if (match->waiting[ANY_OF_TAG] != 0)
            first = earlier(first, posted_first(match, source, MATCH_ANY));
        if (match->waiting[ANY_OF_BOTH] != 0)
            first = earlier(first, container_of(match->any.next, struct match_posted, link));
    }
    if (first)
        match_cancel(match, first);
    return first;
}

void match_cancel(struct match *match, struct match_posted *posted)
{
    unsigned kind = kind_of(posted->source, posted->tag);

    list_remove(&posted->link);
    match->waiting[kind]--;
    match->wild -= kind != 0;
}

void match_store(struct match *match, struct match_message *message, int source, int tag)
{
    message->source = source;
    message->tag = tag;
    list_append(&match->all, &message->link[ANY_OF_BOTH]);
    list_append(&bin_get(match, key_of(source, tag))->unexpected, &message->link[0]);
    for (unsigned kind = ANY_OF_SOURCE; kind <= ANY_OF_TAG; kind++) {
        if (match->indexed & 1u << kind)
            list_append(&bin_get(match, key_for(kind, message))->unexpected, &message->link[kind]);
    }
    match->state.unexpected++;
}

void match_return(struct match *match, struct match_message *message)
{
    /* A list is a ring: behind its head is the front. */
    list_append(match->all.next, &message->link[ANY_OF_BOTH]);
    list_append(bin_get(match, key_for(0, message))->unexpected.next, &message->link[0]);
    for (unsigned kind = ANY_OF_SOURCE; kind <= ANY_OF_TAG; kind++) {
        if (match->indexed & 1u << kind)
            list_append(bin_get(match, key_for(kind, message))->unexpected.next,
                        &message->link[kind]);
    }
    match->state.unexpected++;
}

void match_each_message(struct match *match, match_visit_message *visit, void *context)
{
    struct match_link *next;

    for (struct match_link *link = match->all.next; link != &match->all; link = next) {
        next = link->next;
        if (visit(container_of(link, struct match_message, link[ANY_OF_BOTH]), context))
            return;
    }
}

static bool queue_visit(struct match_link *queue, match_visit_posted *visit, void *context)
{
    struct match_link *next;

    for (struct match_link *link = queue->next; link != queue; link = next) {
        next = link->next;
        if (visit(container_of(link, struct match_posted, link), context))
            return true;
    }
    return false;
}

void match_each_posted(struct match *match, match_visit_posted *visit, void *context)
{
    size_t places = (size_t)1 << (64 - match->shift);

    if (queue_visit(&match->any, visit, context))
        return;
    for (size_t i = 0; i < places; i++) {
        for (struct match_bin *bin = match->table[i]; bin; bin = bin->chain) {
            if (queue_visit(&bin->posted, visit, context))
                return;
        }
    }
}

size_t match_waiting(const struct match *match)
{
    return match->waiting[0] + match->wild;
}
