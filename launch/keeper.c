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

#include "launch/files.h"
#include "launch/guest_frames.h"
#include "launch/input.h"
#include "launch/loop.h"
#include "launch/xenlib.h"
#include "launch/xl.h"

enum {
    CREATE_MS = 60000,
    DESTROY_MS = 20000,
    CONTROL_HELD = 16 << 20,
    QUEUE_HELD = 256 << 10, /* bytes for the guest, above which the agent's lines wait */
    CHUNK = 16 << 10,
};

#define BOOT_NS UINT64_C(60000000000) /* for the kernel to serve the control channel */

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
    struct xen *xen;
    char name[DOMAIN_MAX_NAME];
    int domain;
    char *store_path; /* of the control channel */
    bool made;        /* by xl: it is to be destroyed */
    bool unsure;      /* whether xl has made it: it did not get to say so */
    bool connected;   /* the channel is there */
    bool greeted;     /* the kernel has said its version, and was told what to run */
    bool said;        /* its exit status */
    int status;       /* as waitpid gives it */
    bool interrupted; /* by a signal to us */

    struct byte_queue in, out; /* of the channel */
    struct outlet output[2], control;
    struct watch control_watch, store_watch, channel_watch, signal_watch;
    struct timer boot;
    struct input *input;
    struct files *files;
    int signal_fd;
    int told; /* a pipe to the agent: the domain has gone */
};

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

/* Nothing of it is left when this returns true. */
static bool destroy(struct keeping *keeping)
{
    const char *const arguments[] = {"destroy", keeping->name, NULL};
    char output[1024];

    if (!keeping->made ||
        (keeping->domain >= 0 && !xen_domain_lives(keeping->xen, keeping->domain)))
        return true;
    for (int tries = 0; tries < 3; tries++) {
        if (xl_run(arguments, DESTROY_MS, output, sizeof(output)) == 0)
            return true;
        /* It has ended by itself in the meantime, or xl has removed what it could not make. One that xl had no time to
         * name is found by the reaper. */
        if (!keeping->unsure && xen_domain_find(keeping->xen, keeping->name) < 0 &&
            (keeping->domain < 0 || !xen_domain_lives(keeping->xen, keeping->domain)))
            return true;
    }
    if (!keeping->unsure)
        say(keeping, "domain %s cannot be destroyed: %s", keeping->name, output);
    return false;
}

/* What xl said of a failure, in one line: what it calls an error, or all of it. */
static void xl_error(char *output)
{
    char kept[1024] = "", *place = NULL;
    bool errors = strstr(output, "error") != NULL;
    size_t length = 0;

    for (char *line = strtok_r(output, "\n", &place); line && length < sizeof(kept) - 1;
         line = strtok_r(NULL, "\n", &place))
        if (!errors || strstr(line, "error"))
            length += (size_t)snprintf(kept + length, sizeof(kept) - length, "%s%s",
                                       length ? "; " : "", line);
    strcpy(output, kept);
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
        ssize_t written = xen_channel_write(keeping->xen, keeping->out.bytes + keeping->out.start,
                                            queue_length(&keeping->out));

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

    if (frame_number(frame, payload, &status) < 0 ||
        !(WIFEXITED((int)status) || (WIFSIGNALED((int)status) && WTERMSIG((int)status) < SIGRTMIN)))
        return -EPROTO;
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
    say(keeping,
        "domain %s has ended without an exit status: it was destroyed, or its kernel has"
        " crashed (its console tells)",
        keeping->name);
    end(keeping, SIGKILL);
}

static void channel_ready(void *context, uint32_t events)
{
    struct keeping *keeping = context;
    struct channel_frame frame;
    char *payload;
    ssize_t got = 0;
    int result = 0;

    if (events)
        xen_channel_clear(keeping->xen);
    do {
        char *room = queue_room(&keeping->in, CHANNEL_FRAME_MAX);

        got = room ? xen_channel_read(keeping->xen, room, CHANNEL_FRAME_MAX) : -ENOMEM;
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
        fail(keeping, "domain %s and its keeper do not understand each other (%s)", keeping->name,
             strerror(-result));
    else if (got < 0)
        lost(keeping);
    else
        flush(keeping);
}

/* ---- the domain ------------------------------------------------------------------------------- */

static bool create(struct keeping *keeping)
{
    char config[4096], path[512], output[4096];
    const char *arguments[] = {"create", "-q", path, NULL};
    int result = domain_config(&keeping->keeper->domain, config, sizeof(config)), fd;

    if (result < 0) {
        fail(keeping, "domain %s: its configuration: %s", keeping->name, strerror(-result));
        return false;
    }
    snprintf(path, sizeof(path), "%s/%s.cfg", keeping->keeper->place, keeping->name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, config, strlen(config)) != (ssize_t)strlen(config)) {
        fail(keeping, "%s: %s", path, strerror(errno));
        return false;
    }
    close(fd);
    keeping->made = true;
    result = xl_run(arguments, CREATE_MS, output, sizeof(output));
    unlink(path);
    if (result != 0) {
        keeping->unsure = result < 0;
        xl_error(output);
        fail(keeping, "domain %s could not be made: %s", keeping->name,
             result < 0 ? strerror(-result) : output);
        return false;
    }
    keeping->domain = xen_domain_find(keeping->xen, keeping->name);
    if (keeping->domain < 0) {
        lost(keeping);
        return false;
    }
    keeping->store_path = malloc(128);
    if (!keeping->store_path)
        return false;
    snprintf(keeping->store_path, 128, "/local/domain/%d/" CHANNEL_STORE_PATH, keeping->domain);
    xen_store_watch(keeping->xen, keeping->store_path);
    return true;
}

