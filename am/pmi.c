/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A rank under a launcher that speaks PMI-1 and knows nothing of us: MPICH's mpiexec.hydra and its like. PMI-1 is as MPICH's
 * "PMI v1 wire protocol" describes it: lines of `key=value` words on the descriptor PMI_FD. docs/launching.md says what
 * is and what is not there without mpirun.
 *
 * What the ranks tell each other over it is in pmi_values.h.
 */
#include "am/pmi.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 16 }; /* taken at once */

/* ---- the key-value space -------------------------------------------------------------------------- */

/* Ask, and wait for the answer, which must be `answer` with rc=0 or without rc. */
#define ask(job, message, answer, ...)                                                             \
    ask_sent(job, message, answer, control_send((job)->control, NULL, 0, __VA_ARGS__))

static int ask_sent(struct am_job *job, struct control_message *message, const char *answer,
                    int result)
{
    const char *code;

    if (result == 0)
        result = launcher_expect(job->control, message, answer, LAUNCHER_PATIENCE);
    if (result < 0)
        return result;
    control_close_fds(message); /* PMI-1 has none */
    code = control_get(message, "rc");
    return code && strcmp(code, "0") != 0 ? -ENOENT : 0;
}

int pmi_put(struct am_job *job, const char *key, const char *value)
{
    struct control_message message;

    return ask(job, &message, "put_result", "cmd=put kvsname=%s key=%s value=%s", job->pmi->space,
               key, value);
}

int pmi_get(struct am_job *job, const char *key, char *value, size_t size)
{
    struct control_message message;
    int result = ask(job, &message, "get_result", "cmd=get kvsname=%s key=%s", job->pmi->space,
                     key);
    const char *text = result == 0 ? control_get(&message, "value") : NULL;

    if (result < 0)
        return result;
    return text && snprintf(value, size, "%s", text) < (int)size ? 0 : -EPROTO;
}

/* ---- joining -------------------------------------------------------------------------------------- */

int pmi_barrier(struct am_job *job)
{
    struct control_message message;
    int result = control_send(job->control, NULL, 0, "cmd=barrier_in");

    return result < 0 ? result : launcher_expect(job->control, &message, "barrier_out", -1);
}

/* The job's number and key: process 0 makes them. */
static int agree_on_key(struct am_job *job)
{
    struct pmi_secret secret;
    char text[PMI_VALUE];
    int result = 0;

    if (job->process == 0) {
        if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret))
            return -EIO;
        pmi_secret_write(&secret, text);
        result = pmi_put(job, "caravan-job", text);
    }
    if (result == 0)
        result = pmi_barrier(job);
    if (result == 0)
        result = pmi_get(job, "caravan-job", text, sizeof(text));
    if (result == 0)
        result = pmi_secret_read(text, &secret);
    if (result == 0) {
        memcpy(&job->job, secret.job, sizeof(job->job));
        memcpy(job->key, secret.key, sizeof(job->key));
    }
    explicit_bzero(&secret, sizeof(secret));
    explicit_bzero(text, sizeof(text));
    return result;
}

static int introduce(struct am_job *job)
{
    struct pmi *pmi = job->pmi;
    struct control_message message;
    uint64_t number = 0;
    const char *space;
    int result = ask(job, &message, "response_to_init", "cmd=init pmi_version=1 pmi_subversion=1");

    if (result == 0)
        result = ask(job, &message, "maxes", "cmd=get_maxes");
    if (result == 0 && (control_get_number(&message, "vallen_max", UINT32_MAX, &number) < 0 ||
                        number < PMI_VALUE)) {
        fprintf(stderr, "caravan: the launcher's values have %llu bytes at most; %d are needed\n",
                (unsigned long long)number, PMI_VALUE);
        return -EMSGSIZE;
    }
    if (result == 0)
        result = ask(job, &message, "appnum", "cmd=get_appnum");
    if (result == 0 && control_get_number(&message, "appnum", INT32_MAX, &number) == 0)
        job->program = (uint32_t)number;
    if (result == 0)
        result = ask(job, &message, "my_kvsname", "cmd=get_my_kvsname");
    space = result == 0 ? control_get(&message, "kvsname") : NULL;
    if (result == 0 && (!space || snprintf(pmi->space, sizeof(pmi->space), "%s", space) >=
                                      (int)sizeof(pmi->space)))
        result = -EPROTO;
    return result;
}

static int pmi_open(struct am_job *job)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct pmi *pmi = calloc(1, sizeof(*pmi));
    cpu_set_t cores;

    if (!pmi)
        return -ENOMEM;
    job->pmi = pmi;
    pmi->listener = -1;
    pmi->events = epoll_create1(EPOLL_CLOEXEC);
    pmi->names = calloc(job->size, sizeof(*pmi->names));
    job->node_of = calloc(job->size, sizeof(*job->node_of));
    if (!pmi->names || !job->node_of)
        return -ENOMEM;
    if (pmi->events < 0 ||
        epoll_ctl(pmi->events, EPOLL_CTL_ADD, control_fd(job->control), &event) < 0)
        return -errno;
    job->cores = sched_getaffinity(0, sizeof(cores), &cores) == 0 ? (uint32_t)CPU_COUNT(&cores) : 1;
    return peers_open(pmi);
}

