/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/guest_frames.c: see guest_frames.h.
 */
#include "launch/guest_frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct channel_file) + 2 * CHANNEL_PATH + CHANNEL_FILE_DATA <=
                   CHANNEL_FRAME_MAX,
               "the largest request is a frame");
_Static_assert((int)CHANNEL_FILE_DATA == (int)FILES_MAX_DATA, "one size of data");

/* ---- queues ----------------------------------------------------------------------------------- */

char *queue_room(struct byte_queue *queue, size_t size)
{
    if (queue->start == queue->end)
        queue->start = queue->end = 0;
    if (queue->start > 0 && queue->size - queue->end < size) {
        memmove(queue->bytes, queue->bytes + queue->start, queue_length(queue));
        queue->end -= queue->start;
        queue->start = 0;
    }
    if (queue->size - queue->end < size) {
        size_t larger = 2 * queue->size > queue->end + size ? 2 * queue->size : queue->end + size;
        char *grown = realloc(queue->bytes, larger);

        if (!grown)
            return NULL;
        queue->bytes = grown;
        queue->size = larger;
    }
    return queue->bytes + queue->end;
}

int queue_add(struct byte_queue *queue, const void *bytes, size_t size)
{
    char *to = size ? queue_room(queue, size) : NULL;

    if (size == 0)
        return 0;
    if (!to)
        return -ENOMEM;
    memcpy(to, bytes, size);
    queue->end += size;
    return 0;
}

void queue_take(struct byte_queue *queue, size_t size)
{
    queue->start += size;
}

void queue_clear(struct byte_queue *queue)
{
    free(queue->bytes);
    *queue = (struct byte_queue){0};
}

/* ---- frames ----------------------------------------------------------------------------------- */

int frame_put(struct byte_queue *queue, enum channel_frame_kind kind, unsigned stream,
              const void *payload, size_t size)
{
    struct channel_frame frame = {
        .length = (uint32_t)size, .kind = (uint16_t)kind, .stream = (uint16_t)stream};

    if (size > CHANNEL_FRAME_MAX)
        return -EMSGSIZE;
    if (!queue_room(queue, sizeof(frame) + size))
        return -ENOMEM;
    queue_add(queue, &frame, sizeof(frame));
    return queue_add(queue, payload, size);
}

int frame_put_number(struct byte_queue *queue, enum channel_frame_kind kind, unsigned stream,
                     uint32_t number)
{
    return frame_put(queue, kind, stream, &number, sizeof(number));
}

int frame_next(const struct byte_queue *queue, struct channel_frame *frame, char **payload)
{
    if (queue_length(queue) < sizeof(*frame))
        return 0;
    memcpy(frame, queue->bytes + queue->start, sizeof(*frame));
    if (frame->length > CHANNEL_FRAME_MAX || frame->kind < FRAME_HELLO || frame->kind > FRAME_EXIT)
        return -EPROTO;
    if (queue_length(queue) - sizeof(*frame) < frame->length)
        return 0;
    *payload = queue->bytes + queue->start + sizeof(*frame);
    return 1;
}

void frame_drop(struct byte_queue *queue, const struct channel_frame *frame)
{
    queue_take(queue, sizeof(*frame) + frame->length);
}

int frame_number(const struct channel_frame *frame, const char *payload, uint32_t *number)
{
    if (frame->length != sizeof(*number))
        return -EPROTO;
    memcpy(number, payload, sizeof(*number));
    return 0;
}

/* ---- the start -------------------------------------------------------------------------------- */

static int add_text(struct byte_queue *queue, const char *text)
{
    return queue_add(queue, text, strlen(text) + 1);
}

int frame_put_start(struct byte_queue *queue, const struct channel_start *given,
                    const char *program, const char *directory, char *const *arguments,
                    char *const *environment)
{
    enum { PART = 32 << 10 };
    struct channel_start start = *given;
    struct byte_queue whole = {0};
    int result = queue_add(&whole, &start, sizeof(start));

    start.arguments = start.environment = 0;
    if (result == 0)
        result = add_text(&whole, program);
    if (result == 0)
        result = add_text(&whole, directory);
    for (; result == 0 && arguments[start.arguments]; start.arguments++)
        result = add_text(&whole, arguments[start.arguments]);
    for (; result == 0 && environment[start.environment]; start.environment++)
        result = add_text(&whole, environment[start.environment]);
    if (result == 0 && queue_length(&whole) > CHANNEL_START_MAX)
        result = -E2BIG;
    if (result == 0) {
        start.size = (uint32_t)queue_length(&whole);
        memcpy(whole.bytes, &start, sizeof(start));
    }
    while (result == 0 && queue_length(&whole) > 0) {
        size_t part = queue_length(&whole) < PART ? queue_length(&whole) : PART;

        result = frame_put(queue, FRAME_START, 0, whole.bytes + whole.start, part);
        queue_take(&whole, part);
    }
    queue_clear(&whole);
    return result;
}

/* ---- files ------------------------------------------------------------------------------------ */

/* The next `size` bytes as a path, which has its one NUL at its end. */
static int take_path(const char **at, uint32_t size, const char **path)
{
    *path = size ? *at : NULL;
    *at += size;
    if (size && strnlen(*path, size) != size - 1)
        return -EPROTO;
    return 0;
}

int file_request_parse(const char *payload, size_t size, struct file_request *request)
{
    const char *at = payload + sizeof(struct channel_file);
    struct channel_file head;

    if (size < sizeof(head))
        return -EPROTO;
    memcpy(&head, payload, sizeof(head));
    if (head.path_size > CHANNEL_PATH || head.second_size > CHANNEL_PATH ||
        head.data_size > CHANNEL_FILE_DATA || head.zero != 0 ||
        size != sizeof(head) + head.path_size + head.second_size + head.data_size)
        return -EPROTO;
    *request = (struct file_request){
        .operation = head.operation,
        .handle = head.handle,
        .flags = head.flags,
        .mode = head.mode,
        .offset = head.offset,
        .length = head.length,
        .data_size = head.data_size,
    };
    if (take_path(&at, head.path_size, &request->path) < 0 ||
        take_path(&at, head.second_size, &request->second) < 0)
        return -EPROTO;
    request->data = head.data_size ? at : NULL;
    return 0;
}

int file_request_serve(struct files *files, const char *payload, size_t size,
                       struct byte_queue *answers)
{
    struct channel_frame frame = {.kind = FRAME_FILE};
    struct channel_file_answer answer;
    struct file_request request;
    size_t given;
    char *room;

    if (file_request_parse(payload, size, &request) < 0)
        return -EPROTO;
    room = queue_room(answers, sizeof(frame) + sizeof(answer) + FILES_MAX_DATA);
    if (!room)
        return -ENOMEM;
    /* Straight to where it leaves from. */
    answer.result = files_serve(files, &request, room + sizeof(frame) + sizeof(answer), &given);
    frame.length = (uint32_t)(sizeof(answer) + given);
    memcpy(room, &frame, sizeof(frame));
    memcpy(room + sizeof(frame), &answer, sizeof(answer));
    answers->end += sizeof(frame) + frame.length;
    return 0;
}
