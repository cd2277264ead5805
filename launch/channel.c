/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/channel.c: see channel.h.
 */
#include "launch/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HEADER = 8,
    MAX_NOISE = 1 << 20, /* bytes that a login shell may print first */
    READ_SIZE = 64 << 10,
};

static const char preamble[] = "\001caravan agent stream\001\n";

struct channel {
    struct loop *loop;
    struct channel_events events;
    struct watch in;
    struct watch out;
    bool closed; /* by a callback */
    bool busy;   /* in a callback's caller: freed there */
    int in_fd;
    int out_fd;
    int write_error;
    struct timer failed; /* tells a write error from the loop, never from within channel_send */

    bool skipping;
    size_t noise;

    char *received; /* `end` of `size` bytes hold something, from `start` on */
    size_t start, end, size;

    char *sending;
    size_t sending_start, sending_end, sending_size;
};

static void channel_free(struct channel *channel)
{
    free(channel->received);
    free(channel->sending);
    free(channel);
}

void channel_close(struct channel *channel)
{
    if (!channel || channel->closed)
        return;
    loop_unwatch(channel->loop, &channel->in);
    loop_unwatch(channel->loop, &channel->out);
    loop_cancel_timer(channel->loop, &channel->failed);
    close(channel->in_fd);
    close(channel->out_fd);
    channel->closed = true;
    if (!channel->busy)
        channel_free(channel);
}

static void channel_end(struct channel *channel, int error)
{
    loop_unwatch(channel->loop, &channel->in);
    loop_unwatch(channel->loop, &channel->out);
    loop_cancel_timer(channel->loop, &channel->failed);
    channel->events.ended(channel->events.context, error);
}

/* ---- sending ---------------------------------------------------------------------------------- */

/* Write what is queued. 0, -EAGAIN when some is left, or the error. */
static int write_queued(struct channel *channel)
{
    while (channel->sending_start < channel->sending_end) {
        ssize_t written = write(channel->out_fd, channel->sending + channel->sending_start,
                                channel->sending_end - channel->sending_start);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno == EAGAIN ? -EAGAIN : -errno;
        channel->sending_start += (size_t)written;
    }
    channel->sending_start = channel->sending_end = 0;
    return 0;
}

/* The other end reads no more. What it said before is still to be read, and then its end is found there; but not
 * for ever. */
static void stop_writing(struct channel *channel, int error)
{
    channel->write_error = error;
    channel->sending_start = channel->sending_end = 0;
    loop_unwatch(channel->loop, &channel->out);
    loop_set_timer(channel->loop, &channel->failed, 1000000000);
}

static void channel_flush(struct channel *channel)
{
    if (channel->write_error)
        return;

    int error = write_queued(channel);

    if (error == 0) {
        loop_change(channel->loop, &channel->out, 0);
    } else if (error == -EAGAIN) {
        loop_change(channel->loop, &channel->out, EPOLLOUT);
    } else {
        stop_writing(channel, error);
    }
}

static void writable(void *context, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP))
        stop_writing(context, -EPIPE);
    else
        channel_flush(context);
}

static void write_failed(void *context)
{
    channel_end(context, -ECONNRESET);
}

static int make_room(char **buffer, size_t *start, size_t *end, size_t *size, size_t wanted)
{
    if (*size - *end >= wanted)
        return 0;
    if (*start > 0) {
        memmove(*buffer, *buffer + *start, *end - *start);
        *end -= *start;
        *start = 0;
    }
    if (*size - *end >= wanted)
        return 0;

    size_t larger = *size ? *size : 4096;

    while (larger - *end < wanted)
        larger *= 2;

    char *grown = realloc(*buffer, larger);

    if (!grown)
        return -ENOMEM;
    *buffer = grown;
    *size = larger;
    return 0;
}

static int append(struct channel *channel, const void *bytes, size_t length)
{
    if (make_room(&channel->sending, &channel->sending_start, &channel->sending_end,
                  &channel->sending_size, length) < 0)
        return -ENOMEM;
    if (length > 0)
        memcpy(channel->sending + channel->sending_end, bytes, length);
    channel->sending_end += length;
    return 0;
}

int channel_send_preamble(struct channel *channel)
{
    int error = append(channel, preamble, sizeof(preamble) - 1);

    channel_flush(channel);
    return error;
}

int channel_send(struct channel *channel, enum channel_kind kind, const void *head,
                 size_t head_length, const void *body, size_t body_length)
{
    size_t length = head_length + body_length;
    unsigned char header[HEADER] = {
        (unsigned char)length,         (unsigned char)(length >> 8), (unsigned char)(length >> 16),
        (unsigned char)(length >> 24), (unsigned char)kind,
    };

    if (length > CHANNEL_MAX)
        return -EMSGSIZE;
    if (channel->closed || channel->write_error)
        return 0;
    /* All or nothing: half a frame would break the stream. */
    if (make_room(&channel->sending, &channel->sending_start, &channel->sending_end,
                  &channel->sending_size, HEADER + length) < 0)
        return -ENOMEM;
    append(channel, header, HEADER);
    append(channel, head, head_length);
    append(channel, body, body_length);
    if (!(channel->out.events & EPOLLOUT))
        channel_flush(channel);
    return 0;
}

