/* SPDX-License-Identifier: BSD-2-Clause
 *
 * How fast the ways are depends on where the two processes run: near cores stream 64 KiB in 2 us and copy them in 6, far ones stream them
 * in 9, copy them in 6 and halve them in 4.5; and who shares a core with others waits for the owner's turn, if he is to take part. None
 * of it can be asked for, and all of it changes while a program runs. So the getter measures.
 */
#include "am/way.h"

#include <stdbool.h>

enum {
    SMALL = 4096, /* bytes: the first class is below */
    TRIES = 4,    /* of each way at first, in turn: first ones are slow, for the caches are cold */
    /* Later a slower way is tried again after so many gets, times how many times slower it was (this at most): unless it is slower than
     * that, this costs less than a PERIOD-th of the time, and in an exchange as much again, for the other waits meanwhile. */
    PERIOD = 512,
    MOST_TIMES = 256,
    AGAIN = PERIOD * MOST_TIMES, /* gets after which it is tried in any case */
    /* A cost follows what is measured by this part of the difference. No more than twice the cost is believed: a process loses its
     * core now and then. */
    SMOOTH = 4,
};

static unsigned class_of(size_t length)
{
    unsigned found = 0;

    for (size_t most = SMALL; length >= most && found < WAY_CLASSES - 1; most *= 2)
        found++;
    return found;
}

enum way way_fastest(const struct ways *ways, size_t length, enum way end)
{
    const uint32_t *cost = ways->of[class_of(length)].cost;
    enum way fastest = WAY_STREAM;

    for (enum way way = WAY_COPY; way < end; way++)
        if (cost[way] && cost[way] < cost[fastest])
            fastest = way;
    return fastest;
}

/* What this way took is too old to be relied upon. */
static bool is_due(const struct way_class *at, enum way way, enum way fastest)
{
    uint32_t slower = at->cost[fastest] ? at->cost[way] / at->cost[fastest] : 1;

    slower = slower < 1 ? 1 : slower < MOST_TIMES ? slower : MOST_TIMES;
    return at->since[way] + 1u >= PERIOD * slower;
}

enum way way_next(const struct ways *ways, size_t length, enum way end)
{
    const struct way_class *at = &ways->of[class_of(length)];
    enum way fastest = way_fastest(ways, length, end), next = WAY_STREAM;

    for (enum way way = WAY_COPY; way < end; way++)
        if (at->tried[way] < at->tried[next])
            next = way;
    if (at->tried[next] < TRIES)
        return next;
    for (next = WAY_STREAM; next < end; next++)
        if (next != fastest && is_due(at, next, fastest))
            return next;
    return fastest;
}

void way_took(struct ways *ways, size_t length, enum way way, uint64_t nanoseconds)
{
    struct way_class *at = &ways->of[class_of(length)];
    uint64_t took = nanoseconds * 1000 / (length ? length : 1), cost = at->cost[way];
    enum way fastest = way_fastest(ways, length, WAYS);

    took = took == 0 ? 1 : took < UINT32_MAX / 2 ? took : UINT32_MAX / 2;
    for (enum way other = WAY_STREAM; other < WAYS; other++)
        at->since[other] += other != way && at->since[other] < AGAIN;
    /* What was slower and is not, for once, is tried again at once. */
    at->since[way] = way != fastest && took < at->cost[fastest] ? AGAIN : 0;
    if (cost == 0 || at->tried[way] < TRIES) {
        at->tried[way] += at->tried[way] < TRIES;
        at->cost[way] = (uint32_t)(cost == 0 || took < cost ? took : cost);
        return;
    }
    took = took < 2 * cost ? took : 2 * cost;
    at->cost[way] = (uint32_t)((cost * (SMOOTH - 1) + took) / SMOOTH);
}
