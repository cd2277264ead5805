/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/guest_frames.h: the frames of a control channel (control/channel.h), without the vchan that they travel over.
 *
 * A guest may send anything: what is no frame, or no proper request, is -EPROTO.
 */
#ifndef CARAVAN_GUEST_FRAMES_H
#define CARAVAN_GUEST_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "control/channel.h"
#include "launch/files.h"

/* Bytes on their way, in order. */
struct byte_queue {
    char *bytes;
    size_t start, end, size;
};

/* Room for `size` more; they are queued when `end` is moved. NULL without memory. */
char *queue_room(struct byte_queue *queue, size_t size);
int queue_add(struct byte_queue *queue, const void *bytes, size_t size);
void queue_take(struct byte_queue *queue, size_t size);
void queue_clear(struct byte_queue *queue);

static inline size_t queue_length(const struct byte_queue *queue)
{
    return queue->end - queue->start;
}

/* Queue a frame. 0, -EMSGSIZE, -ENOMEM. */
int frame_put(struct byte_queue *queue, enum channel_frame_kind kind, unsigned stream,
              const void *payload, size_t size);
int frame_put_number(struct byte_queue *queue, enum channel_frame_kind kind, unsigned stream,
                     uint32_t number);

/* The first frame of what has come, whose payload is then at *payload until the queue is touched; give it to frame_drop when
 * done. 1; 0: it is not whole yet; -EPROTO. */
int frame_next(const struct byte_queue *queue, struct channel_frame *frame, char **payload);
void frame_drop(struct byte_queue *queue, const struct channel_frame *frame);
/* A payload that is one number: 0 or -EPROTO. */
int frame_number(const struct channel_frame *frame, const char *payload, uint32_t *number);

/* Queue what a program is started with. 0, -E2BIG, -ENOMEM. */
int frame_put_start(struct byte_queue *queue, const struct channel_start *start,
                    const char *program, const char *directory, char *const *arguments,
                    char *const *environment);

/* Take a request apart; what it points to is in the payload. 0 or -EPROTO. */
int file_request_parse(const char *payload, size_t size, struct file_request *request);
/* Serve it, and queue the answer. 0, -EPROTO, -ENOMEM. */
int file_request_serve(struct files *files, const char *payload, size_t size,
                       struct byte_queue *answers);

#endif
