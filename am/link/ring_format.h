/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/link/ring_format.h: what lies in the memory of a ring.
 *
 * One producer, one consumer. The ring is made of lines of 64 bytes; a message takes as many as it needs, side by
 * side:
 *
 *      0   u64 word       turn (low half), struct am_header (high half); 0: nothing here yet
 *      8   u64 args[n]
 *          u8  payload[length]
 *
 * The producer clears the word of the *next* message, or has done so before, then stores this message's word: it alone
 * makes the message valid, so the consumer polls the message itself and reads no index. What does not fit before the end
 * of the ring is preceded by a skip word, which gives the lines to the end away.
 *
 * The consumer is the only writer of `tail`, the producer of everything else.
 */
#ifndef CARAVAN_RING_FORMAT_H
#define CARAVAN_RING_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "am/link/link.h"
#include "am/region/region.h"

enum {
    RING_LINE = 64, /* bytes: a cache line */
    RING_LINES =
        2048, /* of a ring, as a rule. 128 KiB: both directions of a pair stay in a core's L2 */
    /* What a ring may have: a power of two, from what holds the replies that may be owed and the longest message, wherever it
     * begins (ring.c checks that). */
    RING_MIN_LINES = 1024,
    RING_MAX_LINES = 32768,
    RING_MAGIC = 0x47524143,
};

struct ring_memory {
    /* The producer's, written once. */
    uint32_t magic;
    uint32_t lines;
    int32_t pid;            /* for process_vm_readv; a hint, verified by `nonce` */
    uint32_t belled;        /* 1 once the producer holds the consumer's bell */
    uint64_t nonce_address; /* where in the producer's memory ... */
    uint64_t nonce;         /* ... this number stands */
    uint64_t after; /* granted memory: frames before this one come before the first message */
    /* The producer's, written when it makes its segment (ring_segment.c), `segment_bytes` last; 0: there is none. */
    uint64_t segment_address; /* in the producer's memory */
    int32_t segment_fd;       /* of the process `pid` */
    uint32_t segment_bytes;
    uint8_t pad0[RING_LINE - 56];

    /* The consumer's: lines taken since the beginning. */
    uint32_t tail;
    uint8_t pad1[RING_LINE - 4];

    /* The consumer's, where it is another domain: whether it sleeps. */
    struct bell_page bell;
    uint8_t pad2[RING_LINE - sizeof(struct bell_page)];

    uint8_t line[][RING_LINE];
};

static inline size_t ring_bytes(uint32_t lines)
{
    return sizeof(struct ring_memory) + (size_t)lines * RING_LINE;
}

static inline bool ring_lines_valid(uint64_t lines)
{
    return lines >= RING_MIN_LINES && lines <= RING_MAX_LINES && (lines & (lines - 1)) == 0;
}

/* The turn of a message that begins at line `position` (counted from the beginning, modulo 2^32): never 0. */
static inline uint32_t ring_turn(uint32_t position)
{
    return position | 0x80000000u;
}

static inline uint64_t ring_word(uint32_t position, struct am_header header)
{
    return ring_turn(position) | (uint64_t)header.length << 32 | (uint64_t)header.handler << 48 |
           (uint64_t)header.flags << 56;
}

static inline struct am_header ring_word_header(uint64_t word)
{
    return (struct am_header){.length = (uint16_t)(word >> 32),
                              .handler = (uint8_t)(word >> 48),
                              .flags = (uint8_t)(word >> 56)};
}

enum { RING_SKIP = 1 << 7 }; /* in header.flags: nothing but the lines to the end of the ring */

/* Lines that a message of `bytes` after its word takes. */
static inline uint32_t ring_lines(size_t bytes)
{
    return (uint32_t)((8 + bytes + RING_LINE - 1) / RING_LINE);
}

#endif
