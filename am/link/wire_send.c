/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Messages and bulk transfers into frames. Hot: wire_send and what it calls for a message of one frame.
 */
#include <errno.h>
#include <stdlib.h>

#include "am/link/wire_private.h"

static inline bool window_has_room(const struct wire_peer *peer, uint32_t kept)
{
    return peer->tx_next + kept < peer->tx_limit;
}

void wire_commit(struct wire_peer *peer, uint8_t *frame, const struct tag_key *key, uint64_t seq,
                 enum frame_kind kind, size_t length, uint32_t crc)
{
    struct wire *wire = peer->wire;
    struct frame_header header;
    uint64_t ack = peer->rx_next;

    memcpy(frame, peer->prefix, sizeof(peer->prefix));
    memcpy(&header, frame + PORT_HEADER, 12);
    header.seq = (uint32_t)seq;
    header.ack = (uint32_t)ack;
    header.length = (uint16_t)length;
    header.kind = (uint8_t)kind;
    header.credit = (uint8_t)wire_credit(peer);
    header.tag = frame_tag(key, &header, seq, kind == FRAME_HELLO ? 0 : ack, crc);
    memcpy(frame + PORT_HEADER + 12, (uint8_t *)&header + 12, FRAME_HEADER - 12);
    wire->port->ops->tx_commit(wire->port, FRAME_PAYLOAD + length);
    wire->unflushed = true;
    wire->count[COUNT_SENT]++;
    if (kind != FRAME_HELLO) {
        /* It acknowledges what has come; a hole is told by a frame of its own. */
        peer->owed = 0;
    }
}

/* Note a frame of the sequence that goes out now. */
static inline struct wire_sent *note_sent(struct wire_peer *peer, enum frame_kind kind,
                                          size_t length, uint32_t crc)
{
    struct wire_sent *sent = sent_slot(peer, peer->tx_next);
    uint64_t now = am_now(peer->link.am);

    if (peer->tx_next == peer->tx_una) {
        peer->rto_at = now + peer->rto;
        wire_due(peer, peer->rto_at);
    }
    sent->at = now;
    sent->order = ++peer->order;
    sent->seq = (uint32_t)peer->tx_next;
    sent->crc = crc;
    sent->length = (uint16_t)length;
    sent->kind = (uint8_t)kind;
    sent->state = SENT_UNDER_WAY;
    sent->times = 1;
    wire_arm(peer->wire);
    return sent;
}

static inline uint8_t *append(uint8_t *at, const void *bytes, size_t length)
{
    if (length)
        memcpy(at, bytes, length);
    return at + length;
}

/* A message that fits one frame. */
static int send_one(struct wire_peer *peer, const struct am_outgoing *message)
{
    struct wire *wire = peer->wire;
    uint8_t *frame = wire->port->ops->tx_reserve(wire->port);
    struct wire_buffer *copy;
    struct frame_message lead = {.header = message->header};
    struct wire_sent *sent;
    uint8_t *payload, *end;
    size_t length;
    uint32_t crc;

    if (unlikely(!frame))
        return -EAGAIN;
    copy = wire_buffer_take(wire);
    if (unlikely(!copy))
        return -EAGAIN;
    payload = frame + FRAME_PAYLOAD;
    end = append(payload, &lead, sizeof(lead));
    end = append(end, message->args, (message->header.flags & AM_NARGS) * sizeof(uint64_t));
    end = append(end, message->head, message->head_length);
    end = append(end, message->body, message->body_length);
    length = (size_t)(end - payload);
    crc = frame_crc(payload, length);
    memcpy(copy, payload, length);
    sent = note_sent(peer, FRAME_DATA, length, crc);
    sent->copy = copy;
    wire_commit(peer, frame, &peer->key, peer->tx_next++, FRAME_DATA, length, crc);
    wire_flush_unless_polling(wire);
    return 0;
}

/* ---- what waits ------------------------------------------------------------------------------------ */

/* The next part of a staged message: 0, or -EAGAIN. */
static int send_part(struct wire_peer *peer, struct wire_staged *staged)
{
    struct wire *wire = peer->wire;
    uint8_t *frame = wire->port->ops->tx_reserve(wire->port);
    struct frame_message lead = {.header = staged->header, .offset = (uint16_t)staged->sent};
    struct wire_buffer *copy;
    struct wire_sent *sent;
    size_t part = min64(staged->length - staged->sent, peer->room - sizeof(lead));
    uint32_t crc;

    if (!frame)
        return -EAGAIN;
    copy = wire_buffer_take(wire);
    if (!copy)
        return -EAGAIN;
    append(append((uint8_t *)copy, &lead, sizeof(lead)), staged->bytes + staged->sent, part);
    staged->sent += (uint32_t)part;
    part += sizeof(lead);
    memcpy(frame + FRAME_PAYLOAD, copy, part);
    crc = frame_crc(copy, part);
    sent = note_sent(peer, FRAME_DATA, part, crc);
    sent->copy = copy;
    wire_commit(peer, frame, &peer->key, peer->tx_next++, FRAME_DATA, part, crc);
    return 0;
}