int channel_send_line(struct channel *channel, const char *format, ...)
{
    char text[CONTROL_MAX_LINE];
    va_list list;

    va_start(list, format);
    int length = vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    if (length < 0 || length >= (int)sizeof(text))
        return -EMSGSIZE;
    return channel_send(channel, CHANNEL_LINE, text, (size_t)length, NULL, 0);
}

size_t channel_queued(const struct channel *channel)
{
    return channel->sending_end - channel->sending_start;
}

void channel_drain(struct channel *channel, int milliseconds)
{
    uint64_t end = loop_now() + (uint64_t)milliseconds * 1000000;

    while (!channel->closed && !channel->write_error && write_queued(channel) == -EAGAIN) {
        struct pollfd wait = {.fd = channel->out_fd, .events = POLLOUT};
        uint64_t now = loop_now();

        if (now >= end || poll(&wait, 1, (int)((end - now) / 1000000) + 1) < 0)
            return;
    }
}

/* ---- receiving -------------------------------------------------------------------------------- */

/* Drop bytes up to and with the preamble. True once that is done. */
static bool skip_noise(struct channel *channel)
{
    size_t length = channel->end - channel->start;
    char *found = memmem(channel->received + channel->start, length, preamble,
                         sizeof(preamble) - 1);

    if (found) {
        channel->start = (size_t)(found - channel->received) + sizeof(preamble) - 1;
        channel->skipping = false;
        return true;
    }
    if (length >= sizeof(preamble)) {
        size_t dropped = length - (sizeof(preamble) - 1);

        channel->start += dropped;
        channel->noise += dropped;
    }
    return false;
}

/* Hand out one frame: 1, 0 when none is whole, or -EPROTO. */
static int take_frame(struct channel *channel)
{
    if (channel->skipping && !skip_noise(channel))
        return channel->noise > MAX_NOISE ? -EPROTO : 0;

    unsigned char *header = (unsigned char *)channel->received + channel->start;
    size_t held = channel->end - channel->start;

    if (held < HEADER)
        return 0;

    size_t length = header[0] | (size_t)header[1] << 8 | (size_t)header[2] << 16 |
                    (size_t)header[3] << 24;

    if (length > CHANNEL_MAX || header[4] < CHANNEL_LINE || header[4] > CHANNEL_INPUT ||
        header[5] || header[6] || header[7])
        return -EPROTO;
    if (held < HEADER + length)
        return 0;

    /* The byte behind the payload belongs to the next frame: lend it to this one's NUL. */
    char *payload = channel->received + channel->start + HEADER;
    char behind = payload[length];

    payload[length] = '\0';
    channel->start += HEADER + length;
    channel->events.frame(channel->events.context, header[4], payload, length);
    payload[length] = behind;
    return 1;
}

static void readable(void *context, uint32_t events)
{
    struct channel *channel = context;
    int result = 1;

    /* One byte more, for the NUL behind the last frame. */
    if (make_room(&channel->received, &channel->start, &channel->end, &channel->size,
                  READ_SIZE + 1) < 0) {
        channel_end(channel, -ENOMEM);
        return;
    }

    ssize_t length = read(channel->in_fd, channel->received + channel->end, READ_SIZE);

    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0) {
        channel_end(channel, -ECONNRESET);
        return;
    }
    channel->end += (size_t)length;

    channel->busy = true;
    while (result == 1 && !channel->closed)
        result = take_frame(channel);
    if (result < 0 && !channel->closed)
        channel_end(channel, result);
    channel->busy = false;
    if (channel->closed)
        channel_free(channel);
}

struct channel *channel_open(struct loop *loop, int in, int out,
                             const struct channel_events *events, bool skip_to_preamble)
{
    struct channel *channel = calloc(1, sizeof(*channel));

    if (!channel)
        return NULL;
    /* epoll wants two descriptors for two watches. */
    if (in == out)
        out = fcntl(in, F_DUPFD_CLOEXEC, 3);
    if (out < 0) {
        free(channel);
        return NULL;
    }
    channel->loop = loop;
    channel->events = *events;
    channel->in_fd = in;
    channel->out_fd = out;
    channel->skipping = skip_to_preamble;
    channel->in = (struct watch){.ready = readable, .context = channel, .fd = -1};
    channel->out = (struct watch){.ready = writable, .context = channel, .fd = -1};
    channel->failed = (struct timer){.run = write_failed, .context = channel};
    fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
    fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK);
    fcntl(in, F_SETFD, FD_CLOEXEC);
    fcntl(out, F_SETFD, FD_CLOEXEC);
    loop_watch(loop, &channel->in, in, EPOLLIN);
    loop_watch(loop, &channel->out, out, 0);
    return channel;
}
