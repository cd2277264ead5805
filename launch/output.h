/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/output.h: what ranks print, put together by lines.
 *
 * Lines of up to 16 MiB are never mixed. A line that has no end yet is held back; on a terminal for a tenth of a
 * second only, so that a prompt is seen. A single rank's output goes straight through.
 */
#ifndef CARAVAN_OUTPUT_H
#define CARAVAN_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "launch/loop.h"
#include "launch/options.h"

struct output;

struct output_events {
    void (*room)(void *context);              /* there is room again after output_is_full */
    void (*broken)(void *context, int error); /* nobody reads our standard output any more */
    void *context;
};

/* NULL after a message, when a file cannot be made. */
struct output *output_open(struct loop *loop, const struct options *options, uint32_t size,
                           const struct output_events *events);

/* Bytes that process wrote to its descriptor `which` (1 or 2); none: it will write no more. */
void output_write(struct output *output, uint32_t process, unsigned which, const char *bytes,
                  size_t length);

/* More waits to be written than is good: hold the ranks back. */
bool output_is_full(const struct output *output);

/* A line of our own on standard error, behind what is there. */
void output_message(struct output *output, const char *text);

/* Write what is held back, and wait at most so long for it to leave. */
void output_finish(struct output *output, int milliseconds);
void output_close(struct output *output);

#endif
