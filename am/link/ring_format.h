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
 * The producer clears the word of the *next* message, then stores this message's word: it alone makes the message
 * valid, so the consumer polls the message itself and reads no index. What does not fit before the end of the
 * ring is preceded by a skip word, which gives the lines to the end away.
 *
 * The consumer is the only writer of `tail`, the producer of everything else.
 */
#ifndef CARAVAN_RING_FORMAT_H
#define CARAVAN_RING_FORMAT_H

#include <stdint.h>

#include "am/link/link.h"

enum {
    RING_LINE = 64, /* bytes: a cache line */
    RING_LINES =
        2048, /* of a ring; a power of two. 128 KiB: both directions of a pair stay in a core's L2 */
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
    uint8_t pad0[RING_LINE - 32];

    /* The consumer's: lines taken since the beginning. */
    uint32_t tail;
    uint8_t pad1[RING_LINE - 4];

    uint8_t line[RING_LINES][RING_LINE];
};

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
