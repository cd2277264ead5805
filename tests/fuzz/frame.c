/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Fuzz target: frames from the network, and from a peer that knows the key and sends nonsense under it.
 *
 * Input: records of one byte how, two bytes length, and a frame from its header on. `how` says which fields are put right (so
 * that the fuzzer gets past the tag), whether we send something and whether time passes. Whatever comes, we touch no memory that
 * is not ours, and either go on or declare the peer down.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "am/link/frame.h"
#include "am/link/wire_private.h"
#include "tests/am/link/wire_net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum how {
    HOW_ADDRESSED = 1 << 0, /* ether type, destination, source and job are right */
    HOW_SEALED = 1 << 1,    /* the tag is right */
    HOW_NEAR = 1 << 2,      /* seq and ack count from what is expected */
    HOW_SEND = 1 << 3,
    HOW_WAIT = 1 << 4,
    HOW_GET = 1 << 5,
};

static uint64_t seen;

static void on_any(struct am *am, const struct am_message *message, void *context)
{
    const uint8_t *bytes = message->payload;

    for (size_t i = 0; i < message->length; i++)
        seen += bytes[i];
    for (unsigned i = 0; i < message->nargs; i++)
        seen += message->args[i];
    if (message->token)
        am_reply(am, message->source, message->token, 1, message->args, message->nargs, bytes,
                 message->length % AM_MAX_REPLY);
}

static void on_done(struct am *am, void *context, int status)
{
}

static void inject(struct net *net, unsigned how, const uint8_t *bytes, size_t length)
{
    struct wire_peer *peer = wire_of(net->am[0]->wire)->peers[1];
    uint8_t frame[PORT_HEADER + 9216] = {0};
    struct frame_header header;
    const struct tag_key *key = &peer->key;
    uint64_t seq, ack;

    if (length > sizeof(frame) - PORT_HEADER)
        length = sizeof(frame) - PORT_HEADER;
    memcpy(frame, peer->prefix + 6, 6);
    memcpy(frame + 12, peer->prefix + 12, 2);
    memcpy(frame + PORT_HEADER, bytes, length);
    length += PORT_HEADER;
    memcpy(&header, frame + PORT_HEADER, sizeof(header));
    if (how & HOW_ADDRESSED) {
        header.dst = 0;
        header.src = 1;
        memcpy(&header.job, peer->prefix + PORT_HEADER + 8, 4);
        if (length < FRAME_PAYLOAD)
            length = FRAME_PAYLOAD;
        if (header.length > length - FRAME_PAYLOAD)
            header.length = (uint16_t)(length - FRAME_PAYLOAD);
    }
    if (how & HOW_NEAR) {
        header.seq += (uint32_t)peer->rx_next;
        header.ack += (uint32_t)peer->tx_una;
    }
    seq = frame_extend(peer->rx_next, header.seq);
    ack = frame_extend(peer->tx_una, header.ack);
    if (header.kind == FRAME_HELLO || header.src >= AM_AGENT(0)) {
        key = &wire_of(net->am[0]->wire)->job_key;
        seq = ack = 0;
    }
    if ((how & HOW_SEALED) && header.length <= length - FRAME_PAYLOAD && length >= FRAME_PAYLOAD)
        header.tag = frame_tag(key, &header, seq, ack,
                               frame_crc(frame + FRAME_PAYLOAD, header.length));
    memcpy(frame + PORT_HEADER, &header, sizeof(header));
    sim_inject(net->sim, frame, length, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[20000], target[20000];
    struct net_options options = {.size = 2, .seed = 1, .mtu = 1500, .rx_slots = 64};
    struct am_memory exposed;
    struct net net;

    net_open(&net, &options);
    for (unsigned i = 0; i < AM_HANDLERS; i += 3)
        am_set_handler(net.am[0], i, on_any, NULL);
    am_set_handler(net.am[0], 1, on_any, NULL);
    am_set_handler(net.am[1], 1, on_any, NULL);
    am_expose(net.am[0], 1, memory, sizeof(memory), AM_READ | AM_WRITE, &exposed);
    while (am_request(net.am[0], 1, 1, NULL, 0, NULL, 0) == -EAGAIN)
        net_round(&net);
    net.away[1] = AM_FOREVER; /* from now on the input speaks for it */
    while (size >= 3) {
        unsigned how = data[0];
        size_t length = (size_t)data[1] | (size_t)data[2] << 8;

        data += 3;
        size -= 3;
        if (length > size)
            length = size;
        if (how & HOW_SEND)
            am_request(net.am[0], 1, 1, (uint64_t[]){1, 2}, 2, memory, length * 4 % AM_MAX_MEDIUM);
        if (how & HOW_GET)
            am_get(net.am[0], 1, &(struct am_memory){0, 63}, 0, target, sizeof(target), 1, NULL, 0,
                   on_done, NULL);
        inject(&net, how, data, length);
        sim_step(net.sim, net_now(&net) + (how & HOW_WAIT ? 2 * MILLISECOND : 1000));
        am_poll(net.am[0]);
        data += length;
        size -= length;
    }
    net_close(&net);
    return 0;
}
