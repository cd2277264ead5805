/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/keeper.c: see keeper.h.
 *
 * The order: make the domain; wait until its kernel serves the control channel; tell it what to run; relay; when it has said its
 * exit status, or has gone without, destroy the domain, say so to the agent, and end as the program did.
 */
#include "launch/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/descriptors.h"
#include "launch/files.h"
#include "launch/guest_frames.h"
#include "launch/held.h"
#include "launch/input.h"
#include "launch/loop.h"

enum {
    CONTROL_HELD = 16 << 20,
    QUEUE_HELD = 256 << 10, /* bytes for the guest, above which the agent's lines wait */
    CHUNK = 16 << 10,
};

#define BOOT_NS     UINT64_C(60000000000) /* for the kernel to serve the control channel */
#define SHUTDOWN_NS UINT64_C(5000000000)  /* for the program to end when it was told to */

/* Bytes from the guest, for one of our descriptors. */
struct outlet {
    struct keeping *keeping;
    int fd;          /* -1: closed, or nobody reads any more */
    uint16_t stream; /* whose credit it is */
    struct byte_queue queue;
    struct watch watch;
    uint32_t granted; /* bytes that may still come */
    bool ended;       /* close it once the queue is empty */
};

struct keeping {
    const struct keeper *keeper;
    struct loop *loop;
    struct held *held; /* the domain */
    const char *name;  /* its name */
    bool connected;    /* the channel is there */
    bool greeted;      /* the kernel has said its version, and was told what to run */
    bool said;         /* its exit status */
    int status;        /* as waitpid gives it */
    bool interrupted;  /* by a signal to us */

    struct byte_queue in, out; /* of the channel */
    struct outlet output[2], control;
    struct watch control_watch, held_watch, channel_watch, signal_watch;
    struct timer boot, shutdown;
    bool shutting; /* `xl shutdown` was heard */
    struct input *input;
    struct files *files;
    int signal_fd;
    int told; /* a pipe to the agent: the domain has gone */
    struct keeper_told phases;
    uint64_t since; /* the phase that is on began */
};

static void phase_ended(struct keeping *keeping, enum keeper_phase phase)
{
    uint64_t now = loop_now();

    keeping->phases.nanoseconds[phase] = now - keeping->since;
    keeping->since = now;
}

/* ---- the end ---------------------------------------------------------------------------------- */

/* One line on the rank's standard error. */
__attribute__((format(printf, 2, 3))) static void say(struct keeping *keeping, const char *format,
                                                      ...)
{
    char text[2048];
    va_list list;
    int length = snprintf(text, sizeof(text), "caravan: ");

    va_start(list, format);
    length += vsnprintf(text + length, sizeof(text) - (size_t)length - 1, format, list);
    va_end(list);
    if (length > (int)sizeof(text) - 2)
        length = sizeof(text) - 2;
    text[length++] = '\n';
    if (write(2, text, (size_t)length) < 0)
        return;
}

static void end(struct keeping *keeping, int status)
{
    if (!keeping->said) {
        keeping->said = true;
        keeping->status = status;
    }
    loop_stop(keeping->loop);
}

enum { STATUS_FAILED = 1 << 8 }; /* as exit(1) */

__attribute__((format(printf, 2, 3))) static void fail(struct keeping *keeping, const char *format,
                                                       ...)
{
    char text[1024];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    if (!keeping->said)
        say(keeping, "%s", text);
    end(keeping, STATUS_FAILED);
}

/* End as the program did. */
_Noreturn static void leave(int status)
{
    if (WIFSIGNALED(status)) {
        struct rlimit none = {0};
        sigset_t one;
        int number = WTERMSIG(status);

        /* Our memory is nobody's evidence. */
        setrlimit(RLIMIT_CORE, &none);
        prctl(PR_SET_DUMPABLE, 0);
        signal(number, SIG_DFL);
        sigemptyset(&one);
        sigaddset(&one, number);
        sigprocmask(SIG_UNBLOCK, &one, NULL);
        raise(number);
        _exit(128 + number);
    }
    _exit(WEXITSTATUS(status));
}

/* ---- to the guest ----------------------------------------------------------------------------- */

static void read_control(void *context, uint32_t events);

