/* SPDX-License-Identifier: BSD-2-Clause
 *
 * How many frames each peer may send.
 *
 * A grant cannot be taken back: a peer may always send up to the highest edge (`ack` + `credit`) it was told. So the wire
 * keeps account of what all peers may still send, and never lets the sum pass its budget, three quarters of the
 * port's receive slots (the rest is for acknowledgements, greetings and frames that come again). Every process that may
 * ever call has a floor set aside from the beginning; above it, a peer that sends gets at most half of what is free, so
 * that the first to call does not take all.
 *
 * A port with fewer slots than there are processes on other nodes cannot hold even one frame of each: then each is granted
 * one all the same, and what is lost is sent again.
 */
#include "am/link/wire_private.h"

enum {
    FLOOR_MOST = 16, /* frames set aside for a process that has not called yet, at most */
};

void wire_credit_start(struct wire *wire)
{
    uint32_t others = 0;

    for (uint32_t i = 0; i < wire->job->size; i++)
        if (i != wire->job->process &&
            (wire->job->node_of[i] != wire->job->node || wire->job->link == AM_LINK_WIRE))
            others++;
    wire->budget = wire->port->rx_slots - wire->port->rx_slots / 4;
    wire->floor = others ? wire->budget / 2 / others : 0;
    if (wire->floor < 1)
        wire->floor = 1;
    if (wire->floor > FLOOR_MOST)
        wire->floor = FLOOR_MOST;
    wire->granted = others * wire->floor;
}

static inline uint32_t grant(const struct wire_peer *peer)
{
    return (uint32_t)(peer->rx_edge - peer->rx_next);
}

/* What a grant of so many frames takes from the budget. */
static inline uint32_t cost(const struct wire *wire, uint32_t frames)
{
    return frames > wire->floor ? frames : wire->floor;
}

uint32_t wire_credit(struct wire_peer *peer)
{
    struct wire *wire = peer->wire;
    uint32_t had = grant(peer);
    uint32_t above = cost(wire, had) - wire->floor;
    uint32_t free = wire->budget > wire->granted ? wire->budget - wire->granted : 0;
    uint32_t want = wire->floor + (free + above) / 2;
    /* Frames that wait to be delivered hold their places. */
    uint32_t most = (uint32_t)(peer->rx_deliver + WIRE_WINDOW - peer->rx_next);

    if (unlikely(peer->down))
        return 0;
    if (want > most)
        want = most;
    if (want > had) {
        wire->granted += cost(wire, want) - cost(wire, had);
        peer->rx_edge = peer->rx_next + want;
        had = want;
    }
    peer->told_none = had == 0;
    peer->ack_every = had / 2 < WIRE_ACK_EVERY ? (had / 2 ? had / 2 : 1) : WIRE_ACK_EVERY;
    return had;
}

void wire_credit_used(struct wire_peer *peer, uint64_t frames)
{
    uint32_t left = grant(peer);

    peer->wire->granted -= cost(peer->wire, left + (uint32_t)frames) - cost(peer->wire, left);
}

void wire_credit_unused(struct wire_peer *peer)
{
    uint32_t left = grant(peer);

    peer->rx_next--;
    peer->wire->granted += cost(peer->wire, left + 1) - cost(peer->wire, left);
}

void wire_credit_drop(struct wire_peer *peer)
{
    peer->wire->granted -= cost(peer->wire, grant(peer)) - peer->wire->floor;
    peer->rx_edge = peer->rx_next;
}
