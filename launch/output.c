/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/output.c: see output.h.
 */
#include "launch/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_HELD = 16 << 20, /* bytes of a line without an end */
    MAX_WAITING =
        1 << 20, /* bytes that a slow reader of ours makes wait before ranks are held back */
};

#define PROMPT_DELAY 100000000u /* nanoseconds */

/* Our standard output or error. */
struct sink {
    struct output *output;
    int fd;
    bool own_fd;
    bool terminal;
    bool broken;
    struct watch watch;
    char *waiting;
    size_t start, end, size;
};

/* Where a file stands; standard output and error may be one file. */
struct position {
    bool midline;
    uint32_t process; /* whose line it is */
};

/* One rank's output or error. */
struct stream {
    char *held;
    size_t length, size;
    bool tagged; /* the line's beginning is out, with its tag */
    int file;    /* --output-filename; -1: none */
};

struct output {
    struct loop *loop;
    struct output_events events;
    const struct options *options;
    uint32_t size;
    struct sink sink[2];
    struct position position[2];
    unsigned position_of[2];
    struct stream *streams; /* two a process */
    struct timer prompt;
    bool was_full;
};

/* ---- files ------------------------------------------------------------------------------------ */

static int make_directories(char *path)
{
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        int error = mkdir(path, 0777) < 0 && errno != EEXIST ? -errno : 0;
        if (slash)
            *slash = '/';
        if (error < 0 || !slash)
            return error;
    }
}

/* DIR/1/rank.R/stdout, as Open MPI 4 names it: R as wide as the largest. */
static int open_files(struct output *output)
{
    static const char *const names[] = {"stdout", "stderr"};
    int width = snprintf(NULL, 0, "%u", output->size - 1);

    for (uint32_t i = 0; i < output->size; i++) {
        char *path = text_format("%s/1/rank.%0*u", output->options->output_directory, width, i);
        int error = make_directories(path);

        for (unsigned j = 0; j < 2 && error == 0; j++) {
            char *file = text_format("%s/%s", path, names[j]);
            int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

            output->streams[2 * i + j].file = fd;
            error = fd < 0 ? -errno : 0;
            free(file);
        }
        if (error < 0) {
            fprintf(stderr, "mpirun: cannot write the output of rank %u below '%s': %s\n", i, path,
                    strerror(-error));
            free(path);
            return error;
        }
        free(path);
    }
    return 0;
}

static void write_file(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        bytes += written;
        length -= (size_t)written;
    }
}

/* ---- sinks ------------------------------------------------------------------------------------ */

static void sink_ready(void *context, uint32_t events);

/* A pipe or terminal is opened anew, so that only our own descriptor does not block: the one that we were given is
 * shared with a shell and its other commands. */
static void open_sink(struct output *output, unsigned index)
{
    struct sink *sink = &output->sink[index];
    int given = (int)index + 1;
    struct stat status;
    char path[32];

    *sink = (struct sink){.output = output, .fd = given};
    sink->watch = (struct watch){.ready = sink_ready, .context = sink, .fd = -1};
    sink->terminal = isatty(given);
    if (fstat(given, &status) < 0) {
        sink->broken = true;
        return;
    }
    if (S_ISFIFO(status.st_mode) || sink->terminal) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", given);

        int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

        if (fd >= 0) {
            sink->fd = fd;
            sink->own_fd = true;
        }
    }
}

/* Our standard output and error are one terminal, pipe or file. */
static bool is_one_file(void)
{
    struct stat out, err;

    return fstat(1, &out) == 0 && fstat(2, &err) == 0 && out.st_dev == err.st_dev &&
           out.st_ino == err.st_ino;
}

/* Write what waits. */
static void flush_sink(struct sink *sink)
{
    struct output *output = sink->output;

    while (sink->start < sink->end) {
        ssize_t written = write(sink->fd, sink->waiting + sink->start, sink->end - sink->start);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN) {
            if (sink->watch.fd < 0)
                loop_watch(output->loop, &sink->watch, sink->fd, EPOLLOUT);
            break;
        }
        if (written < 0) {
            int error = errno;

            sink->broken = true;
            sink->start = sink->end = 0;
            loop_unwatch(output->loop, &sink->watch);
            output->events.broken(output->events.context, -error);
            return;
        }
        sink->start += (size_t)written;
    }
    if (sink->start == sink->end) {
        sink->start = sink->end = 0;
        loop_unwatch(output->loop, &sink->watch);
    }
    if (output->was_full && !output_is_full(output)) {
        output->was_full = false;
        output->events.room(output->events.context);
    }
}

