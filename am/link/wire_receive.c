/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Frames into messages and bulk transfers. Hot: wire_receive and what it calls for a message of one frame that
 * arrives in its turn.
 */
#include <errno.h>
#include <stdlib.h>

#include "am/link/wire_private.h"

/* A message in parts: 0, -EAGAIN, -EPROTO. */
static int deliver_part(struct wire_peer *peer, const struct frame_message *lead,
                        const uint8_t *body, size_t length)
{
    size_t nargs = lead->header.flags & AM_NARGS;
    size_t whole = nargs * sizeof(uint64_t) + lead->header.length;
    int result;

    if (!peer->assembly) {
        peer->assembly = malloc(FRAME_MAX_BODY);
        if (!peer->assembly)
            return -EAGAIN;
    }
    if (lead->offset == 0)
        peer->assembly_header = lead->header;
    else if (lead->offset != peer->assembled ||
             memcmp(&lead->header, &peer->assembly_header, sizeof(lead->header)))
        return -EPROTO;
    memcpy(peer->assembly + lead->offset, body, length);
    if (lead->offset + length == whole) {
        result = am_deliver(peer->link.am, peer->link.peer, lead->header,
                            (const uint64_t *)peer->assembly,
                            peer->assembly + nargs * sizeof(uint64_t));
        if (result < 0)
            return result;
        peer->assembled = 0;
        return 1;
    }
    peer->assembled = lead->offset + (uint32_t)length;
    return 0;
}

/* Some port gave a frame at an odd place. */
static int deliver_unaligned(struct wire_peer *peer, const struct frame_message *lead,
                             const uint8_t *body, size_t length)
{
    uint64_t words[FRAME_MAX_BODY / sizeof(uint64_t)];
    size_t nargs = lead->header.flags & AM_NARGS;
    int result;

    memcpy(words, body, length);
    result = am_deliver(peer->link.am, peer->link.peer, lead->header, words, words + nargs);
    return result < 0 ? result : 1;
}

/* A DATA payload whose turn it is: 1 (a message went up), 0 (a part was kept), -EAGAIN, -EPROTO. */
static int deliver_data(struct wire_peer *peer, const uint8_t *payload, size_t length)
{
    struct frame_message lead;
    const uint8_t *body = payload + sizeof(lead);
    size_t nargs;
    int result;

    if (unlikely(frame_parse_message(payload, length, &lead) < 0))
        return -EPROTO;
    length -= sizeof(lead);
    nargs = lead.header.flags & AM_NARGS;
    if (unlikely(length != nargs * sizeof(uint64_t) + lead.header.length))
        return deliver_part(peer, &lead, body, length);
    if (unlikely((uintptr_t)body % sizeof(uint64_t)))
        return deliver_unaligned(peer, &lead, body, length);
    result = am_deliver(peer->link.am, peer->link.peer, lead.header, (const uint64_t *)body,
                        body + nargs * sizeof(uint64_t));
    return result < 0 ? result : 1;
}

/* Bytes of a transfer to their place: 0, or -ENOENT: it has none (yet). */
static int place_bulk(struct wire_peer *peer, const uint8_t *payload, size_t length)
{
    struct frame_bulk lead;
    void *place;

    if (length < sizeof(lead))
        return -ENOENT;
    memcpy(&lead, payload, sizeof(lead));
    length -= sizeof(lead);
    place = am_transfer_place(peer->link.am, peer->link.peer, lead.transfer, lead.offset, length);
    if (!place)
        return -ENOENT;
    memcpy(place, payload + sizeof(lead), length);
    am_transfer_arrived(peer->link.am, peer->link.peer, lead.transfer, length);
    return 0;
}

static int deliver(struct wire_peer *peer, enum frame_kind kind, const uint8_t *payload,
                   size_t length)
{
    if (likely(kind == FRAME_DATA))
        return deliver_data(peer, payload, length);
    /* Everything before it was delivered and still nobody knows its transfer: it has ended, or never was. */
    if (place_bulk(peer, payload, length) < 0)
        peer->wire->count[COUNT_STRAY_BULK]++;
    return 0;
}

static void protocol_error(struct wire_peer *peer)
{
    wire_peer_failf(peer, "sent what cannot be a message, in frame %llu",
                    (unsigned long long)peer->rx_deliver);
}

