/* SPDX-License-Identifier: BSD-2-Clause
 *
 * control/stream.c: lines, and descriptors with them, over a Unix stream socket.
 *
 * The descriptors of a line travel with its first byte, so they are here when its last one is. The kernel ends a
 * receive at the bytes that carried descriptors, hence those of at most one line are here ahead of it.
 */
#include "control/control.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MAX_QUEUED = 16 << 20,             /* bytes that may wait for an end that does not read */
    MAX_PENDING = 2 * CONTROL_MAX_FDS, /* descriptors received ahead of their line's end */
};

/* A line that the socket did not take whole. */
struct queued {
    struct queued *next;
    size_t length;
    size_t sent;
    unsigned fds; /* ours; sent with the first byte */
    int fd[CONTROL_MAX_FDS];
    char text[];
};

struct control_stream {
    int fd;
    int error; /* sticky: what broke the receiving side */

    struct queued *first;
    struct queued **last;
    size_t queued;

    unsigned pending;
    int pending_fd[MAX_PENDING];

    size_t start; /* of what was received and not yet handed out */
    size_t end;
    size_t searched; /* no newline before it */
    char buffer[2 * CONTROL_MAX_LINE];
};

struct control_stream *control_open(int fd)
{
    struct control_stream *stream = calloc(1, sizeof(*stream));

    if (!stream)
        return NULL;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    stream->fd = fd;
    stream->last = &stream->first;
    return stream;
}

static void close_all(const int *fd, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        close(fd[i]);
}

static void unqueue(struct control_stream *stream)
{
    struct queued *line = stream->first;

    stream->first = line->next;
    if (!stream->first)
        stream->last = &stream->first;
    stream->queued -= line->length;
    close_all(line->fd, line->fds);
    free(line);
}

void control_close(struct control_stream *stream)
{
    if (!stream)
        return;
    while (stream->first)
        unqueue(stream);
    close_all(stream->pending_fd, stream->pending);
    close(stream->fd);
    free(stream);
}

int control_fd(const struct control_stream *stream)
{
    return stream->fd;
}

/* ---- sending ---------------------------------------------------------------------------------- */

/* Hand bytes, and descriptors with the first of them, to the socket. How many it took, or its error. */
static ssize_t transmit(struct control_stream *stream, const char *text, size_t length,
                        const int *fds, unsigned count)
{
    union {
        char space[CMSG_SPACE(CONTROL_MAX_FDS * sizeof(int))];
        struct cmsghdr align;
    } ancillary;
    struct iovec vector = {.iov_base = (void *)text, .iov_len = length};
    struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
    ssize_t sent;

    if (count > 0) {
        memset(&ancillary, 0, sizeof(ancillary));
        header.msg_control = ancillary.space;
        header.msg_controllen = CMSG_SPACE(count * sizeof(int));

        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);

        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
    }
    do
        sent = sendmsg(stream->fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    /* Too many descriptors in flight passes as the receiver takes some. */
    if (sent < 0 && errno == ETOOMANYREFS)
        return -EAGAIN;
    return sent < 0 ? -errno : sent;
}

/* Keep the rest of a line, of which `sent` bytes have left, until the socket takes it. */
static int enqueue(struct control_stream *stream, const char *text, size_t length, size_t sent,
                   const int *fds, unsigned count)
{
    if (stream->queued + length > MAX_QUEUED)
        return -ENOMEM;

    struct queued *line = malloc(sizeof(*line) + length);

    if (!line)
        return -ENOMEM;
    line->next = NULL;
    line->length = length;
    line->sent = sent;
    line->fds = 0;
    for (unsigned i = 0; i < count && sent == 0; i++) {
        int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);

        if (copy < 0) {
            int error = errno;

            close_all(line->fd, line->fds);
            free(line);
            return -error;
        }
        line->fd[line->fds++] = copy;
    }
    memcpy(line->text, text, length);
    *stream->last = line;
    stream->last = &line->next;
    stream->queued += length;
    return 0;
}

int control_send(struct control_stream *stream, const int *fds, unsigned count, const char *format,
                 ...)
{
    char text[CONTROL_MAX_LINE + 1];
    size_t length;
    ssize_t sent = 0;
    va_list list;

    assert(count <= CONTROL_MAX_FDS);
    va_start(list, format);
    int printed = vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    if (printed < 0 || printed >= CONTROL_MAX_LINE)
        return -EMSGSIZE;
    length = (size_t)printed;
    /* One newline, at the end: anything else would be a second line of somebody's choice. */
    if (memchr(text, '\n', length))
        return -EPROTO;
    if (count > 0) {
        printed = snprintf(text + length, sizeof(text) - length, " fds=%u", count);
        length += (size_t)printed;
        if (length >= CONTROL_MAX_LINE)
            return -EMSGSIZE;
    }
    text[length++] = '\n';

    if (!stream->first) {
        sent = transmit(stream, text, length, fds, count);
        if (sent == (ssize_t)length)
            return 0;
        if (sent == -EAGAIN)
            sent = 0;
        if (sent < 0)
            return (int)sent;
    }
    return enqueue(stream, text, length, (size_t)sent, fds, count);
}

