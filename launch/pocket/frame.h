/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/pocket/frame.h: what goes over the serial port of a session, both ways: frames of a kind, a
 * length and that many bytes.
 *
 * The command's input has credit: FRAME_CREDIT says how many bytes dom0 has handed on, and no more than
 * FRAME_WINDOW are on their way, so that a signal passes a command that does not read. Its output
 * has none: who does not take it makes the command wait.
 */
#ifndef CARAVAN_POCKET_FRAME_H
#define CARAVAN_POCKET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_BYTES = 32768,
    FRAME_WINDOW = 4 * FRAME_BYTES,
    FRAME_START_BYTES = 4 << 20, /* arguments and environment: Linux takes 2 MiB as a rule */
};

enum frame_kind {
    FRAME_START = 1,   /* to dom0: strings, see session.c; may be long */
    FRAME_INPUT,       /* to dom0; empty: its end */
    FRAME_SIGNAL,      /* to dom0: a number, 4 bytes */
    FRAME_WINDOW_SIZE, /* to dom0: struct winsize */
    FRAME_CREDIT,      /* from dom0: 4 bytes */
    FRAME_OUTPUT,      /* from dom0 */
    FRAME_ERRORS,      /* from dom0 */
    FRAME_EXIT,        /* from dom0: wait status, 4 bytes; the last one */
    FRAME_REFUSAL,     /* from dom0: why the command was not started; then FRAME_EXIT */
};

struct frame_header {
    uint32_t kind;
    uint32_t length;
};

/* What is to be written. Frames are put together in memory, and written as the port takes them. */
struct frame_writer {
    char *bytes;
    size_t length, done, size;
};

void pocket_frame_put(struct frame_writer *writer, enum frame_kind kind, const void *bytes,
                      size_t length);
/* Write what goes without waiting. 0, or a negative errno. */
int pocket_frame_flush(struct frame_writer *writer, int fd);
static inline bool frame_is_idle(const struct frame_writer *writer)
{
    return writer->done == writer->length;
}

struct frame_reader {
    char *bytes;
    size_t length, size;
};

/* Read what is there. The number of bytes, 0 at the end, -EAGAIN, another negative errno. */
int pocket_frame_fill(struct frame_reader *reader, int fd);
/* The next whole frame: 1 with its bytes, good until the next call of pocket_frame_fill or pocket_frame_drop; 0: not
 * yet; -EPROTO. */
int pocket_frame_next(struct frame_reader *reader, struct frame_header *header, const char **bytes);
void pocket_frame_drop(struct frame_reader *reader, const struct frame_header *header);

#endif