static int send_bulk_frame(struct wire_peer *peer, struct wire_bulk *bulk)
{
    struct wire *wire = peer->wire;
    uint8_t *frame = wire->port->ops->tx_reserve(wire->port);
    struct frame_bulk lead = {.transfer = bulk->transfer, .offset = bulk->offset + bulk->sent};
    size_t part = min64(bulk->length - bulk->sent, peer->room - sizeof(lead));
    struct wire_sent *sent;
    uint32_t crc;

    if (!frame)
        return -EAGAIN;
    append(append(frame + FRAME_PAYLOAD, &lead, sizeof(lead)), bulk->source + bulk->sent, part);
    crc = frame_crc(frame + FRAME_PAYLOAD, sizeof(lead) + part);
    sent = note_sent(peer, FRAME_BULK, sizeof(lead) + part, crc);
    sent->bulk = bulk;
    sent->bulk_offset = bulk->sent;
    bulk->sent += part;
    wire_commit(peer, frame, &peer->key, peer->tx_next++, FRAME_BULK, sizeof(lead) + part, crc);
    return 0;
}

/* A long train leaves in pieces: the receiver works on the first while we make the next. */
static inline void flush_piece(struct wire *wire, uint32_t *frames)
{
    if (++*frames % WIRE_PIECE == 0)
        wire_flush_port(wire);
}

void wire_pump(struct wire_peer *peer)
{
    struct wire_staged *staged;
    struct wire_bulk *bulk;
    uint32_t frames = 0;

    while ((staged = peer->staged) != NULL) {
        if (!window_has_room(peer, 0) || send_part(peer, staged) < 0)
            return;
        flush_piece(peer->wire, &frames);
        if (staged->sent < staged->length)
            continue;
        peer->staged = staged->next;
        if (peer->refused)
            wire_touch(peer);
        if (!peer->staged)
            peer->staged_end = &peer->staged;
        if (staged->header.flags & AM_IS_REPLY) {
            staged->next = peer->replies;
            peer->replies = staged;
        } else {
            staged->next = NULL;
            peer->request = staged;
        }
    }
    while ((bulk = peer->bulks) != NULL) {
        uint32_t kept = peer->tx_limit - peer->tx_una > 2 * WIRE_KEPT_FOR_MESSAGES
                            ? WIRE_KEPT_FOR_MESSAGES
                            : 0;

        if (!window_has_room(peer, kept) || send_bulk_frame(peer, bulk) < 0)
            return;
        flush_piece(peer->wire, &frames);
        if (bulk->sent == bulk->length) {
            peer->bulks = bulk->next;
            if (!peer->bulks)
                peer->bulks_end = &peer->bulks;
        }
    }
}

/* Something waits, and nothing is under way whose acknowledgement would bring credit: see wire_timeout. */
static void ask_for_credit(struct wire_peer *peer)
{
    peer->rto_at = am_now(peer->link.am) + peer->rto;
    wire_due(peer, peer->rto_at);
    wire_arm(peer->wire);
}

static void stage(struct wire_peer *peer, struct wire_staged *staged,
                  const struct am_outgoing *message)
{
    uint8_t *end = staged->bytes;

    staged->header = message->header;
    end = append(end, message->args, (message->header.flags & AM_NARGS) * sizeof(uint64_t));
    end = append(end, message->head, message->head_length);
    end = append(end, message->body, message->body_length);
    staged->length = (uint32_t)(end - staged->bytes);
    staged->sent = 0;
    staged->next = NULL;
    *peer->staged_end = staged;
    peer->staged_end = &staged->next;
    wire_pump(peer);
    wire_flush_unless_polling(peer->wire);
    if (peer->staged && peer->tx_next == peer->tx_una)
        ask_for_credit(peer);
}

/* There will be room: with an acknowledgement, or, where the port has none now, soon. */
static int refuse(struct wire_peer *peer)
{
    peer->refused = true;
    if (peer->open && window_has_room(peer, 0))
        wire_due(peer, am_now(peer->link.am) + WIRE_ACK_DELAY);
    return -EAGAIN;
}

static int send_slow(struct wire_peer *peer, const struct am_outgoing *message)
{
    bool reply = message->header.flags & AM_IS_REPLY;
    struct wire_staged *staged;

    if (peer->down)
        return -EHOSTDOWN;
    if (unlikely(peer->wire->broken))
        return peer->wire->broken;
    if (peer->left) {
        wire_peer_failf(peer, "has left the job");
        return -EHOSTDOWN;
    }
    if (reply) {
        staged = peer->replies;
        if (!staged)
            return refuse(peer);
        peer->replies = staged->next;
        stage(peer, staged, message);
        return 0;
    }
    /* A request waits with its sender, unless it needs several frames: then all that there is room for goes at once, and
     * the rest as room comes. */
    staged = peer->request;
    if (!peer->open || peer->staged || !staged || !window_has_room(peer, 0))
        return refuse(peer);
    peer->request = NULL;
    stage(peer, staged, message);
    return 0;
}