static void flush(struct keeping *keeping)
{
    while (keeping->connected && queue_length(&keeping->out) > 0) {
        ssize_t written = keeping->held->ops->write(
            keeping->held, keeping->out.bytes + keeping->out.start, queue_length(&keeping->out));

        if (written <= 0)
            break; /* no room, or closed, which the reader finds */
        queue_take(&keeping->out, (size_t)written);
    }
    /* The agent's lines wait while the guest does not take its own. */
    if (keeping->greeted && keeping->control.fd >= 0) {
        if (queue_length(&keeping->out) >= QUEUE_HELD)
            loop_unwatch(keeping->loop, &keeping->control_watch);
        else if (keeping->control_watch.fd < 0)
            loop_watch(keeping->loop, &keeping->control_watch, keeping->keeper->control, EPOLLIN);
    }
}

static void queued(struct keeping *keeping, int result)
{
    if (result < 0)
        fail(keeping, "domain %s: %s", keeping->name, strerror(-result));
    else
        flush(keeping);
}

static void read_control(void *context, uint32_t events)
{
    struct keeping *keeping = context;
    char bytes[CHUNK];
    ssize_t got = read(keeping->keeper->control, bytes, sizeof(bytes));

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        /* The agent has gone: so do its ranks. */
        loop_unwatch(keeping->loop, &keeping->control_watch);
        end(keeping, SIGKILL);
        return;
    }
    queued(keeping, frame_put(&keeping->out, FRAME_CONTROL, 0, bytes, (size_t)got));
}

static void give_input(void *context, const char *bytes, size_t length)
{
    struct keeping *keeping = context;

    queued(keeping, frame_put(&keeping->out, FRAME_INPUT, 0, bytes, length));
}

static int start_program(struct keeping *keeping)
{
    const struct keeper *keeper = keeping->keeper;
    mode_t mask = umask(0); /* the guest applies it: a program may change it */
    struct channel_start start = {
        .mask = mask,
        .user = getuid(),
        .group = getgid(),
        .terminal = (uint32_t)(isatty(1) << 1),
        .control = (uint32_t)keeper->control,
    };

    return frame_put_start(&keeping->out, &start, keeper->program, keeper->directory,
                           keeper->arguments, keeper->environment);
}

/* ---- from the guest --------------------------------------------------------------------------- */

static void outlet_close(struct outlet *outlet)
{
    struct keeping *keeping = outlet->keeping;

    if (outlet->fd < 0)
        return;
    loop_unwatch(keeping->loop, &outlet->watch);
    if (outlet != &keeping->control) /* which has another watch on it */
        close(outlet->fd);
    outlet->fd = -1;
    queue_clear(&outlet->queue);
}

/* So many more may come. */
static void grant(struct outlet *outlet, size_t size)
{
    struct keeping *keeping = outlet->keeping;

    if (!outlet->stream || size == 0)
        return;
    outlet->granted += (uint32_t)size;
    queued(keeping, frame_put_number(&keeping->out, FRAME_CREDIT, outlet->stream, (uint32_t)size));
}

static void outlet_flush(void *context, uint32_t events)
{
    struct outlet *outlet = context;
    struct keeping *keeping = outlet->keeping;

    while (outlet->fd >= 0 && queue_length(&outlet->queue) > 0) {
        ssize_t written = write(outlet->fd, outlet->queue.bytes + outlet->queue.start,
                                queue_length(&outlet->queue));

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN) {
            if (outlet->watch.fd < 0)
                loop_watch(keeping->loop, &outlet->watch, outlet->fd, EPOLLOUT);
            return;
        }
        if (written < 0) {
            /* Nobody reads it: what is still to come has no reader either, and is taken all the same. */
            outlet_close(outlet);
            return;
        }
        queue_take(&outlet->queue, (size_t)written);
        grant(outlet, (size_t)written);
    }
    loop_unwatch(keeping->loop, &outlet->watch);
    if (outlet->ended)
        outlet_close(outlet);
    if (keeping->said && queue_length(&keeping->output[0].queue) == 0 &&
        queue_length(&keeping->output[1].queue) == 0)
        loop_stop(keeping->loop);
}

