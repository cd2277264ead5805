/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/linux/channel.h"
#include "guest/boot/boot.h"
#include "guest/linux/process.h"
#include "guest/linux/signal.h"
#include "guest/linux/user.h"
#include "guest/mm/page.h"
#include "guest/xen/time.h"
#include "guest/xen/vchan.h"

#include <asm/siginfo.h>
#include <xen/sched.h>

#define HELD_MAX     (16u << 20) /* of the control stream: lines that the program does not read */
#define LOG_TIMEOUT  (30 * TIME_SECOND) /* for somebody to read what the program has written */
#define EXIT_TIMEOUT (60 * TIME_SECOND) /* for the keeper to destroy the domain */
#define ANSWER_MAX   (sizeof(struct channel_file_answer) + CHANNEL_FILE_DATA)

bool channel_on;
char *channel_data;

/* Bytes on their way to the program, in pieces of a page. */
struct piece {
    struct piece *next;
    uint32_t start, end;
    char bytes[PAGE_SIZE - 16];
};

struct queue {
    struct piece *first, *last;
    size_t length;
};

static struct queue queues[CHANNEL_SOURCES];
static bool input_ended;
static uint32_t input_granted = CHANNEL_WINDOW; /* bytes that may still come */
static uint64_t output_credit[3];               /* by stream */
static bool sending;                            /* in the middle of a frame */

/* The frame that is coming in. */
static struct channel_frame frame;
static size_t frame_have; /* bytes of its header and payload so far */
static uint32_t frame_number;

static struct channel_start start;
static char *start_bytes;
static size_t start_have;

static char *answer;
static size_t answer_have;
static bool asked, answered;

evtchn_port_t channel_port(void)
{
    return vchan_port();
}

static void leave(const char *why) __attribute__((noreturn));
static void leave(const char *why)
{
    channel_on = false;
    log_error("the control channel: %s", why);
    boot_shutdown(SHUTDOWN_poweroff);
}

/* Coming in */

static void queue_add(struct queue *queue, const char *bytes, size_t size)
{
    while (size) {
        struct piece *piece = queue->last;

        if (!piece || piece->end == sizeof piece->bytes) {
            piece = heap_alloc(sizeof *piece);
            if (!piece) {
                assert(!sending);
                process_out_of_memory();
            }
            if (queue->last)
                queue->last->next = piece;
            else
                queue->first = piece;
            queue->last = piece;
        }

        size_t part = MIN(size, sizeof piece->bytes - piece->end);

        memcpy(piece->bytes + piece->end, bytes, part);
        piece->end += (uint32_t)part;
        queue->length += part;
        bytes += part;
        size -= part;
    }
}

size_t channel_waiting(enum channel_source source)
{
    return queues[source].length;
}

bool channel_input_ended(void)
{
    return input_ended;
}

ssize_t channel_take(enum channel_source source, void *bytes, size_t count)
{
    struct queue *queue = &queues[source];
    size_t done = 0, left = 0;

    while (queue->first && done < count && !left) {
        struct piece *piece = queue->first;
        size_t part = MIN(count - done, (size_t)(piece->end - piece->start));

        left = user_copy((char *)bytes + done, piece->bytes + piece->start, part);
        part -= left;
        piece->start += (uint32_t)part;
        queue->length -= part;
        done += part;
        if (piece->start == piece->end) {
            queue->first = piece->next;
            if (!queue->first)
                queue->last = NULL;
            heap_free(piece);
        }
    }
    if (source == CHANNEL_INPUT && done) {
        uint32_t number = (uint32_t)done;

        input_granted += number;
        channel_put(FRAME_CREDIT, 0, NULL, 0, &number, sizeof number);
    }
    return left && !done ? -EFAULT : (ssize_t)done;
}

/* What the header says is checked before anything of the payload is taken. NULL, or what is wrong. */
static const char *frame_check(void)
{
    switch (frame.kind) {
    case FRAME_START:
        return start_bytes && start_have == start.size ? "a program was to be started twice" : NULL;
    case FRAME_CONTROL:
        return frame.length > HELD_MAX - queues[CHANNEL_CONTROL].length
                   ? "the program does not read its control stream"
                   : NULL;
    case FRAME_INPUT:
        if (frame.length > input_granted)
            return "more input came than was asked for";
        input_granted -= frame.length;
        return NULL;
    case FRAME_CREDIT:
        return frame.length != sizeof frame_number || frame.stream < 1 || frame.stream > 2
                   ? "a credit is damaged"
                   : NULL;
    case FRAME_SIGNAL:
        return frame.length != sizeof frame_number ? "a signal is damaged" : NULL;
    case FRAME_FILE:
        if (!asked || frame.length < sizeof(struct channel_file_answer) ||
            frame.length > ANSWER_MAX)
            return "an answer came that nobody asked for";
        answer_have = 0;
        return NULL;
    default:
        return "it carries a frame of a kind that does not exist";
    }
}

