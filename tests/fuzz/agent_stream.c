/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Fuzz target: the frames between mpirun and an agent on a host that may not be what it seems. Input: a byte that says
 * whether there is noise to skip, then what the other end wrote.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launch/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct loop *loop;

static void take_frame(void *context, enum channel_kind kind, char *payload, size_t length)
{
    struct control_message message;

    if (length > CHANNEL_MAX || payload[length] != '\0' || kind < CHANNEL_LINE ||
        kind > CHANNEL_INPUT)
        abort();
    if (kind == CHANNEL_LINE && strlen(payload) == length)
        control_parse(payload, &message);
    else
        memset(payload, 0, length);
}

static void take_end(void *context, int error)
{
    loop_stop(loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct channel_events events = {.frame = take_frame, .ended = take_end};
    int in[2], out[2];
    struct channel *channel;

    /* A pipe holds 64 KiB: the whole input is there before anybody reads. */
    if (size < 1 || size > 60000 || pipe(in) < 0 || pipe(out) < 0)
        return 0;
    loop = loop_open();
    channel = channel_open(loop, in[0], out[1], &events, data[0] & 1);
    if (write(in[1], data + 1, size - 1) != (ssize_t)(size - 1))
        abort();
    close(in[1]);
    loop_run(loop);
    channel_close(channel);
    close(out[0]);
    loop_close(loop);
    return 0;
}
