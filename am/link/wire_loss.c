/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Acknowledgements, round trips, what is lost, timeouts. Hot: wire_acknowledged for an acknowledgement in order.
 *
 * A frame is lost when something that was sent to this peer after it has arrived, and either three later frames have or a
 * quarter of a round trip has passed beyond when it should have: reordering is not loss. (The order is that of
 * transmissions, not of sequences, so that a lost retransmission is found as well; RFC 8985.) When nothing arrives any more, the
 * oldest is sent again after a timeout (RFC 6298, with Karn's rule), less and less often.
 */
#include "am/link/wire_private.h"

void wire_limit(struct wire_peer *peer)
{
    peer->tx_limit = min64(peer->tx_edge, peer->tx_una + peer->window);
}

/* How long ago it was sent last; 0 if that was after the clock was read last (by a handler, in this very poll). */
static inline uint64_t time_under_way(const struct wire *wire, const struct wire_sent *sent)
{
    return wire->now > sent->at ? wire->now - sent->at : 0;
}

/* The frame has arrived: its payload is needed no more. */
static inline void release(struct wire_peer *peer, struct wire_sent *sent)
{
    struct wire *wire = peer->wire;

    if (sent->kind == FRAME_BULK) {
        struct wire_bulk *bulk = sent->bulk;

        bulk->acked += sent->length - sizeof(struct frame_bulk);
        if (bulk->acked == bulk->length)
            wire_bulk_end(wire, bulk, 0);
    } else {
        wire_buffer_give(wire, sent->copy);
    }
    sent->state = SENT_FREE;
    /* Of a frame that was sent twice, the first may be what arrived: believe in the second only after about the time
     * that it needs. */
    if (sent->order > peer->order_acked &&
        (sent->times == 1 || time_under_way(wire, sent) >= peer->srtt - peer->srtt / 4))
        peer->order_acked = sent->order;
}

/* RFC 6298, section 2. */
static void measure(struct wire_peer *peer, uint64_t rtt)
{
    if (!peer->srtt) {
        peer->srtt = rtt;
        peer->rttvar = rtt / 2;
    } else {
        uint64_t error = rtt > peer->srtt ? rtt - peer->srtt : peer->srtt - rtt;

        peer->rttvar += error / 4 - peer->rttvar / 4;
        peer->srtt += rtt / 8 - peer->srtt / 8;
    }
    if (!peer->srtt)
        peer->srtt = 1;
}

static uint64_t timeout_of(const struct wire_peer *peer)
{
    uint64_t rto = peer->srtt ? peer->srtt + 4 * peer->rttvar : WIRE_FIRST_TIMEOUT;

    return min64(max64(rto, WIRE_MIN_TIMEOUT), WIRE_MAX_TIMEOUT);
}

/* The peer names a frame that came twice. Was it us who sent it twice, and did that halve the window? */
static void learn_duplicate(struct wire_peer *peer, const struct frame_ack *selective)
{
    struct wire_sent *sent = sent_slot(peer, selective->duplicate);

    if (selective->twice == peer->duplicates_told)
        return;
    peer->duplicates_told = selective->twice;
    if (sent->seq != selective->duplicate || sent->times < 2)
        return;
    peer->wire->count[COUNT_NEEDLESS]++;
    if (peer->window_saved > peer->window)
        peer->window = peer->window_saved;
    peer->window_saved = 0;
}

void wire_acknowledged(struct wire_peer *peer, uint64_t ack, uint32_t credit,
                       const struct frame_ack *selective)
{
    struct wire *wire = peer->wire;
    uint64_t from = peer->tx_una;
    bool progress = false;

    if (unlikely(ack > peer->tx_next))
        return; /* of something we did not send: not from this life */
    if (ack > from) {
        struct wire_sent *last = sent_slot(peer, ack - 1);

        /* A round trip that passed mostly while nobody looked says nothing. */
        if (last->times == 1 && last->state != SENT_FREE) {
            uint64_t rtt = time_under_way(wire, last);

            if (rtt && (wire->gap <= WIRE_ACK_DELAY || wire->gap <= rtt / 4))
                measure(peer, rtt);
        }
        for (uint64_t seq = from; seq < ack; seq++) {
            struct wire_sent *sent = sent_slot(peer, seq);

            if (sent->state != SENT_FREE)
                release(peer, sent);
        }
        peer->tx_una = ack;
        peer->window_acked += (uint32_t)(ack - from);
        if (peer->window_acked >= peer->window) {
            peer->window_acked = 0;
            if (peer->window < WIRE_WINDOW)
                peer->window++;
        }
        progress = true;
    }
    if (ack + credit > peer->tx_edge) {
        peer->tx_edge = ack + credit;
        if (peer->tx_una == peer->tx_next)
            progress = true;
    }
    if (unlikely(selective != NULL)) {
        learn_duplicate(peer, selective);
        for (uint64_t map = selective->map; map; map &= map - 1) {
            uint64_t seq = ack + 1 + (uint64_t)__builtin_ctzll(map);

            if (seq >= peer->tx_next)
                break;
            if (seq >= peer->tx_una && sent_slot(peer, seq)->state != SENT_FREE) {
                release(peer, sent_slot(peer, seq));
                progress = true;
            }
        }
    }
    if (progress) {
        if (unlikely(peer->timeouts)) {
            peer->timeouts = 0;
            peer->suspect_at = NEVER;
        }
        peer->rto = timeout_of(peer);
        peer->rto_at = wire->now + peer->rto;
    }
    wire_limit(peer);
    if (peer->tx_una < peer->tx_next) {
        if (unlikely(sent_slot(peer, peer->tx_una)->order < peer->order_acked)) {
            peer->check_loss = true;
            wire_touch(peer);
        }
        if (progress)
            wire_due(peer, peer->rto_at);
    }
    if (peer->staged || peer->bulks || peer->refused)
        wire_touch(peer);
}

static void halve(struct wire_peer *peer)
{
    if (peer->tx_una < peer->recover)
        return; /* once for what was under way then */
    peer->recover = peer->tx_next;
    peer->window_saved = peer->window;
    peer->window_acked = 0;
    peer->window /= 2;
    if (peer->window < WIRE_MIN_WINDOW)
        peer->window = WIRE_MIN_WINDOW;
    wire_limit(peer);
}

void wire_find_losses(struct wire_peer *peer)
{
    struct wire *wire = peer->wire;
    uint64_t patience = peer->srtt ? peer->srtt + peer->srtt / 4 : peer->rto / 2;
    uint32_t later = 0;
    bool lost = false;

    peer->check_loss = false;
    peer->reorder_at = NEVER;
    for (uint64_t seq = peer->tx_next; seq-- > peer->tx_una;) {
        struct wire_sent *sent = sent_slot(peer, seq);

        if (sent->state == SENT_FREE) {
            later += sent->times == 1;
        } else if (sent->state == SENT_UNDER_WAY && sent->order < peer->order_acked) {
            if ((sent->times == 1 && later >= WIRE_LATER_ACKED) || wire->now >= sent->at + patience)
                sent->state = SENT_LOST;
            else
                peer->reorder_at = min64(peer->reorder_at, sent->at + patience);
        }
        lost |= sent->state == SENT_LOST;
    }
    if (lost) {
        halve(peer);
        for (uint64_t seq = peer->tx_una; seq < peer->tx_next; seq++) {
            if (sent_slot(peer, seq)->state == SENT_LOST && wire_resend(peer, seq) < 0) {
                peer->reorder_at = wire->now + WIRE_ACK_DELAY;
                break;
            }
        }
    }
    if (peer->reorder_at != NEVER)
        wire_due(peer, peer->reorder_at);
}

void wire_timeout(struct wire_peer *peer)
{
    struct wire *wire = peer->wire;
    int result;

    if (peer->tx_una == peer->tx_next) {
        if (!peer->staged && !peer->bulks) {
            peer->rto_at = NEVER;
            return;
        }
        /* What waits may go since; otherwise the peer owes credit: its word of it may be lost. */
        wire_pump(peer);
        if (peer->tx_una != peer->tx_next)
            return;
        result = wire_send_control(peer, FRAME_PROBE, NULL, 0);
    } else {
        if (peer->timeouts == 0)
            halve(peer);
        result = wire_resend(peer, peer->tx_una);
    }
    if (result == 0) {
        wire->count[COUNT_TIMEOUTS]++;
        peer->timeouts++;
        peer->rto = min64(2 * peer->rto, WIRE_MAX_TIMEOUT);
        if (peer->timeouts >= 2)
            wire_suspect(peer);
    }
    peer->rto_at = wire->now + peer->rto;
}
