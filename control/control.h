/* SPDX-License-Identifier: BSD-2-Clause
 *
 * control/control.h: the control stream between a rank and its node's agent.
 *
 * A Unix stream socket (PMI_FD) that carries PMI-1: lines of `key=value` words, the first of which is
 * `cmd=NAME`, and with some of Caravan's own lines file descriptors. docs/control-stream.md lists the lines. Both
 * ends use this code and neither trusts the other: a line that is too long, holds a NUL, or is not made of
 * `key=value` words is -EPROTO, after which the stream is of no use.
 *
 * Values hold any byte but NUL: what PMI-1 cannot write in a value (white space, '=', '%' and control characters)
 * is written as %XX in Caravan's own lines (`caravan_*`, `packet_*`, and `abort`); control_get gives it decoded.
 */
#ifndef CARAVAN_CONTROL_H
#define CARAVAN_CONTROL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONTROL_VERSION = 1,     /* of Caravan's own lines; told in caravan_hello and caravan_welcome */
    CONTROL_MAX_LINE = 8192, /* bytes, the newline included */
    CONTROL_MAX_WORDS = 64,  /* in a line */
    CONTROL_MAX_FDS = 4,     /* with a line */
};

/* A line, taken apart in place. */
struct control_message {
    const char *command; /* the value of `cmd` (or of `mcmd`) */
    unsigned words;
    struct control_word {
        const char *key;
        const char *value; /* decoded */
    } word[CONTROL_MAX_WORDS];
    unsigned fds; /* the caller's to close; -1 once taken by control_take_fd */
    int fd[CONTROL_MAX_FDS];
};

/* Take `line` (NUL-terminated, without its newline) apart; `message` points into it. 0 or -EPROTO. */
int control_parse(char *line, struct control_message *message);

/* The value of `key`, or NULL. */
const char *control_get(const struct control_message *message, const char *key);

/* The same as a whole number (decimal, or hexadecimal after 0x) of at most `most`: 0, -ENOENT where there
 * is no such key, -EPROTO where it is not such a number. */
int control_get_number(const struct control_message *message, const char *key, uint64_t most,
                       uint64_t *number);

/* Hexadecimal digits to exactly `size` bytes, and back (`text` holds 2 * size + 1). 0 or -EPROTO. */
int control_get_bytes(const struct control_message *message, const char *key, void *bytes,
                      size_t size);
void control_write_bytes(char *text, const void *bytes, size_t size);

/* Descriptor number `index` of the line, which is then the caller's; -1 where there is none. */
int control_take_fd(struct control_message *message, unsigned index);
/* Close those that were not taken. */
void control_close_fds(struct control_message *message);

/* `value` written so that it is one word. Returns its length without the NUL, or -EMSGSIZE. */
int control_escape(char *text, size_t size, const char *value);

/* One end of a stream. Reading never blocks; writing queues what the socket does not take. */
struct control_stream;

/* `fd` becomes the stream's: it is made non-blocking and close-on-exec. NULL without memory. */
struct control_stream *control_open(int fd);
void control_close(struct control_stream *stream);
int control_fd(const struct control_stream *stream);

/* Send one line (printf's format, without the newline and without `fds=`, which is added) and `count` descriptors, which
 * stay the caller's (they are duplicated while queued). 0, -EMSGSIZE, -EPROTO for a newline in the line, -ENOMEM when
 * too much waits already, or the socket's error. */
int control_send(struct control_stream *stream, const int *fds, unsigned count, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

/* Write more of what is queued: 0 when nothing is left, -EAGAIN when something is, or the socket's error. */
int control_flush(struct control_stream *stream);

/* The next whole line, taken apart; valid until the next call. 1, or 0 when there is none yet, -ECONNRESET
 * when the other end has closed, -EPROTO when it sent something that is not a line. */
int control_receive(struct control_stream *stream, struct control_message *message);

#endif