static void sink_ready(void *context, uint32_t events)
{
    flush_sink(context);
}

static void put(struct sink *sink, const char *bytes, size_t length)
{
    if (sink->broken || length == 0)
        return;
    if (sink->size - sink->end < length && sink->start > 0) {
        memmove(sink->waiting, sink->waiting + sink->start, sink->end - sink->start);
        sink->end -= sink->start;
        sink->start = 0;
    }
    if (sink->size - sink->end < length) {
        size_t size = sink->size ? sink->size : 64 << 10;

        while (size - sink->end < length)
            size *= 2;

        char *grown = realloc(sink->waiting, size);

        if (!grown) {
            sink->broken = true;
            return;
        }
        sink->waiting = grown;
        sink->size = size;
    }
    memcpy(sink->waiting + sink->end, bytes, length);
    sink->end += length;
}

bool output_is_full(const struct output *output)
{
    for (unsigned i = 0; i < 2; i++)
        if (output->sink[i].end - output->sink[i].start > MAX_WAITING)
            return true;
    return false;
}

/* ---- lines ------------------------------------------------------------------------------------ */

static void put_tag(struct output *output, struct sink *sink, uint32_t process, unsigned which)
{
    char text[96];
    int length = 0;

    if (output->options->timestamp_output) {
        time_t now = time(NULL);
        struct tm local;

        localtime_r(&now, &local);
        length = (int)strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Y", &local);
    }
    if (output->options->tag_output || output->options->timestamp_output)
        length += snprintf(text + length, sizeof(text) - (size_t)length, "[1,%u]<%s>:", process,
                           which == 1 ? "stdout" : "stderr");
    put(sink, text, (size_t)length);
}

/* Print whole lines, or the last piece of one. */
static void print(struct output *output, uint32_t process, unsigned which, const char *bytes,
                  size_t length)
{
    unsigned index = output->options->merge_stderr ? 0 : which - 1;
    struct sink *sink = &output->sink[index];
    struct position *position = &output->position[output->position_of[index]];
    struct stream *stream = &output->streams[2 * process + which - 1];
    bool tags = output->options->tag_output || output->options->timestamp_output;

    if (length == 0 || (output->options->output_directory && !output->options->output_copied))
        return;
    if (position->midline && position->process != process)
        put(sink, "\n", 1);
    while (tags && length > 0) {
        const char *end = memchr(bytes, '\n', length);
        size_t line = end ? (size_t)(end - bytes) + 1 : length;

        if (!stream->tagged)
            put_tag(output, sink, process, which);
        stream->tagged = !end;
        put(sink, bytes, line);
        position->midline = !end;
        bytes += line;
        length -= line;
    }
    if (!tags) {
        put(sink, bytes, length);
        position->midline = bytes[length - 1] != '\n';
    }
    position->process = process;
    flush_sink(sink);
    if (output_is_full(output))
        output->was_full = true;
}

static void print_held(struct output *output, uint32_t process, unsigned which)
{
    struct stream *stream = &output->streams[2 * process + which - 1];

    print(output, process, which, stream->held, stream->length);
    stream->length = 0;
}

static void print_prompts(void *context)
{
    struct output *output = context;

    for (uint32_t i = 0; i < output->size; i++)
        for (unsigned which = 1; which <= 2; which++)
            if (output->sink[output->options->merge_stderr ? 0 : which - 1].terminal)
                print_held(output, i, which);
}

