/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/channel.h: the stream between mpirun and a node's agent.
 *
 * It runs over a socket pair, or over the standard input and output of whatever entered the host (ssh, ip netns
 * exec). docs/agent-stream.md lists what is said. A frame is
 *
 *     u32 length   of the payload, little-endian, at most CHANNEL_MAX
 *     u8  kind
 *     u8  zero[3]
 *     payload
 *
 * A login shell may print before the agent starts, so the agent's direction begins with a preamble, and what
 * comes before it is skipped.
 */
#ifndef CARAVAN_CHANNEL_H
#define CARAVAN_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/control.h"
#include "launch/loop.h"

enum {
    CHANNEL_VERSION = 4,
    CHANNEL_MAX =
        256 << 10, /* bytes of a payload: above the longest argument that Linux passes, 128 KiB */
};

enum channel_kind {
    CHANNEL_LINE = 1,   /* a line of the control stream's form, without the newline */
    CHANNEL_STRING = 2, /* an argument or environment variable of the program being described */
    CHANNEL_OUTPUT = 3, /* u32 process, u8 descriptor (1 or 2), bytes; no bytes: its end */
    CHANNEL_INPUT = 4,  /* u32 process, bytes; no bytes: its end */
};

struct channel;

/* `frame` is called for each frame, `ended` once when the other end is gone (-ECONNRESET) or sent what is no frame
 * (-EPROTO). Either may close the channel. The payload is NUL-terminated and may be written to. */
struct channel_events {
    void (*frame)(void *context, enum channel_kind kind, char *payload, size_t length);
    void (*ended)(void *context, int error);
    void *context;
};

/* Takes over both descriptors (which may be the same). NULL without memory. */
struct channel *channel_open(struct loop *loop, int in, int out,
                             const struct channel_events *events, bool skip_to_preamble);
void channel_close(struct channel *channel);

int channel_send_preamble(struct channel *channel);

/* Queue a frame; it leaves as the other end reads. 0, -EMSGSIZE, -ENOMEM; an error of the descriptor comes as
 * `ended`, later. */
int channel_send(struct channel *channel, enum channel_kind kind, const void *head,
                 size_t head_length, const void *body, size_t body_length);
/* The same for a line, in printf's format. */
int channel_send_line(struct channel *channel, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Bytes that have not left yet. */
size_t channel_queued(const struct channel *channel);

/* Wait until all of it has left, at most `milliseconds`: for last words before an exit. */
void channel_drain(struct channel *channel, int milliseconds);

#endif
