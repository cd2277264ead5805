/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The node agent's answer to probe frames.
 */
#include "am/link/beacon.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "am/job.h"
#include "am/link/frame.h"

enum {
    BEACON_BURST = 64, /* frames in one call: the agent has other work */
};

struct beacon {
    int fd;
    uint8_t mac[6];
    uint16_t ethertype;
    uint32_t job;
    uint32_t number; /* the agent's, as a frame's destination */
    struct tag_key key;
    uint64_t refused;
};

struct beacon *beacon_open(int fd, const uint8_t mac[6], uint16_t ethertype, uint32_t job,
                           const uint8_t key[16], uint32_t node)
{
    struct beacon *beacon = calloc(1, sizeof(*beacon));

    if (!beacon)
        return NULL;
    beacon->fd = fd;
    memcpy(beacon->mac, mac, sizeof(beacon->mac));
    beacon->ethertype = ethertype;
    beacon->job = job;
    beacon->number = AM_AGENT(node);
    beacon->key = tag_key_from(key);
    return beacon;
}

int beacon_fd(const struct beacon *beacon)
{
    return beacon->fd;
}

uint64_t beacon_refused(const struct beacon *beacon)
{
    return beacon->refused;
}

void beacon_close(struct beacon *beacon)
{
    if (beacon->fd >= 0)
        close(beacon->fd);
    free(beacon);
}

size_t beacon_answer(struct beacon *beacon, const void *frame, size_t length, void *answer)
{
    struct frame_header header, reply;
    uint8_t *out = answer;

    if (frame_parse(frame, length, beacon->ethertype, &header) < 0 ||
        header.dst != beacon->number || header.job != beacon->job || header.kind != FRAME_PROBE ||
        header.length || frame_tag(&beacon->key, &header, 0, 0, 0) != header.tag) {
        beacon->refused++;
        return 0;
    }
    reply = (struct frame_header){
        .dst = header.src,
        .src = beacon->number,
        .job = beacon->job,
        .ack = header.seq,
        .kind = FRAME_PROBE,
    };
    reply.tag = frame_tag(&beacon->key, &reply, 0, 0, 0);
    memcpy(out, (const uint8_t *)frame + 6, 6);
    memcpy(out + 6, beacon->mac, 6);
    memcpy(out + 12, (const uint8_t *)frame + 12, 2);
    memcpy(out + PORT_HEADER, &reply, sizeof(reply));
    return FRAME_PAYLOAD;
}

int beacon_serve(struct beacon *beacon)
{
    uint8_t frame[FRAME_PAYLOAD + 64], answer[FRAME_PAYLOAD];
    int answered = 0;

    for (int i = 0; i < BEACON_BURST; i++) {
        ssize_t length = recv(beacon->fd, frame, sizeof(frame), MSG_DONTWAIT | MSG_TRUNC);
        size_t size;

        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            break; /* nothing more, or the interface is down: it will ask again */
        if ((size_t)length > sizeof(frame))
            length = sizeof(frame); /* far too long for a probe; its header says so */
        size = beacon_answer(beacon, frame, (size_t)length, answer);
        if (size && send(beacon->fd, answer, size, MSG_DONTWAIT) == (ssize_t)size)
            answered++;
    }
    return answered;
}
