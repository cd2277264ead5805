/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/input.c: see input.h.
 */
#include "launch/input.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { WINDOW = 64 << 10 }; /* bytes that may be on their way to the rank */

#define BACKGROUND_DELAY                                                                           \
    500000000u /* nanoseconds between two looks whether a terminal is ours again */

struct input {
    struct loop *loop;
    void (*give)(void *context, const char *bytes, size_t length);
    void *context;
    struct watch watch;
    struct timer retry;
    size_t untaken;
    bool ended;
    bool always_ready; /* a file, which epoll does not take */
};

/* Reading from a terminal in the background would stop us. */
static bool in_background(void)
{
    pid_t foreground = tcgetpgrp(0);

    return foreground >= 0 && foreground != getpgrp();
}

static void readable(void *context, uint32_t events);

static void update(struct input *input)
{
    bool wanted = !input->ended && input->untaken < WINDOW;

    if (input->always_ready) {
        if (wanted)
            loop_set_timer(input->loop, &input->retry, 0);
        return;
    }
    if (!wanted)
        loop_unwatch(input->loop, &input->watch);
    else if (input->watch.fd < 0 && loop_watch(input->loop, &input->watch, 0, EPOLLIN) == -EPERM) {
        input->always_ready = true;
        update(input);
    }
}

static void readable(void *context, uint32_t events)
{
    struct input *input = context;
    char bytes[16 << 10];
    ssize_t length;

    if (in_background()) {
        loop_unwatch(input->loop, &input->watch);
        loop_set_timer(input->loop, &input->retry, BACKGROUND_DELAY);
        return;
    }
    length = read(0, bytes, sizeof(bytes));
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) {
        update(input);
        return;
    }
    if (length <= 0) {
        input->ended = true;
        length = 0;
    }
    input->untaken += (size_t)length;
    input->give(input->context, bytes, (size_t)length);
    update(input);
}

static void look_again(void *context)
{
    struct input *input = context;

    if (input->always_ready)
        readable(input, 0);
    else if (in_background())
        loop_set_timer(input->loop, &input->retry, BACKGROUND_DELAY);
    else
        update(input);
}

struct input *input_open(struct loop *loop,
                         void (*give)(void *context, const char *bytes, size_t length),
                         void *context)
{
    struct input *input = calloc(1, sizeof(*input));

    if (!input)
        return NULL;
    input->loop = loop;
    input->give = give;
    input->context = context;
    input->watch = (struct watch){.ready = readable, .context = input, .fd = -1};
    input->retry = (struct timer){.run = look_again, .context = input};
    update(input);
    return input;
}

void input_taken(struct input *input, size_t length)
{
    input->untaken -= length < input->untaken ? length : input->untaken;
    update(input);
}

void input_retry(struct input *input)
{
    if (input->retry.set)
        loop_set_timer(input->loop, &input->retry, 0);
}

void input_close(struct input *input)
{
    if (!input)
        return;
    loop_unwatch(input->loop, &input->watch);
    loop_cancel_timer(input->loop, &input->retry);
    free(input);
}
