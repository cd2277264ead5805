/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/way.h: which way a long message comes faster from one peer, by what it took lately.
 */
#ifndef CARAVAN_WAY_H
#define CARAVAN_WAY_H

#include <stddef.h>
#include <stdint.h>

/* The owner streams it, or the getter copies it. */
enum way { WAY_STREAM, WAY_COPY, WAYS };

enum {
    WAY_CLASSES = 12, /* of lengths: below 4 KiB, below 8 KiB, ..., the rest */
};

/* Of one peer; zeroes to begin with. */
struct ways {
    struct way_class {
        uint32_t cost[WAYS]; /* ps a byte; 0: not known */
        uint32_t tried;      /* at first: how many gets were measured */
        uint32_t since;      /* gets since the slower way was last tried */
    } of[WAY_CLASSES];
};

/* The way that is faster, as far as is known. */
enum way way_faster(const struct ways *ways, size_t length);
/* The way for the next message, which will be measured: now and then the other one. */
enum way way_next(const struct ways *ways, size_t length);
/* That took so long. */
void way_took(struct ways *ways, size_t length, enum way way, uint64_t nanoseconds);

#endif