/* Keep a payload until its turn: 0 or -ENOMEM. */
static int store(struct wire_peer *peer, uint64_t seq, enum frame_kind kind, const uint8_t *payload,
                 size_t length)
{
    struct wire_received *received = received_slot(peer, seq);
    struct wire_buffer *copy = wire_buffer_take(peer->wire);

    if (!copy)
        return -ENOMEM;
    memcpy(copy, payload, length);
    received->copy = copy;
    received->length = (uint16_t)length;
    received->kind = (uint8_t)kind;
    received->state = RECEIVED_STORED;
    return 0;
}

static void hold(struct wire_peer *peer)
{
    if (!peer->held) {
        peer->held = true;
        peer->wire->held++;
        if (!peer->busy)
            wire_busy_add(peer);
    }
}

/* Frames that arrived before, as far as they are in order now. */
int wire_deliver_stored(struct wire_peer *peer)
{
    struct wire *wire = peer->wire;
    int delivered = 0;

    if (peer->held) {
        peer->held = false;
        wire->held--;
    }
    while (peer->rx_deliver < peer->rx_next && !peer->down) {
        struct wire_received *received = received_slot(peer, peer->rx_deliver);

        if (received->state == RECEIVED_STORED) {
            int result = deliver(peer, received->kind, (uint8_t *)received->copy, received->length);

            if (result == -EAGAIN) {
                hold(peer);
                break;
            }
            if (unlikely(peer->down))
                break;
            if (result < 0) {
                protocol_error(peer);
                break;
            }
            delivered += result;
            wire_buffer_give(wire, received->copy);
        }
        received->state = RECEIVED_NOT;
        peer->rx_deliver++;
    }
    if (peer->told_none && !peer->held)
        peer->ack_now = true;
    return delivered;
}

/* rx_next moves over everything that is there. */
static void advance(struct wire_peer *peer)
{
    uint64_t from = peer->rx_next;

    while (peer->rx_next < peer->rx_high &&
           received_slot(peer, peer->rx_next)->state != RECEIVED_NOT)
        peer->rx_next++;
    wire_credit_used(peer, peer->rx_next - from);
}

static void owe(struct wire_peer *peer)
{
    if (peer->owed++ == 0) {
        peer->owed_since = peer->wire->now;
        wire_due(peer, peer->owed_since + WIRE_ACK_DELAY);
        wire_arm(peer->wire);
    }
}

/* A frame that is early, or comes while others wait: kept, or placed if it is bulk. */
static int receive_slow(struct wire_peer *peer, uint64_t seq, enum frame_kind kind,
                        const uint8_t *payload, size_t length)
{
    struct wire *wire = peer->wire;

    if (kind == FRAME_BULK && !wire->helper_turn && place_bulk(peer, payload, length) == 0) {
        if (unlikely(peer->down))
            return 0;
        received_slot(peer, seq)->state = RECEIVED_PLACED;
    } else if (store(peer, seq, kind, payload, length) < 0) {
        return 0; /* as if it had not come */
    }
    if (seq >= peer->rx_high)
        peer->rx_high = seq + 1;
    if (seq != peer->rx_next) {
        wire->count[COUNT_OUT_OF_ORDER]++;
        peer->ack_now = true;
    } else {
        /* It filled a hole, perhaps: the other side waits to hear of it. */
        if (peer->rx_high > seq + 1)
            peer->ack_now = true;
        advance(peer);
    }
    owe(peer);
    wire_touch(peer);
    if (wire->helper_turn) {
        wire->backlog = true;
        hold(peer);
        return 0;
    }
    return peer->rx_deliver < peer->rx_next ? wire_deliver_stored(peer) : 0;
}

