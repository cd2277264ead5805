/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Meeting a peer, finding the size of frames that the path to it carries, and parting.
 *
 * Each side says HELLO, under the job's key, until it has a HELLO in return that names its own incarnation and the size that
 * was heard of it. A HELLO is padded to the size it asks about; unanswered, the next ones are smaller. A side that wants an
 * answer says so, and the other then always answers: two crossing HELLOs and a lost one end the same way.
 *
 * The first answer is often to a small one, since the other side was not there yet when larger ones came. So the larger sizes are
 * tried once more then, while messages go already.
 *
 * An incarnation that comes back in a HELLO proves that its sender lives now. Until then the other's incarnation is only
 * believed: a HELLO recorded in an earlier life is answered, and forgotten when a better one comes.
 */
#include "am/link/wire_private.h"

enum {
    HELLOS_OF_A_SIZE = 3,
    HELLOS_DOUBT = 4, /* unanswered: ask the agent */
};

/* Sizes to try: below what the port offers, what switches and their administrators tend to allow. */
static const uint16_t steps[] = {9000, 4000, 1500, 1280, FRAME_MIN_MTU};

static uint16_t offered(const struct wire_peer *peer)
{
    uint16_t own = peer->wire->port->mtu;
    uint16_t other = peer->wire->job->table[peer->node->node].mtu;

    return other && other < own ? other : own;
}

static uint16_t size_to_try(const struct wire_peer *peer)
{
    uint16_t size = offered(peer);
    uint32_t step = peer->hellos / HELLOS_OF_A_SIZE;
    uint32_t smaller = 0;

    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
        smaller += steps[i] < size;
    if (step > smaller)
        step = peer->told ? smaller
                          : peer->hellos % (smaller + 1); /* all again: it may not have listened */
    for (size_t i = 0; step && i < sizeof(steps) / sizeof(*steps); i++) {
        if (steps[i] < size) {
            size = steps[i];
            step--;
        }
    }
    return size > peer->told ? size : peer->told;
}

void wire_room(struct wire_peer *peer)
{
    uint16_t size = peer->told ? peer->told : FRAME_MIN_MTU;

    if (size > peer->wire->port->mtu)
        size = peer->wire->port->mtu;
    peer->room = (uint16_t)(size - FRAME_HEADER);
}

static bool satisfied(const struct wire_peer *peer)
{
    return peer->open && peer->told && size_to_try(peer) == peer->told;
}

static void hello_send(struct wire_peer *peer, uint16_t size)
{
    struct wire *wire = peer->wire;
    size_t length = size - FRAME_HEADER;
    struct frame_hello hello = {
        .version = FRAME_VERSION,
        .size = size,
        .heard = peer->heard,
        .flags = peer->open && size <= peer->told ? 0 : HELLO_WANTED,
        .incarnation = wire->incarnation,
        .peer_incarnation = peer->incarnation,
    };
    uint8_t *frame = wire->port->ops->tx_reserve(wire->port);
    uint8_t *payload = frame + FRAME_PAYLOAD;

    if (!frame)
        return;
    memcpy(payload, &hello, sizeof(hello));
    memset(payload + sizeof(hello), 0, length - sizeof(hello));
    wire_commit(peer, frame, &wire->job_key, 0, FRAME_HELLO, length, frame_crc(payload, length));
    wire->count[COUNT_HELLOS]++;
}

void wire_hello_due(struct wire_peer *peer)
{
    uint32_t doublings = peer->hellos / 2;
    uint64_t pause = WIRE_FIRST_TIMEOUT << (doublings < 6 ? doublings : 6);

    if (satisfied(peer)) {
        peer->hello_at = NEVER;
        return;
    }
    hello_send(peer, size_to_try(peer));
    peer->hellos++;
    peer->hello_at = am_now(peer->link.am) + min64(pause, WIRE_HELLO_PAUSE);
    wire_due(peer, peer->hello_at);
    if (peer->hellos >= HELLOS_DOUBT && !peer->told)
        wire_suspect(peer);
}

void wire_hello_start(struct wire_peer *peer)
{
    wire_arm(peer->wire);
    wire_hello_due(peer);
    wire_flush_unless_polling(peer->wire);
}

void wire_confirm(struct wire_peer *peer)
{
    peer->confirmed = true;
    peer->open = true;
    if (peer->refused)
        wire_touch(peer);
    wire_room(peer);
}

