/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/way.h: which way a long message comes faster from one peer, by what it took lately.
 */
#ifndef CARAVAN_WAY_H
#define CARAVAN_WAY_H

#include <stddef.h>
#include <stdint.h>

/* The owner streams it; the getter copies it; each of them copies half. */
enum way { WAY_STREAM, WAY_COPY, WAY_BOTH, WAYS };

enum {
    WAY_CLASSES = 12, /* of lengths: below 4 KiB, below 8 KiB, ..., the rest */
};

/* Of one peer; zeroes to begin with. */
struct ways {
    struct way_class {
        uint32_t cost[WAYS];  /* ps a byte; 0: not known */
        uint8_t tried[WAYS];  /* at first: how many gets were measured, */
        uint32_t since[WAYS]; /* and how many have gone other ways since */
    } of[WAY_CLASSES];
};

/* The way that is fastest, as far as is known, of those before `end`. */
enum way way_fastest(const struct ways *ways, size_t length, enum way end);
/* The way for the next message, which will be measured: now and then another one. */
enum way way_next(const struct ways *ways, size_t length, enum way end);
/* That took so long. */
void way_took(struct ways *ways, size_t length, enum way way, uint64_t nanoseconds);

#endif