static int receive_sequenced(struct wire_peer *peer, uint64_t seq, enum frame_kind kind,
                             const uint8_t *payload, size_t length)
{
    struct wire *wire = peer->wire;
    int result;

    if (unlikely(seq < peer->rx_next ||
                 (seq < peer->rx_high && received_slot(peer, seq)->state != RECEIVED_NOT))) {
        wire->count[COUNT_DUPLICATES]++;
        peer->last_twice = (uint32_t)seq;
        peer->twice++;
        peer->ack_now = true;
        wire_touch(peer);
        return 0;
    }
    if (unlikely(seq >= peer->rx_edge)) {
        wire->count[COUNT_BEYOND_CREDIT]++;
        return 0;
    }
    if (unlikely(seq != peer->rx_next || peer->rx_high > seq || peer->rx_deliver != seq ||
                 wire->helper_turn))
        return receive_slow(peer, seq, kind, payload, length);

    /* In its turn. It counts as arrived before its handler runs, so that a reply acknowledges it. */
    peer->rx_next = peer->rx_high = seq + 1;
    wire_credit_used(peer, 1);
    owe(peer);
    result = deliver(peer, kind, payload, length);
    if (likely(result >= 0)) {
        peer->rx_deliver = seq + 1;
        if (peer->owed)
            wire_touch(peer);
        return result;
    }
    if (peer->down)
        return 0;
    if (result != -EAGAIN) {
        protocol_error(peer);
        return 0;
    }
    if (store(peer, seq, kind, payload, length) < 0) {
        /* No handler ran, so nothing has told the peer that it arrived. */
        wire_credit_unused(peer);
        peer->rx_high = seq;
        return 0;
    }
    hold(peer);
    wire_touch(peer);
    return 0;
}

int wire_receive(struct wire *wire, const uint8_t *frame, size_t length)
{
    const struct am_job *job = wire->job;
    const uint8_t *payload = frame + FRAME_PAYLOAD;
    struct frame_ack selective;
    struct frame_header header;
    struct wire_peer *peer;
    uint64_t seq, ack;
    int result = frame_parse(frame, length, job->ethertype, &header);

    if (unlikely(result < 0)) {
        wire->count[result == -ENOMSG ? COUNT_FOREIGN : COUNT_BAD_SHAPE]++;
        return 0;
    }
    if (unlikely(header.dst != job->process || header.job != job->job)) {
        wire->count[COUNT_FOREIGN]++;
        return 0;
    }
    /* Longer than ours may be, whatever the port lets pass: what is kept of a frame has a buffer of that size. */
    if (unlikely((size_t)FRAME_HEADER + header.length > wire->port->mtu)) {
        wire->count[COUNT_BAD_SHAPE]++;
        return 0;
    }
    if (unlikely(header.kind == FRAME_HELLO)) {
        wire_hello_receive(wire, &header, payload, length - PORT_HEADER);
        return 0;
    }
    if (unlikely(header.src >= job->size)) {
        wire_agent_answered(wire, &header);
        return 0;
    }
    peer = wire->peers[header.src];
    if (unlikely(!peer || !peer->incarnation)) {
        wire->count[COUNT_BAD_TAG]++; /* we have not met: nothing to check it with */
        return 0;
    }
    seq = frame_extend(peer->rx_next, header.seq);
    ack = frame_extend(peer->tx_una, header.ack);
    if (unlikely(frame_tag(&peer->key, &header, seq, ack, frame_crc(payload, header.length)) !=
                 header.tag)) {
        wire->count[COUNT_BAD_TAG]++;
        return 0;
    }
    wire->count[COUNT_RECEIVED]++;
    peer->heard_at = wire->now;
    if (unlikely(peer->node->waiting || peer->node->silent)) {
        peer->node->waiting = false;
        peer->node->silent = 0;
    }
    if (unlikely(!peer->confirmed))
        wire_confirm(peer);
    if (unlikely(peer->down)) {
        wire_send_reset(peer);
        return 0;
    }

    switch (header.kind) {
    case FRAME_DATA:
    case FRAME_BULK:
        wire_acknowledged(peer, ack, header.credit, NULL);
        /* What the frame says may rest on what it acknowledges. */
        if (unlikely(wire->done != NULL) && (result = wire_tell_done(wire)) > 0 && peer->down)
            return result;
        return result + receive_sequenced(peer, seq, header.kind, payload, header.length);
    case FRAME_ACK:
        if (header.length != sizeof(selective)) {
            wire->count[COUNT_BAD_SHAPE]++;
            return 0;
        }
        memcpy(&selective, payload, sizeof(selective));
        wire_acknowledged(peer, ack, header.credit, &selective);
        return 0;
    case FRAME_PROBE:
        wire_acknowledged(peer, ack, header.credit, NULL);
        peer->ack_now = true;
        wire_touch(peer);
        return 0;
    case FRAME_BYE:
        wire_acknowledged(peer, ack, header.credit, NULL);
        wire_bye_receive(peer);
        return 0;
    default:
        wire_reset_receive(peer);
        return 0;
    }
}