/* The start comes in several frames; its first bytes tell how much memory it takes. */
static void start_take(const char *bytes, size_t size)
{
    if (start_have < sizeof start) {
        size_t part = MIN(size, sizeof start - start_have);

        memcpy((char *)&start + start_have, bytes, part);
        start_have += part;
        bytes += part;
        size -= part;
        if (start_have < sizeof start)
            return;
        if (start.size < sizeof start || start.size > CHANNEL_START_MAX)
            leave("what the program is started with has no proper length");
        start_bytes = page_alloc_row(page_up(start.size) / PAGE_SIZE);
        if (!start_bytes)
            process_out_of_memory();
    }
    if (size > start.size - start_have)
        leave("what the program is started with is longer than it says");
    memcpy(start_bytes + start_have, bytes, size);
    start_have += size;
}

static void payload_take(const char *bytes, size_t size)
{
    switch (frame.kind) {
    case FRAME_START:
        start_take(bytes, size);
        break;
    case FRAME_CONTROL:
        queue_add(&queues[CHANNEL_CONTROL], bytes, size);
        break;
    case FRAME_INPUT:
        queue_add(&queues[CHANNEL_INPUT], bytes, size);
        break;
    case FRAME_FILE:
        memcpy(answer + answer_have, bytes, size);
        answer_have += size;
        break;
    default:
        memcpy((char *)&frame_number + (frame_have - sizeof frame), bytes, size);
    }
}

static void frame_end(void)
{
    switch (frame.kind) {
    case FRAME_INPUT:
        input_ended |= frame.length == 0;
        break;
    case FRAME_CREDIT:
        output_credit[frame.stream] += frame_number;
        break;
    case FRAME_SIGNAL:
        if (frame_number >= 1 && frame_number <= 64)
            signal_raise((int)frame_number, SI_USER, PROCESS_PARENT);
        break;
    case FRAME_FILE:
        asked = false;
        answered = true;
        break;
    }
    frame_have = 0;
}

/* Take one piece of what has come: false when nothing has. */
static bool frame_take(void)
{
    static char buffer[PAGE_SIZE];
    const char *wrong;
    size_t got;

    if (frame_have < sizeof frame) {
        got = vchan_read((char *)&frame + frame_have, sizeof frame - frame_have);
        frame_have += got;
        if (frame_have < sizeof frame || !got)
            return got;
        wrong = frame.length > CHANNEL_FRAME_MAX ? "a frame is too long" : frame_check();
        if (wrong)
            leave(wrong);
    } else {
        got = vchan_read(buffer, MIN(sizeof buffer, sizeof frame + frame.length - frame_have));
        payload_take(buffer, got);
        frame_have += got;
    }
    if (frame_have == sizeof frame + frame.length)
        frame_end();
    return got;
}

bool channel_receive(void)
{
    bool any = false;

    event_take(vchan_port());
    do
        while (frame_take())
            any = true;
    while (vchan_arm(false));
    if (vchan_ended())
        leave(vchan_ended());
    return any;
}

/* Going out */

static void put_bytes(const void *bytes, size_t size)
{
    evtchn_port_t port = vchan_port();

    for (size_t done = 0; done < size;) {
        size_t part = vchan_write((const char *)bytes + done, size - done);

        done += part;
        if (part)
            continue;
        channel_receive();
        if (!vchan_arm(true))
            event_wait(&port, 1, TIME_NEVER);
    }
}

void channel_put(enum channel_frame_kind kind, unsigned stream, const void *head, size_t head_size,
                 const void *bytes, size_t size)
{
    struct channel_frame header = {
        .length = (uint32_t)(head_size + size),
        .kind = (uint16_t)kind,
        .stream = (uint16_t)stream,
    };

    assert(!sending && header.length <= CHANNEL_FRAME_MAX);
    if (kind == FRAME_OUTPUT || kind == FRAME_LOG)
        output_credit[stream] -= header.length;
    sending = true;
    put_bytes(&header, sizeof header);
    put_bytes(head, head_size);
    put_bytes(bytes, size);
    sending = false;
}

size_t channel_credit(unsigned stream)
{
    return output_credit[stream];
}

