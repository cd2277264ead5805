/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Fuzz target: what a hostile peer writes into the rings that it shares with us.
 *
 * Input: records of one byte what, two bytes where, eight bytes value; `what` writes the value into the ring that we
 * read (at any word), into our ring's tail, or lets us poll or send. What is left behind the last record says by its length how large
 * the peer's ring is. Whatever comes, we touch no memory that is not ours, and either go on or declare the peer down.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "am/core.h"
#include "am/link/ring_format.h"
#include "control/control.h"

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

/* An endpoint of two processes, and its agent's end. */
static struct am *open_endpoint(struct control_stream **agent)
{
    struct am_job job = {.process = 0, .size = 2, .nodes = 1, .ranks = 2, .cores = 2};
    struct am *am;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        abort();
    job.node_of = calloc(2, sizeof(*job.node_of));
    job.table = calloc(1, sizeof(*job.table));
    job.control = control_open(ends[0]);
    *agent = control_open(ends[1]);
    if (am_create(&am, &job, 0) < 0)
        abort();
    for (unsigned i = 0; i < AM_HANDLERS; i += 3)
        am_set_handler(am, i, on_any, NULL);
    am_set_handler(am, 1, on_any, NULL);
    return am;
}

/* The ring that the endpoint has offered its peer, once it has. */
static void take_offer(struct control_stream *agent, struct region *ours)
{
    struct control_message message;

    if (ours->base || control_receive(agent, &message) <= 0)
        return;
    if (region_attach(ours, control_take_fd(&message, 0), ring_bytes(RING_LINES)) < 0)
        abort();
    control_close_fds(&message);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    return setenv("CARAVAN_SINGLE_COPY", "no", 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct region theirs, ours = {.fd = -1};
    struct control_stream *agent;
    struct ring_memory *in;
    uint32_t lines = size % 11 ? RING_MIN_LINES << size % 11 % 6 : RING_LINES;
    struct am *am;

    am = open_endpoint(&agent);
    if (region_create(&theirs, ring_bytes(lines)) < 0)
        abort();
    in = theirs.base;
    in->magic = RING_MAGIC;
    in->lines = lines;
    if (ring_attach(am->ring, 1, dup(theirs.fd), ring_bytes(lines)) < 0)
        abort();
    for (; size >= 11; data += 11, size -= 11) {
        uint16_t where;
        uint64_t value;

        memcpy(&where, data + 1, sizeof(where));
        memcpy(&value, data + 3, sizeof(value));
        switch (data[0] & 3) {
        case 0: /* a word of the first lines, with a turn that fits more often than not */
            where %= 64 * 8;
            if (where % 8 == 0 && data[0] & 4)
                value = (value & ~0xffffffffull) | ring_turn(where / 8);
            memcpy(in->line[where / 8] + where % 8 * 8, &value, sizeof(value));
            break;
        case 1:
            take_offer(agent, &ours);
            if (ours.base)
                ((struct ring_memory *)ours.base)->tail = (uint32_t)value;
            break;
        case 2:
            am_poll(am);
            break;
        default:
            for (unsigned i = 0; i < (where & 255); i++)
                am_request(am, 1, 1, &value, 1, in->line[0], value % 4096);
            break;
        }
    }
    am_poll(am);
    /* It takes nothing more: am_close would wait for it, as it should for a peer that only computes. */
    am_report_down(am, 1, "the end of the input");
    control_close(am->job.control);
    am->job.control = NULL;
    am_close(am);
    region_close(&ours);
    region_close(&theirs);
    control_close(agent);
    return 0;
}
