/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The parts of a frame that need more than a header file. Hot: frame_parse, frame_parse_message.
 */
#include "am/link/frame.h"

#include <errno.h>

int frame_parse(const void *frame, size_t length, uint16_t ethertype, struct frame_header *header)
{
    const uint8_t *bytes = frame;

    if (length < FRAME_PAYLOAD)
        return -EBADMSG;
    if ((bytes[12] << 8 | bytes[13]) != ethertype)
        return -ENOMSG;
    memcpy(header, bytes + PORT_HEADER, FRAME_HEADER);
    /* A frame may be longer than what was sent: Ethernet pads to 60 bytes. */
    if (header->length > length - FRAME_PAYLOAD)
        return -EBADMSG;
    if (header->kind < FRAME_DATA || header->kind > FRAME_RESET)
        return -EBADMSG;
    return 0;
}

int frame_parse_message(const void *payload, size_t length, struct frame_message *lead)
{
    size_t whole;

    if (length < sizeof(*lead))
        return -EBADMSG;
    memcpy(lead, payload, sizeof(*lead));
    length -= sizeof(*lead);
    if ((lead->header.flags & AM_NARGS) > AM_MAX_ARGS || lead->header.length > AM_MAX_MEDIUM ||
        lead->zero)
        return -EBADMSG;
    whole = (lead->header.flags & AM_NARGS) * sizeof(uint64_t) + lead->header.length;
    if (lead->offset > whole || length > whole - lead->offset || (length == 0 && whole != 0))
        return -EBADMSG;
    return 0;
}

struct tag_key frame_pair_key(const struct tag_key *job, uint32_t a, uint64_t incarnation_a,
                              uint32_t b, uint64_t incarnation_b)
{
    bool swap = b < a;
    uint64_t words[4] = {
        swap ? b | (uint64_t)a << 32 : a | (uint64_t)b << 32,
        swap ? incarnation_b : incarnation_a,
        swap ? incarnation_a : incarnation_b,
        0,
    };
    struct tag_key key;

    key.word[0] = tag_siphash(job, words, sizeof(words));
    words[3] = 1;
    key.word[1] = tag_siphash(job, words, sizeof(words));
    return key;
}