int wire_send(struct am_link *link, const struct am_outgoing *message)
{
    struct wire_peer *peer = (struct wire_peer *)link;
    size_t length = sizeof(struct frame_message) +
                    (message->header.flags & AM_NARGS) * sizeof(uint64_t) + message->header.length;
    int result = -EAGAIN;

    if (likely(peer->open && !peer->staged && length <= peer->room && window_has_room(peer, 0)))
        result = send_one(peer, message);
    if (unlikely(result < 0))
        result = send_slow(peer, message);
    return result;
}

static int bulk_start(struct wire_peer *peer, const struct wire_bulk *values)
{
    struct wire *wire = peer->wire;
    struct wire_bulk *bulk = wire->free_bulks;

    if (peer->down)
        return -EHOSTDOWN;
    if (!peer->open)
        return refuse(peer);
    if (bulk)
        wire->free_bulks = bulk->next;
    else if (!(bulk = malloc(sizeof(*bulk))))
        return -EAGAIN;
    *bulk = *values;
    if (bulk->length == 0) {
        wire_bulk_end(wire, bulk, 0);
        return 0;
    }
    *peer->bulks_end = bulk;
    peer->bulks_end = &bulk->next;
    wire_pump(peer);
    wire_flush_unless_polling(wire);
    if (peer->tx_next == peer->tx_una)
        ask_for_credit(peer);
    return 0;
}

int wire_bulk(struct am_link *link, uint32_t transfer, uint64_t offset, const void *source,
              size_t length, am_done *done, void *context)
{
    struct wire_peer *peer = (struct wire_peer *)link;
    struct wire_bulk bulk = {
        .source = source,
        .offset = offset,
        .length = length,
        .done = done,
        .context = context,
        .transfer = transfer,
    };

    return bulk_start(peer, &bulk);
}

/* The transfer is over: its source is free, its starter is told at the end of the poll. */
void wire_bulk_end(struct wire *wire, struct wire_bulk *bulk, int status)
{
    bulk->status = status;
    bulk->next = NULL;
    *wire->done_end = bulk;
    wire->done_end = &bulk->next;
}

void wire_reopen(struct wire_peer *peer)
{
    if (peer->open && !peer->staged && window_has_room(peer, 0)) {
        peer->refused = false;
        peer->wire->reopened++;
    }
}

bool wire_peer_drained(const struct wire_peer *peer)
{
    return peer->down || (peer->tx_una == peer->tx_next && !peer->staged && !peer->bulks);
}

/* ---- again, and beside the sequence ------------------------------------------------------------------- */

int wire_resend(struct wire_peer *peer, uint64_t seq)
{
    struct wire *wire = peer->wire;
    struct wire_sent *sent = sent_slot(peer, seq);
    uint8_t *frame = wire->port->ops->tx_reserve(wire->port);
    uint8_t *payload;

    if (!frame)
        return -EAGAIN;
    payload = frame + FRAME_PAYLOAD;
    if (sent->kind == FRAME_BULK) {
        struct wire_bulk *bulk = sent->bulk;
        struct frame_bulk lead = {.transfer = bulk->transfer,
                                  .offset = bulk->offset + sent->bulk_offset};

        append(append(payload, &lead, sizeof(lead)), bulk->source + sent->bulk_offset,
               sent->length - sizeof(lead));
        /* The source is the program's: it may have written there, which is its own affair. */
        sent->crc = frame_crc(payload, sent->length);
    } else {
        memcpy(payload, sent->copy, sent->length);
    }
    sent->at = am_now(peer->link.am);
    sent->order = ++peer->order;
    sent->state = SENT_UNDER_WAY;
    if (sent->times < UINT8_MAX)
        sent->times++;
    wire->count[COUNT_RESENT]++;
    wire_commit(peer, frame, &peer->key, seq, sent->kind, sent->length, sent->crc);
    return 0;
}

int wire_send_control(struct wire_peer *peer, enum frame_kind kind, const void *payload,
                      size_t length)
{
    struct wire *wire = peer->wire;
    uint8_t *frame = wire->port->ops->tx_reserve(wire->port);

    if (!frame)
        return -EAGAIN;
    append(frame + FRAME_PAYLOAD, payload, length);
    wire_commit(peer, frame, &peer->key, peer->tx_next, kind, length, frame_crc(payload, length));
    return 0;
}

void wire_send_ack(struct wire_peer *peer)
{
    struct frame_ack ack = {.duplicate = peer->last_twice, .twice = peer->twice};
    uint64_t ahead = peer->rx_high > peer->rx_next ? peer->rx_high - peer->rx_next - 1 : 0;

    for (uint64_t i = 0; i < min64(ahead, 64); i++)
        if (received_slot(peer, peer->rx_next + 1 + i)->state != RECEIVED_NOT)
            ack.map |= 1ull << i;
    if (wire_send_control(peer, FRAME_ACK, &ack, sizeof(ack)) < 0)
        return; /* the ring is full: the next poll */
    peer->ack_now = false;
    peer->wire->count[COUNT_ACKS]++;
}
