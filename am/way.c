/* SPDX-License-Identifier: BSD-2-Clause
 *
 * How fast a copy and a stream are depends on where the two processes run: near cores stream 64 KiB in 2 us and copy them in 6, far ones
 * stream them in 9 and copy them in 6; and who shares a core with others waits for the owner's turn, if he is to stream. None of it
 * can be asked for, and all of it changes while a program runs. So the getter measures.
 */
#include "am/way.h"

enum {
    SMALL = 4096, /* bytes: the first class is below */
    TRIES = 4,    /* of each way at first, in turn: first ones are slow, for the caches are cold */
    /* Later the slower way is tried again after so many gets, times how many times slower it was (this at most): that costs less than
     * a PERIOD-th of the time. */
    PERIOD = 64,
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

enum way way_faster(const struct ways *ways, size_t length)
{
    const uint32_t *cost = ways->of[class_of(length)].cost;

    return cost[WAY_COPY] && cost[WAY_COPY] < cost[WAY_STREAM] ? WAY_COPY : WAY_STREAM;
}

enum way way_next(const struct ways *ways, size_t length)
{
    const struct way_class *at = &ways->of[class_of(length)];
    enum way faster = way_faster(ways, length), other = !faster;
    uint32_t slower = at->cost[faster] ? at->cost[other] / at->cost[faster] : 1;

    if (at->tried < TRIES * WAYS)
        return at->tried % WAYS;
    slower = slower < 1 ? 1 : slower < MOST_TIMES ? slower : MOST_TIMES;
    return at->since + 1 < PERIOD * slower ? faster : other;
}

void way_took(struct ways *ways, size_t length, enum way way, uint64_t nanoseconds)
{
    struct way_class *at = &ways->of[class_of(length)];
    uint64_t took = nanoseconds * 1000 / (length ? length : 1), cost = at->cost[way];

    took = took == 0 ? 1 : took < UINT32_MAX / 2 ? took : UINT32_MAX / 2;
    if (way == way_faster(ways, length))
        at->since += at->since < AGAIN;
    else /* What was slower and is not, for once, is tried again at once. */
        at->since = took < at->cost[!way] ? AGAIN : 0;
    if (cost == 0 || at->tried < TRIES * WAYS) {
        at->tried++;
        at->cost[way] = (uint32_t)(cost == 0 || took < cost ? took : cost);
        return;
    }
    took = took < 2 * cost ? took : 2 * cost;
    at->cost[way] = (uint32_t)((cost * (SMOOTH - 1) + took) / SMOOTH);
}
