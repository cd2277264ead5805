/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/pocket/frame.c: see frame.h.
 */
#include "launch/pocket/frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void make_room(char **bytes, size_t *size, size_t wanted)
{
    char *grown;

    if (wanted <= *size)
        return;
    grown = realloc(*bytes, 2 * wanted);
    if (!grown) {
        fputs("pocket: out of memory\n", stderr);
        exit(1);
    }
    *bytes = grown;
    *size = 2 * wanted;
}

void pocket_frame_put(struct frame_writer *writer, enum frame_kind kind, const void *bytes,
                      size_t length)
{
    struct frame_header header = {.kind = kind, .length = (uint32_t)length};

    if (frame_is_idle(writer))
        writer->length = writer->done = 0;
    make_room(&writer->bytes, &writer->size, writer->length + sizeof(header) + length);
    memcpy(writer->bytes + writer->length, &header, sizeof(header));
    if (length)
        memcpy(writer->bytes + writer->length + sizeof(header), bytes, length);
    writer->length += sizeof(header) + length;
}

int pocket_frame_flush(struct frame_writer *writer, int fd)
{
    while (!frame_is_idle(writer)) {
        ssize_t done = write(fd, writer->bytes + writer->done, writer->length - writer->done);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return errno == EAGAIN ? 0 : -errno;
        writer->done += (size_t)done;
    }
    return 0;
}

int pocket_frame_fill(struct frame_reader *reader, int fd)
{
    ssize_t got;

    make_room(&reader->bytes, &reader->size, reader->length + FRAME_BYTES);
    got = read(fd, reader->bytes + reader->length, FRAME_BYTES);
    if (got < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    reader->length += (size_t)got;
    return (int)got;
}

int pocket_frame_next(struct frame_reader *reader, struct frame_header *header, const char **bytes)
{
    if (reader->length < sizeof(*header))
        return 0;
    memcpy(header, reader->bytes, sizeof(*header));
    if (header->kind < FRAME_START || header->kind > FRAME_REFUSAL ||
        header->length > (header->kind == FRAME_START ? FRAME_START_BYTES : FRAME_BYTES))
        return -EPROTO;
    *bytes = reader->bytes + sizeof(*header);
    return reader->length >= sizeof(*header) + header->length;
}

void pocket_frame_drop(struct frame_reader *reader, const struct frame_header *header)
{
    size_t whole = sizeof(*header) + header->length;

    reader->length -= whole;
    memmove(reader->bytes, reader->bytes + whole, reader->length);
}