/* Another life of the process, or the first we hear of: everything of the one believed in before goes. */
static void adopt(struct wire_peer *peer, uint64_t incarnation)
{
    struct wire *wire = peer->wire;

    peer->incarnation = incarnation;
    peer->heard = 0;
    peer->key = frame_pair_key(&wire->job_key, wire->job->process, wire->incarnation,
                               peer->link.peer, incarnation);
}

void wire_hello_receive(struct wire *wire, const struct frame_header *header,
                        const uint8_t *payload, size_t size)
{
    struct frame_hello hello;
    struct wire_peer *peer;
    bool knows_us;

    if (header->src >= wire->job->size || header->src == wire->job->process) {
        wire->count[COUNT_FOREIGN]++;
        return;
    }
    if (header->length < sizeof(hello)) {
        wire->count[COUNT_BAD_SHAPE]++;
        return;
    }
    if (frame_tag(&wire->job_key, header, 0, 0, frame_crc(payload, header->length)) !=
        header->tag) {
        wire->count[COUNT_BAD_TAG]++;
        return;
    }
    memcpy(&hello, payload, sizeof(hello));
    peer = wire_peer_get(wire, header->src);
    if (!peer)
        return; /* no memory: it will call again */
    if (hello.version != FRAME_VERSION) {
        wire_peer_failf(peer, "speaks version %u of the frame protocol, this process version %u",
                        hello.version, FRAME_VERSION);
        return;
    }
    /* It cannot have heard a longer frame than ours are: that is what is written from then on. */
    if (hello.size != FRAME_HEADER + header->length || hello.size > size || !hello.incarnation ||
        hello.heard > wire->port->mtu) {
        wire->count[COUNT_BAD_SHAPE]++;
        return;
    }
    wire->count[COUNT_RECEIVED]++;
    knows_us = hello.peer_incarnation == wire->incarnation;
    if (hello.incarnation != peer->incarnation) {
        if (peer->confirmed) {
            wire->count[COUNT_EARLIER_LIFE]++;
            return;
        }
        adopt(peer, hello.incarnation);
    }
    if (peer->down) {
        wire_send_reset(peer);
        return;
    }
    if (hello.size > peer->heard)
        peer->heard = hello.size;
    if (knows_us) {
        peer->heard_at = wire->now;
        peer->node->waiting = false;
        peer->node->silent = 0;
        if (hello.heard > peer->told && hello.heard >= FRAME_MIN_MTU) {
            if (!peer->told) {
                peer->hellos = 0;
                peer->hello_at = wire->now;
                wire_due(peer, wire->now);
            }
            peer->told = hello.heard;
        }
        wire_confirm(peer);
        if (satisfied(peer))
            peer->hello_at = NEVER;
        if (peer->told && !peer->timeouts)
            peer->suspect_at = NEVER;
        wire_acknowledged(peer, frame_extend(peer->tx_una, header->ack), header->credit, NULL);
    }
    if (hello.flags & HELLO_WANTED) {
        /* An answer has to arrive: no size that is only tried. */
        hello_send(peer, peer->told ? peer->told : size_to_try(peer));
        if (!satisfied(peer)) {
            peer->hellos += !peer->told;
            if (peer->hello_at == NEVER) {
                peer->hello_at = wire->now + WIRE_FIRST_TIMEOUT;
                wire_due(peer, peer->hello_at);
            }
        }
    }
}

void wire_bye_receive(struct wire_peer *peer)
{
    peer->left = true;
    peer->hello_at = NEVER;
    if (!wire_peer_drained(peer))
        wire_peer_failf(peer, "has left the job and not taken frame %llu and %llu after it",
                        (unsigned long long)peer->tx_una,
                        (unsigned long long)(peer->tx_next - peer->tx_una));
    peer->open = false; /* a message to it takes the slow way, and learns that there */
}

void wire_reset_receive(struct wire_peer *peer)
{
    peer->was_reset = true;
    wire_peer_failf(peer, "has reset the link: it took this process for dead, or ended in a hurry");
}

void wire_send_reset(struct wire_peer *peer)
{
    struct wire *wire = peer->wire;

    if (wire->now < peer->reset_at || !peer->incarnation)
        return;
    peer->reset_at = wire->now + 100 * MILLISECOND;
    wire_send_control(peer, FRAME_RESET, NULL, 0);
}