static void hold(struct output *output, uint32_t process, unsigned which, const char *bytes,
                 size_t length)
{
    struct stream *stream = &output->streams[2 * process + which - 1];

    if (length == 0)
        return;
    if (stream->size - stream->length < length) {
        size_t size = stream->length + length + 4096;
        char *grown = realloc(stream->held, size);

        if (!grown) {
            print_held(output, process, which);
            print(output, process, which, bytes, length);
            return;
        }
        stream->held = grown;
        stream->size = size;
    }
    memcpy(stream->held + stream->length, bytes, length);
    stream->length += length;
    if (stream->length > MAX_HELD)
        print_held(output, process, which);
    else if (output->sink[output->options->merge_stderr ? 0 : which - 1].terminal &&
             !output->prompt.set)
        loop_set_timer(output->loop, &output->prompt, PROMPT_DELAY);
}

void output_write(struct output *output, uint32_t process, unsigned which, const char *bytes,
                  size_t length)
{
    if (process >= output->size || which < 1 || which > 2)
        return;

    struct stream *stream = &output->streams[2 * process + which - 1];

    if (stream->file >= 0)
        write_file(stream->file, bytes, length);
    if (length == 0) {
        print_held(output, process, which);
        return;
    }
    if (output->size == 1) {
        print(output, process, which, bytes, length);
        return;
    }

    const char *end = memrchr(bytes, '\n', length);
    size_t whole = end ? (size_t)(end - bytes) + 1 : 0;

    /* What was held and the first of the new lines are one line, so they must leave together. */
    if (end && stream->length > 0) {
        const char *first = (const char *)memchr(bytes, '\n', length) + 1;
        size_t rest = (size_t)(first - bytes);

        hold(output, process, which, bytes, rest);
        print_held(output, process, which);
        bytes += rest;
        whole -= rest;
        length -= rest;
    }
    print(output, process, which, bytes, whole);
    hold(output, process, which, bytes + whole, length - whole);
}

void output_message(struct output *output, const char *text)
{
    struct sink *sink = &output->sink[1];
    struct position *position = &output->position[output->position_of[1]];

    if (position->midline)
        put(sink, "\n", 1);
    position->midline = false;
    put(sink, text, strlen(text));
    flush_sink(sink);
}

/* ---- beginning and end ------------------------------------------------------------------------ */

struct output *output_open(struct loop *loop, const struct options *options, uint32_t size,
                           const struct output_events *events)
{
    struct output *output = memory_zeroed(1, sizeof(*output));

    output->loop = loop;
    output->events = *events;
    output->options = options;
    output->size = size;
    output->streams = memory_zeroed(2 * (size_t)size, sizeof(struct stream));
    output->prompt = (struct timer){.run = print_prompts, .context = output};
    output->position_of[1] = is_one_file() ? 0 : 1;
    for (size_t i = 0; i < 2 * (size_t)size; i++)
        output->streams[i].file = -1;
    open_sink(output, 0);
    open_sink(output, 1);
    if (options->output_directory && open_files(output) < 0) {
        output_close(output);
        return NULL;
    }
    return output;
}

void output_finish(struct output *output, int milliseconds)
{
    uint64_t end = loop_now() + (uint64_t)milliseconds * 1000000;

    for (uint32_t i = 0; i < output->size; i++)
        for (unsigned which = 1; which <= 2; which++)
            print_held(output, i, which);
    for (unsigned i = 0; i < 2; i++) {
        struct sink *sink = &output->sink[i];

        while (sink->start < sink->end && !sink->broken) {
            struct pollfd wait = {.fd = sink->fd, .events = POLLOUT};
            uint64_t now = loop_now();

            if (now >= end || poll(&wait, 1, (int)((end - now) / 1000000) + 1) < 0)
                break;
            flush_sink(sink);
        }
    }
}

void output_close(struct output *output)
{
    if (!output)
        return;
    loop_cancel_timer(output->loop, &output->prompt);
    for (unsigned i = 0; i < 2; i++) {
        struct sink *sink = &output->sink[i];

        loop_unwatch(output->loop, &sink->watch);
        if (sink->own_fd)
            close(sink->fd);
        free(sink->waiting);
    }
    for (size_t i = 0; i < 2 * (size_t)output->size; i++) {
        if (output->streams[i].file >= 0)
            close(output->streams[i].file);
        free(output->streams[i].held);
    }
    free(output->streams);
    free(output);
}
