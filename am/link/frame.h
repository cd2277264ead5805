/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/link/frame.h: what Caravan's frames look like on the wire. docs/wire.md explains the protocol.
 *
 *      0   6   12     14                                46
 *      +---+---+------+---------------------------------+---------------- - -
 *      |dst|src| type | struct frame_header (32 bytes)  | payload, `length` bytes
 *      +---+---+------+---------------------------------+---------------- - -
 *
 * Everything after the Ethernet header is little-endian, as is every machine this runs on.
 */
#ifndef CARAVAN_FRAME_H
#define CARAVAN_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "am/link/link.h"
#include "am/link/tag.h"
#include "am/port/port.h"

enum {
    FRAME_VERSION = 1,
    FRAME_ETHERTYPE = 0x88b5, /* IEEE 802: local experimental; unless configured */
    FRAME_HEADER = 32,
    FRAME_PAYLOAD = PORT_HEADER + FRAME_HEADER, /* where it starts */
    FRAME_MIN_MTU = 576, /* every path carries this (RFC 791's number); HELLO steps no lower */
};

enum frame_kind {
    FRAME_DATA = 1, /* struct frame_message, arguments, payload; or a later part of that */
    FRAME_BULK,     /* struct frame_bulk, bytes */
    FRAME_ACK,      /* struct frame_ack */
    FRAME_HELLO,    /* struct frame_hello, padding */
    FRAME_PROBE,    /* to a process: acknowledge now. To a node's agent, and back: nothing more */
    FRAME_BYE,      /* the source leaves; it has everything before `ack` */
    FRAME_RESET,    /* the source has declared the destination down, or left without draining */
};

struct frame_header {
    uint32_t dst; /* process */
    uint32_t src; /* process */
    uint32_t job;
    uint32_t seq; /* low half; of DATA and BULK its own, of others the source's next */
    uint32_t ack; /* low half; every frame before it has arrived */
    uint16_t length;
    uint8_t kind;
    uint8_t credit; /* frames from `ack` on that the source will take */
    uint64_t tag;
};

/* Leads a DATA payload. A message that is longer than a frame goes in several of the same sequence, each with
 * this and the place of its part. */
struct frame_message {
    struct am_header header;
    uint16_t offset; /* of this part, in arguments and payload */
    uint16_t zero;
};

/* Leads a BULK payload. */
struct frame_bulk {
    uint32_t transfer;
    uint32_t zero;
    uint64_t offset;
};

struct frame_ack {
    uint64_t map;       /* bit i: frame ack + 1 + i has arrived */
    uint32_t duplicate; /* the last frame that came twice, */
    uint32_t
        twice; /* and how many did since the beginning: a change says that `duplicate` is news */
};

struct frame_hello {
    uint16_t version;
    uint16_t size;        /* header and payload of this frame: what the path is asked to carry */
    uint16_t heard;       /* the largest such frame that has come from the other side; 0: none */
    uint16_t flags;       /* of enum frame_hello_flags */
    uint64_t incarnation; /* of the source */
    uint64_t
        peer_incarnation; /* what the source takes the destination's to be; 0: it does not know */
};

enum frame_hello_flags {
    HELLO_WANTED = 1 << 0, /* the source asks for a HELLO in return */
};

_Static_assert(sizeof(struct frame_header) == FRAME_HEADER, "as specified");
_Static_assert(sizeof(struct frame_message) == 8 && sizeof(struct frame_bulk) == 16 &&
                   sizeof(struct frame_ack) == 16 && sizeof(struct frame_hello) == 24,
               "no padding: they travel");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "frames are little-endian");

/* The longest message, in arguments and payload. */
#define FRAME_MAX_BODY (AM_MAX_ARGS * sizeof(uint64_t) + AM_MAX_MEDIUM)

/* Take the header of a frame of `length` bytes out of it: 0, -EBADMSG (cut short, or not ours in shape), or -ENOMSG
 * (another ether type). The payload is at frame + FRAME_PAYLOAD and is header->length bytes. */
int frame_parse(const void *frame, size_t length, uint16_t ethertype, struct frame_header *header);

/* Check the shape of a DATA payload: 0 and *lead, or -EBADMSG. */
int frame_parse_message(const void *payload, size_t length, struct frame_message *lead);

/* The tag of a frame whose 64-bit sequence and acknowledgement are `seq` and `ack`. */
static inline uint64_t frame_tag(const struct tag_key *key, const struct frame_header *header,
                                 uint64_t seq, uint64_t ack, uint32_t crc)
{
    uint64_t word[4];

    memcpy(word, header, 24);
    word[3] = crc | seq >> 32 << 32;
    return tag_siphash36(key, word, (uint32_t)(ack >> 32));
}

static inline uint32_t frame_crc(const void *payload, size_t length)
{
    return length ? tag_crc32c(payload, length) : 0;
}

/* The 64-bit number nearest to `near` with this low half. */
static inline uint64_t frame_extend(uint64_t near, uint32_t low)
{
    return near + (uint64_t)(int64_t)(int32_t)(low - (uint32_t)near);
}

/* The key of frames between two lives of two processes; the same from both sides. */
struct tag_key frame_pair_key(const struct tag_key *job, uint32_t a, uint64_t incarnation_a,
                              uint32_t b, uint64_t incarnation_b);

#endif
