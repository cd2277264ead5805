/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/input.h: mpirun's standard input, for process 0, as fast as that takes it.
 */
#ifndef CARAVAN_INPUT_H
#define CARAVAN_INPUT_H

#include <stddef.h>

#include "launch/loop.h"

struct input;

/* `give` is called with what was read; with no bytes at the end. NULL without memory. */
struct input *input_open(struct loop *loop,
                         void (*give)(void *context, const char *bytes, size_t length),
                         void *context);
/* The rank took so many bytes. */
void input_taken(struct input *input, size_t length);
/* We may be in the foreground again. */
void input_retry(struct input *input);
void input_close(struct input *input);

#endif