void pmi_close(struct pmi *pmi)
{
    wire_close_pmi(pmi);
    peers_close(pmi);
    if (pmi->events >= 0)
        close(pmi->events);
    free(pmi->names);
    free(pmi);
}

int pmi_join(struct am_job *job)
{
    struct pmi_value own = {.host = ""};
    int result;

    /* One that was called back has said so. */
    if (job->size == 0) {
        long rank = environment_number("PMI_RANK", -1), size = environment_number("PMI_SIZE", -1);

        if (rank < 0 || rank >= size) {
            fprintf(stderr, "caravan: the launcher's PMI_RANK and PMI_SIZE are no rank and size\n");
            return -EINVAL;
        }
        job->process = (uint32_t)rank;
        job->size = (uint32_t)size;
    }
    result = pmi_open(job);
    if (result == 0)
        result = introduce(job);
    if (result == 0)
        result = nodes_introduce(job, &own);
    if (result == 0)
        result = agree_on_key(job);
    if (result == 0)
        result = nodes_learn(job, &own);
    if (result < 0)
        fprintf(stderr, "caravan: cannot join the job over PMI-1: %s\n",
                result == -ETIMEDOUT    ? "the launcher does not answer"
                : result == -ECONNRESET ? "the launcher is gone"
                : result == -EPROTO ? "the launcher, or another process, said something unexpected"
                                    : strerror(-result));
    return result;
}

/* ---- while running -------------------------------------------------------------------------------- */

static int pmi_receive(struct am *am)
{
    struct control_message message;
    int result, taken = 0;

    while ((result = control_receive(am->job.control, &message)) > 0) {
        control_close_fds(&message);
        if (strcmp(message.command, "barrier_out") == 0)
            am->fenced = true;
        taken++;
    }
    if (result == -ECONNRESET)
        am_complain(am, "the launcher is gone; ending");
    return result < 0 ? result : taken;
}

static int pmi_poll(struct am *am)
{
    struct epoll_event events[EVENTS];
    int count, taken = pmi_receive(am);
    bool knocked = false;

    /* The launcher first: a peer that leaves after the last barrier is not lost. */
    if (taken < 0)
        return taken;
    count = epoll_wait(am->job.pmi->events, events, EVENTS, 0);
    for (int i = 0; i < count; i++) {
        void *which = events[i].data.ptr;

        if (which == &am->job.pmi->listener)
            knocked = true;
        else if (which)
            taken += peers_serve(am, which);
    }
    /* Last, as others may be forgotten for it. */
    if (knocked)
        peers_accept(am);
    return taken;
}

static int pmi_wait_on(struct am *am, short *events)
{
    *events = POLLIN;
    control_flush(am->job.control);
    return am->job.pmi->events;
}

static int pmi_fence_enter(struct am *am)
{
    return control_send(am->job.control, NULL, 0, "cmd=barrier_in");
}

/* Hydra throws away what it has not read when a rank aborts: let it read our last words. It is two processes, and says of neither
 * how far it is; the pause is for the second. */
static void let_be_read(void)
{
    struct timespec pause = {.tv_nsec = 10000000};
    int left;

    fflush(NULL);
    for (int i = 0; i < 100; i++) {
        nanosleep(&pause, NULL);
        if (i >= 10 && (ioctl(STDOUT_FILENO, FIONREAD, &left) < 0 || left == 0) &&
            (ioctl(STDERR_FILENO, FIONREAD, &left) < 0 || left == 0))
            break;
    }
}

static void pmi_abort(struct am *am, int status, const char *text)
{
    if (text)
        am_complain(am, "%s", text);
    let_be_read();
    control_send(am->job.control, NULL, 0, "cmd=abort exitcode=%d", status);
    /* The launcher ends every process, this one too. */
    for (int i = 0; i < 50; i++) {
        struct pollfd polled = {.fd = control_fd(am->job.control)};

        control_flush(am->job.control);
        if (poll(&polled, 1, 100) > 0)
            break;
    }
}

static void pmi_leave(struct am *am)
{
    struct control_message message;

    peers_leave(am);
    ask(&am->job, &message, "finalize_ack", "cmd=finalize");
}

const struct launcher_ops pmi_ops = {
    .poll = pmi_poll,
    .wait_on = pmi_wait_on,
    .offer_ring = peers_offer,
    .fence_enter = pmi_fence_enter,
    .fence_may_hang = true,
    .abort = pmi_abort,
    .leave = pmi_leave,
};