/* 0 or -EPROTO: more than it was granted. */
static int outlet_take(struct outlet *outlet, const char *bytes, size_t size)
{
    if (outlet->stream && size > outlet->granted)
        return -EPROTO;
    if (outlet->stream)
        outlet->granted -= (uint32_t)size;
    if (outlet->fd < 0) {
        grant(outlet, size);
        return 0;
    }
    /* Lines for the agent, which reads them as they come. */
    if (!outlet->stream && queue_length(&outlet->queue) + size > CONTROL_HELD)
        return -EPROTO;
    if (queue_add(&outlet->queue, bytes, size) < 0)
        return -ENOMEM;
    outlet_flush(outlet, 0);
    return 0;
}

static int take_hello(struct keeping *keeping, const struct channel_frame *frame,
                      const char *payload)
{
    uint32_t version;

    if (keeping->greeted || frame_number(frame, payload, &version) < 0)
        return -EPROTO;
    if (version != CHANNEL_FRAME_VERSION) {
        fail(keeping, "launcher and guest kernel do not fit together: launcher %d, kernel %u",
             CHANNEL_FRAME_VERSION, version);
        return 0;
    }
    keeping->greeted = true;
    phase_ended(keeping, KEEPER_BOOT);
    loop_cancel_timer(keeping->loop, &keeping->boot);

    int result = start_program(keeping);

    if (result < 0)
        return result;
    keeping->input = input_open(keeping->loop, give_input, keeping);
    flush(keeping);
    return keeping->input ? 0 : -ENOMEM;
}

/* Its last words: they are for this process to repeat once its output has left. */
static int take_exit(struct keeping *keeping, const struct channel_frame *frame,
                     const char *payload)
{
    uint32_t status;

    if (frame_number(frame, payload, &status) < 0 || frame->stream > EXIT_OUT_OF_MEMORY ||
        !(WIFEXITED((int)status) || (WIFSIGNALED((int)status) && WTERMSIG((int)status) < SIGRTMIN)))
        return -EPROTO;
    if (frame->stream == EXIT_OUT_OF_MEMORY)
        say(keeping, "domain %s has run out of memory: --mem %u is too little for %s",
            keeping->name, keeping->keeper->domain.memory, keeping->keeper->arguments[0]);
    keeping->said = true;
    keeping->status = (int)status;
    for (unsigned i = 0; i < 2; i++)
        keeping->output[i].ended = true;
    outlet_flush(&keeping->output[0], 0);
    outlet_flush(&keeping->output[1], 0);
    return 0;
}

static int take_frame(struct keeping *keeping, const struct channel_frame *frame, char *payload)
{
    uint32_t number;
    int result;

    if (frame->kind == FRAME_HELLO)
        return take_hello(keeping, frame, payload);
    if (frame->kind == FRAME_LOG)
        return outlet_take(&keeping->output[1], payload, frame->length);
    if (frame->kind == FRAME_EXIT)
        return take_exit(keeping, frame, payload);
    if (!keeping->greeted)
        return -EPROTO;
    switch (frame->kind) {
    case FRAME_CONTROL:
        return outlet_take(&keeping->control, payload, frame->length);
    case FRAME_OUTPUT:
        if (frame->stream != 1 && frame->stream != 2)
            return -EPROTO;
        if (frame->length == 0) {
            keeping->output[frame->stream - 1].ended = true;
            outlet_flush(&keeping->output[frame->stream - 1], 0);
            return 0;
        }
        return outlet_take(&keeping->output[frame->stream - 1], payload, frame->length);
    case FRAME_CREDIT:
        if (frame->stream != 0 || frame_number(frame, payload, &number) < 0)
            return -EPROTO;
        input_taken(keeping->input, number);
        return 0;
    case FRAME_FILE:
        result = file_request_serve(keeping->files, payload, frame->length, &keeping->out);
        flush(keeping);
        return result;
    default:
        return -EPROTO;
    }
}

/* The domain has gone, or its end of the channel is closed, without an exit status. */
static void lost(struct keeping *keeping)
{
    if (keeping->said)
        return;
    if (keeping->greeted)
        say(keeping,
            "domain %s has ended without an exit status: it was destroyed, or its kernel has"
            " crashed (its console tells)",
            keeping->name);
    else
        say(keeping,
            "domain %s has ended without an exit status, before its kernel was ready: it was"
            " destroyed, or its kernel has crashed (its console tells); --mem is %u",
            keeping->name, keeping->keeper->domain.memory);
    end(keeping, SIGKILL);
}

/* Its end may have been noticed here before the reason for it. */
static void channel_lost(struct keeping *keeping)
{
    char error[1024];

    if (keeping->held->ops->look(keeping->held, error, sizeof(error)) == HELD_FAILED)
        fail(keeping, "%s", error);
    else
        lost(keeping);
}