int control_flush(struct control_stream *stream)
{
    while (stream->first) {
        struct queued *line = stream->first;
        ssize_t sent = transmit(stream, line->text + line->sent, line->length - line->sent,
                                line->fd, line->sent == 0 ? line->fds : 0);

        if (sent < 0)
            return (int)sent;
        line->sent += (size_t)sent;
        if (line->sent == line->length)
            unqueue(stream);
    }
    return 0;
}

/* ---- receiving -------------------------------------------------------------------------------- */

/* Keep the descriptors that came with a receive; false when there were more than a line may have. */
static bool take_rights(struct control_stream *stream, struct msghdr *header)
{
    bool fits = !(header->msg_flags & MSG_CTRUNC);

    for (struct cmsghdr *item = CMSG_FIRSTHDR(header); item; item = CMSG_NXTHDR(header, item)) {
        if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS)
            continue;

        size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(item) + i * sizeof(int), sizeof(int));
            if (stream->pending < MAX_PENDING) {
                stream->pending_fd[stream->pending++] = fd;
            } else {
                close(fd);
                fits = false;
            }
        }
    }
    return fits;
}

/* Receive once. 1 when bytes came, 0 when there are none now, or the error. */
static int fill(struct control_stream *stream)
{
    union {
        char space[CMSG_SPACE(CONTROL_MAX_FDS * sizeof(int))];
        struct cmsghdr align;
    } ancillary;

    if (stream->start > 0) {
        memmove(stream->buffer, stream->buffer + stream->start, stream->end - stream->start);
        stream->end -= stream->start;
        stream->searched -= stream->start;
        stream->start = 0;
    }

    struct iovec vector = {.iov_base = stream->buffer + stream->end,
                           .iov_len = sizeof(stream->buffer) - stream->end};
    struct msghdr header = {.msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = ancillary.space,
                            .msg_controllen = sizeof(ancillary.space)};
    ssize_t received;

    do
        received = recvmsg(stream->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
    if (!take_rights(stream, &header))
        return -EPROTO;
    if (received == 0)
        return -ECONNRESET;
    stream->end += (size_t)received;
    return 1;
}

/* Give the line its descriptors, as many as it says. */
static int assign_rights(struct control_stream *stream, struct control_message *message)
{
    uint64_t count = 0;
    int error = control_get_number(message, "fds", CONTROL_MAX_FDS, &count);

    if (error == -ENOENT)
        return 0;
    if (error < 0 || count > stream->pending)
        return -EPROTO;
    memcpy(message->fd, stream->pending_fd, count * sizeof(int));
    message->fds = (unsigned)count;
    stream->pending -= (unsigned)count;
    memmove(stream->pending_fd, stream->pending_fd + count, stream->pending * sizeof(int));
    return 0;
}

/* The next line in the buffer: 1, 0 when none is whole, or -EPROTO. */
static int take_line(struct control_stream *stream, struct control_message *message)
{
    char *start = stream->buffer + stream->start;
    char *from = stream->buffer + stream->searched;
    char *newline = memchr(from, '\n', stream->end - stream->searched);

    if (!newline) {
        stream->searched = stream->end;
        return stream->end - stream->start >= CONTROL_MAX_LINE ? -EPROTO : 0;
    }

    size_t length = (size_t)(newline - start);

    stream->start = stream->searched = (size_t)(newline + 1 - stream->buffer);
    if (length >= CONTROL_MAX_LINE || memchr(start, '\0', length))
        return -EPROTO;
    *newline = '\0';
    if (control_parse(start, message) < 0 || assign_rights(stream, message) < 0)
        return -EPROTO;
    return 1;
}

int control_receive(struct control_stream *stream, struct control_message *message)
{
    message->fds = 0;
    while (!stream->error) {
        int taken = take_line(stream, message);

        if (taken == 1)
            return 1;
        if (taken == 0)
            taken = fill(stream);
        if (taken == 0)
            return 0;
        if (taken < 0)
            stream->error = taken;
    }
    return stream->error;
}