int64_t channel_ask(struct channel_file *request, const char *path, const char *second,
                    size_t data_size, const char **bytes, size_t *size)
{
    struct channel_frame header = {.kind = FRAME_FILE};
    struct channel_file_answer head;
    evtchn_port_t port = vchan_port();

    request->path_size = path ? (uint32_t)strlen(path) + 1 : 0;
    request->second_size = second ? (uint32_t)strlen(second) + 1 : 0;
    request->data_size = (uint32_t)data_size;
    header.length = (uint32_t)(sizeof *request + request->path_size + request->second_size +
                               data_size);
    assert(!sending && !asked);
    asked = true;
    answered = false;
    sending = true;
    put_bytes(&header, sizeof header);
    put_bytes(request, sizeof *request);
    put_bytes(path, request->path_size);
    put_bytes(second, request->second_size);
    put_bytes(channel_data, data_size);
    sending = false;
    while (channel_receive(), !answered)
        event_wait(&port, 1, TIME_NEVER);
    memcpy(&head, answer, sizeof head);
    if (bytes) {
        *bytes = answer + sizeof head;
        *size = answer_have - sizeof head;
    }
    return head.result;
}

bool channel_log(const char *line, size_t size)
{
    evtchn_port_t port = vchan_port();
    uint64_t deadline = time_now() + LOG_TIMEOUT;

    if (!channel_on || sending)
        return false;
    while (output_credit[2] < size) {
        if (time_now() >= deadline)
            return false;
        if (!channel_receive())
            event_wait(&port, 1, deadline);
    }
    channel_put(FRAME_LOG, 2, NULL, 0, line, size);
    return true;
}

bool channel_busy(void)
{
    return sending;
}

void channel_exit(int status, enum exit_reason reason)
{
    uint32_t number = (uint32_t)status;
    evtchn_port_t port = vchan_port();
    uint64_t deadline = time_now() + EXIT_TIMEOUT;

    assert(!sending);
    channel_put(FRAME_EXIT, reason, NULL, 0, &number, sizeof number);
    while (!vchan_ended() && time_now() < deadline) {
        event_take(port);
        event_wait(&port, 1, deadline);
    }
}

/* The start */

/* `count` strings from `at` on, which end before `end`: where the next one is, or NULL. */
static const char *strings_take(const char *at, const char *end, const char **strings,
                                unsigned count)
{
    for (unsigned i = 0; at && i < count; i++) {
        const char *zero = memchr(at, '\0', (size_t)(end - at));

        strings[i] = at;
        at = zero ? zero + 1 : NULL;
    }
    return at;
}

static int start_parse(void)
{
    const char *at = start_bytes + sizeof start, *end = start_bytes + start.size;
    uint64_t pointers = (uint64_t)start.arguments + start.environment + PROCESS_SPARE + 2;
    const char *names[2];

    if (!start.arguments || pointers > CHANNEL_START_MAX)
        return -EPROTO;
    process.arguments = page_alloc_row(page_up(pointers * sizeof(char *)) / PAGE_SIZE);
    if (!process.arguments)
        return -ENOMEM;
    process.environment = process.arguments + start.arguments + PROCESS_SPARE + 1;
    at = strings_take(at, end, names, 2);
    at = strings_take(at, end, process.arguments, start.arguments);
    at = strings_take(at, end, process.environment, start.environment);
    if (at != end)
        return -EPROTO;
    for (unsigned i = 0; i < start.environment; i++)
        if (strcmp(process.environment[i], "CARAVAN_GUEST_COUNTERS=1") == 0)
            counters_shown = true;
    process.program = names[0];
    process.directory = names[1];
    process.umask = start.mask & 0777;
    process.user = start.user;
    process.group = start.group;
    process.terminal = start.terminal;
    process.control = (int)start.control;
    return 0;
}

int channel_open(void)
{
    uint32_t version = CHANNEL_FRAME_VERSION;
    evtchn_port_t port;
    int error = vchan_serve(CHANNEL_STORE_PATH);

    if (error)
        return error;
    answer = page_alloc_row(page_up(ANSWER_MAX) / PAGE_SIZE);
    channel_data = page_alloc_row(CHANNEL_FILE_DATA / PAGE_SIZE);
    if (!answer || !channel_data)
        process_out_of_memory();
    output_credit[1] = output_credit[2] = CHANNEL_WINDOW;
    channel_put(FRAME_HELLO, 0, NULL, 0, &version, sizeof version);
    channel_on = true;
    port = vchan_port();
    while (channel_receive(), start_have < sizeof start || start_have < start.size)
        event_wait(&port, 1, TIME_NEVER);
    error = start_parse();
    if (error)
        log_error("what the program is started with is damaged: error %d", error);
    return error;
}