static void channel_ready(void *context, uint32_t events)
{
    struct keeping *keeping = context;
    struct channel_frame frame;
    char *payload;
    ssize_t got = 0;
    int result = 0;

    if (events)
        keeping->held->ops->clear(keeping->held);
    do {
        char *room = queue_room(&keeping->in, CHANNEL_FRAME_MAX);

        got = room ? keeping->held->ops->read(keeping->held, room, CHANNEL_FRAME_MAX) : -ENOMEM;
        if (got > 0)
            keeping->in.end += (size_t)got;
        while (!keeping->said && (result = frame_next(&keeping->in, &frame, &payload)) == 1) {
            result = take_frame(keeping, &frame, payload);
            if (result < 0)
                break;
            frame_drop(&keeping->in, &frame);
        }
    } while (got > 0 && result >= 0 && !keeping->said);
    if (keeping->said)
        return;
    if (result < 0)
        fail(keeping,
             "domain %s and its keeper do not understand each other (%s, at a frame of kind %u,"
             " stream %u, %u bytes)",
             keeping->name, strerror(-result), frame.kind, frame.stream, frame.length);
    else if (got < 0)
        channel_lost(keeping);
    else
        flush(keeping);
}

/* ---- the domain ------------------------------------------------------------------------------- */

static bool create(struct keeping *keeping)
{
    char error[1024];

    if (keeping->held->ops->make(keeping->held, &keeping->keeper->domain, error, sizeof(error)))
        return true;
    fail(keeping, "%s", error);
    return false;
}

/* To the agent, in the name of the rank, before it can say anything. */
static void tell_number(struct keeping *keeping)
{
    char line[64];
    int length = snprintf(line, sizeof(line), "cmd=caravan_domain number=%d\n",
                          keeping->held->ops->number(keeping->held));

    if (keeping->held->ops->number(keeping->held) > 0)
        outlet_take(&keeping->control, line, (size_t)length);
}

static bool destroy(struct keeping *keeping)
{
    char error[1024];
    bool gone = keeping->held->ops->destroy(keeping->held, error, sizeof(error));

    if (!gone && *error)
        say(keeping, "%s", error);
    return gone;
}

static void connected(struct keeping *keeping)
{
    keeping->connected = true;
    loop_watch(keeping->loop, &keeping->channel_watch,
               keeping->held->ops->channel_fd(keeping->held), EPOLLIN);
    channel_ready(keeping, 0);
}

static void shutdown_late(void *context)
{
    struct keeping *keeping = context;

    if (keeping->said)
        return;
    say(keeping, "domain %s: its program has not ended within %d s and is killed", keeping->name,
        (int)(SHUTDOWN_NS / 1000000000));
    end(keeping, SIGKILL);
}

/* As a Linux system does: the program is told, and killed when it does not end. One that computes and makes no system call is not
 * told by then. */
static void shut_down(struct keeping *keeping)
{
    if (keeping->shutting || keeping->said)
        return;
    keeping->shutting = true;
    say(keeping, "domain %s was told to shut down", keeping->name);
    if (!keeping->greeted) {
        end(keeping, SIGTERM);
        return;
    }
    loop_set_timer(keeping->loop, &keeping->shutdown, SHUTDOWN_NS);
    queued(keeping, frame_put_number(&keeping->out, FRAME_SIGNAL, 0, SIGTERM));
}

static void held_ready(void *context, uint32_t events)
{
    struct keeping *keeping = context;
    char error[1024];
    enum held_state state = keeping->held->ops->look(keeping->held, error, sizeof(error));

    if (keeping->held->shutdown && state != HELD_ENDED && state != HELD_FAILED)
        shut_down(keeping);
    switch (state) {
    case HELD_BOOTS:
        break;
    case HELD_SERVES:
        if (!keeping->connected && !keeping->said)
            connected(keeping);
        break;
    case HELD_ENDED:
        loop_unwatch(keeping->loop, &keeping->held_watch);
        /* It may have said its last words. */
        if (keeping->connected && !keeping->said)
            channel_ready(keeping, 0);
        lost(keeping);
        break;
    case HELD_FAILED:
        loop_unwatch(keeping->loop, &keeping->held_watch);
        fail(keeping, "%s", error);
        break;
    }
}