static void connect_channel(struct keeping *keeping)
{
    char path[160], *event;

    /* The last of the keys that the guest writes. */
    snprintf(path, sizeof(path), "%s/event-channel", keeping->store_path);
    event = xen_store_read(keeping->xen, path);
    if (!event)
        return;
    free(event);
    if (!xen_channel_open(keeping->xen, keeping->domain, keeping->store_path)) {
        fail(keeping,
             "domain %s: its control channel cannot be opened (are the modules xen-gntdev and"
             " xen-evtchn loaded?)",
             keeping->name);
        return;
    }
    keeping->connected = true;
    loop_watch(keeping->loop, &keeping->channel_watch, xen_channel_fd(keeping->xen), EPOLLIN);
    channel_ready(keeping, 0);
}

static void store_ready(void *context, uint32_t events)
{
    struct keeping *keeping = context;

    xen_store_clear(keeping->xen);
    if (!keeping->connected && !keeping->said)
        connect_channel(keeping);
    if (!keeping->said && !xen_domain_lives(keeping->xen, keeping->domain)) {
        /* It may have said its last words. */
        if (keeping->connected)
            channel_ready(keeping, 0);
        lost(keeping);
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

/* The agent's descriptors are open here as well: its stream to mpirun, the other ranks' streams, the reaper's socket. */
static void close_others(int control, int told)
{
    int low = control < told ? control : told, high = control < told ? told : control;

    close_range(3, (unsigned)low - 1, 0);
    if (high - low > 1)
        close_range((unsigned)low + 1, (unsigned)high - 1, 0);
    close_range((unsigned)high + 1, ~0u, 0);
}

_Noreturn void keeper_run(const struct keeper *keeper)
{
    static struct keeping keeping;
    char error[512];
    bool gone;

    close_others(keeper->control, keeper->told);
    prctl(PR_SET_NAME, "caravan-keeper");
    keeping = (struct keeping){
        .keeper = keeper,
        .loop = loop_open(),
        .domain = -1,
        .told = keeper->told,
        .files = files_new(keeper->directory),
        .control_watch = {.ready = read_control, .context = &keeping, .fd = -1},
        .store_watch = {.ready = store_ready, .context = &keeping, .fd = -1},
        .channel_watch = {.ready = channel_ready, .context = &keeping, .fd = -1},
        .signal_watch = {.ready = signal_ready, .context = &keeping, .fd = -1},
        .boot = {.run = boot_late, .context = &keeping},
    };
    if (!keeping.loop || !keeping.files)
        _exit(1);
    domain_name(keeping.name, keeper->domain.job, keeper->domain.process);
    watch_signals(&keeping);
    open_outlet(&keeping, &keeping.control, keeper->control, 0);
    keeping.xen = xen_open(error, sizeof(error));
    if (!keeping.xen) {
        say(&keeping, "%s", error);
        _exit(1);
    }
    if (create(&keeping)) {
        open_outlet(&keeping, &keeping.output[0], 1, 1);
        open_outlet(&keeping, &keeping.output[1], 2, 2);
        loop_watch(keeping.loop, &keeping.store_watch, xen_store_fd(keeping.xen), EPOLLIN);
        loop_set_timer(keeping.loop, &keeping.boot, BOOT_NS);
        store_ready(&keeping, 0);
        if (!keeping.said || queue_length(&keeping.output[0].queue) > 0)
            loop_run(keeping.loop);
    }
    gone = destroy(&keeping);
    xen_close(keeping.xen);
    if (gone && write(keeping.told, "", 1) != 1)
        _exit(1);
    leave(keeping.status);
}