static void boot_late(void *context)
{
    struct keeping *keeping = context;

    fail(keeping, "domain %s: its kernel has not opened the control channel within %d s",
         keeping->name, (int)(BOOT_NS / 1000000000));
}

static void signal_ready(void *context, uint32_t events)
{
    struct keeping *keeping = context;
    struct signalfd_siginfo info;

    while (read(keeping->signal_fd, &info, sizeof(info)) == sizeof(info))
        switch (info.ssi_signo) {
        case SIGUSR1:
        case SIGUSR2:
        case SIGCONT:
            if (keeping->greeted)
                queued(keeping, frame_put_number(&keeping->out, FRAME_SIGNAL, 0, info.ssi_signo));
            break;
        default:
            keeping->interrupted = true;
            end(keeping, (int)info.ssi_signo);
        }
}

/* ---- the process ------------------------------------------------------------------------------ */

static void open_outlet(struct keeping *keeping, struct outlet *outlet, int fd, unsigned stream)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    *outlet = (struct outlet){
        .keeping = keeping,
        .fd = fd,
        .stream = (uint16_t)stream,
        .granted = CHANNEL_WINDOW,
        .watch = {.ready = outlet_flush, .context = outlet, .fd = -1},
    };
}

static void watch_signals(struct keeping *keeping)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        sigaddset(&set, numbers[i]);
    sigprocmask(SIG_SETMASK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    keeping->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    loop_watch(keeping->loop, &keeping->signal_watch, keeping->signal_fd, EPOLLIN);
}

_Noreturn void keeper_run(const struct keeper *keeper)
{
    static struct keeping keeping;
    char error[1024];
    bool gone;

    /* The agent's descriptors are open here as well: its stream to mpirun, the other ranks' streams, the reaper's socket. */
    close_all_but((int[]){keeper->control, keeper->told, keeper->ramdisk}, 3);
    prctl(PR_SET_NAME, "caravan-keeper");
    keeping = (struct keeping){
        .keeper = keeper,
        .loop = loop_open(),
        .told = keeper->told,
        .files = files_new(keeper->directory),
        .control_watch = {.ready = read_control, .context = &keeping, .fd = -1},
        .held_watch = {.ready = held_ready, .context = &keeping, .fd = -1},
        .channel_watch = {.ready = channel_ready, .context = &keeping, .fd = -1},
        .signal_watch = {.ready = signal_ready, .context = &keeping, .fd = -1},
        .boot = {.run = boot_late, .context = &keeping},
        .shutdown = {.run = shutdown_late, .context = &keeping},
    };
    if (!keeping.loop || !keeping.files)
        _exit(1);
    watch_signals(&keeping);
    open_outlet(&keeping, &keeping.control, keeper->control, 0);
    keeping.held = keeper->ramdisk < 0 ? held_by_xl(true, error, sizeof(error))
                                       : held_by_root_agent(keeper->ramdisk, error, sizeof(error));
    if (!keeping.held) {
        say(&keeping, "%s", error);
        _exit(1);
    }
    keeping.name = keeping.held->name;
    keeping.since = loop_now();
    if (create(&keeping)) {
        phase_ended(&keeping, KEEPER_CREATE);
        tell_number(&keeping);
        open_outlet(&keeping, &keeping.output[0], 1, 1);
        /* Another one than ours: a program may close it, and there may still be something to say. */
        open_outlet(&keeping, &keeping.output[1], fcntl(2, F_DUPFD_CLOEXEC, 3), 2);
        loop_watch(keeping.loop, &keeping.held_watch, keeping.held->ops->fd(keeping.held), EPOLLIN);
        loop_set_timer(keeping.loop, &keeping.boot, BOOT_NS);
        held_ready(&keeping, 0);
        if (!keeping.said || queue_length(&keeping.output[0].queue) > 0)
            loop_run(keeping.loop);
    }
    if (keeping.greeted)
        phase_ended(&keeping, KEEPER_RUN);
    gone = destroy(&keeping);
    phase_ended(&keeping, KEEPER_DESTROY);
    keeping.held->ops->close(keeping.held);
    if (gone && write(keeping.told, &keeping.phases, sizeof(keeping.phases)) !=
                    (ssize_t)sizeof(keeping.phases))
        _exit(1);
    leave(keeping.status);
}
