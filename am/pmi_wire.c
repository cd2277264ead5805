/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Frames between the nodes of a job that a foreign launcher started: each rank has the packet helper open its socket, and tells the
 * others its interface's address in the key-value space. There is no agent on a node; the first rank there has a thread
 * that answers probes in its place, so that a link which carries nothing is told from a rank that computes.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "am/link/beacon.h"
#include "am/pmi.h"
#include "am/port/packet.h"
#include "am/port/packet_helper.h"
#include "am/port/packet_run.h"

enum {
    ETHERTYPE = 0x88b5,
    PEER_TIMEOUT = 10, /* s */
};

/* ---- the helper --------------------------------------------------------------------------------- */

/* Beside this library, as it was installed or built; else where it was to be installed. NULL: nowhere. */
static char *find_helper(void)
{
    static const char *const places[] = {"../bin", CARAVAN_LIBRARY_TO_PROGRAMS, "."};
    char path[PATH_MAX];
    Dl_info self;

    if (dladdr(places, &self) != 0 && self.dli_fname) {
        const char *slash = strrchr(self.dli_fname, '/');
        int length = slash ? (int)(slash - self.dli_fname) : 0;

        for (size_t i = 0; slash && i < sizeof(places) / sizeof(*places); i++)
            if (snprintf(path, sizeof(path), "%.*s/%s/%s", length, self.dli_fname, places[i],
                         PACKET_HELPER_PROGRAM) < (int)sizeof(path) &&
                access(path, X_OK) == 0)
                return strdup(path);
    }
    snprintf(path, sizeof(path), "%s/%s", CARAVAN_PROGRAM_DIRECTORY, PACKET_HELPER_PROGRAM);
    return access(path, X_OK) == 0 ? strdup(path) : NULL;
}

struct opening {
    struct am_job *job;
    struct pmi_port port;
    char interface[16];
    int fd;     /* our socket; -1: not yet */
    int beacon; /* the node's */
};

static int take(void *context, struct control_message *message)
{
    struct opening *opening = context;
    const char *name = control_get(message, "name");
    uint64_t number;

    if (strcmp(message->command, "packet_interface") == 0) {
        if (!name || strlen(name) >= sizeof(opening->interface) ||
            control_get_bytes(message, "mac", opening->port.mac, sizeof(opening->port.mac)) < 0 ||
            control_get_number(message, "mtu", UINT32_MAX, &number) < 0)
            return -EPROTO;
        strcpy(opening->interface, name);
        opening->port.mtu = number > UINT16_MAX ? UINT16_MAX : (uint16_t)number;
        return 0;
    }
    if (strcmp(message->command, "packet_socket") != 0 || message->fds != 1 ||
        control_get_number(message, "number", UINT32_MAX, &number) < 0)
        return -EPROTO;
    if (number == opening->job->process && opening->fd < 0)
        opening->fd = control_take_fd(message, 0);
    else if (number == AM_AGENT(opening->job->node) && opening->beacon < 0)
        opening->beacon = control_take_fd(message, 0);
    else
        return -EPROTO;
    return 0;
}

/* ---- answering probes --------------------------------------------------------------------------- */

struct pmi_answers {
    struct beacon *beacon;
    int stop;
    pthread_t thread;
};

static void *answer(void *context)
{
    struct pmi_answers *answers = context;
    struct pollfd wait[] = {{.fd = beacon_fd(answers->beacon), .events = POLLIN},
                            {.fd = answers->stop, .events = POLLIN}};

    while (wait[1].revents == 0) {
        if (poll(wait, 2, -1) < 0 && errno != EINTR)
            break;
        if (wait[0].revents)
            beacon_serve(answers->beacon);
    }
    return NULL;
}

static void answers_close(struct pmi_answers *answers)
{
    if (answers->stop >= 0)
        close(answers->stop);
    if (answers->beacon)
        beacon_close(answers->beacon);
    free(answers);
}

/* `fd` is taken over. */
static int answers_open(struct am_job *job, const struct opening *opening, int fd)
{
    struct pmi_answers *answers = calloc(1, sizeof(*answers));
    sigset_t all, before;
    int result;

    if (!answers) {
        close(fd);
        return -ENOMEM;
    }
    answers->stop = eventfd(0, EFD_CLOEXEC);
    answers->beacon = beacon_open(fd, opening->port.mac, opening->port.ethertype, job->job,
                                  job->key, job->node);
    if (!answers->beacon)
        close(fd);
    if (answers->stop < 0 || !answers->beacon) {
        answers_close(answers);
        return -ENOMEM;
    }
    /* Signals are the program's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = -pthread_create(&answers->thread, NULL, answer, answers);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result < 0)
        answers_close(answers);
    else
        job->pmi->answers = answers;
    return result;
}

void wire_close_pmi(struct pmi *pmi)
{
    uint64_t one = 1;

    if (!pmi->answers || write(pmi->answers->stop, &one, sizeof(one)) != sizeof(one))
        return;
    pthread_join(pmi->answers->thread, NULL);
    answers_close(pmi->answers);
    pmi->answers = NULL;
}

/* ---- the port ----------------------------------------------------------------------------------- */

static const char *environment_text(const char *name)
{
    const char *text = getenv(name);

    return text ? text : "";
}

/* From CARAVAN_ETHERTYPE, as C writes numbers; 0: it is none. */
static uint16_t wanted_ethertype(void)
{
    const char *text = environment_text("CARAVAN_ETHERTYPE");
    char *end;
    unsigned long number = *text ? strtoul(text, &end, 0) : ETHERTYPE;

    return (*text && *end) || number < 0x600 || number > UINT16_MAX ? 0 : (uint16_t)number;
}

int wire_open_pmi(struct am_job *job, bool first, struct pmi_port *own)
{
    struct opening opening = {.job = job, .fd = -1, .beacon = -1};
    char error[512] = "", range[32], *ranges[] = {range}, *path = find_helper();
    long timeout = environment_number("CARAVAN_PEER_TIMEOUT", PEER_TIMEOUT);
    int result;

    opening.port.ethertype = wanted_ethertype();
    snprintf(range, sizeof(range), "%u", job->process);
    if (!path || !opening.port.ethertype || timeout < 0) {
        result = path ? -EINVAL : -ENOENT;
        snprintf(error, sizeof(error), "%s",
                 path ? "CARAVAN_ETHERTYPE or CARAVAN_PEER_TIMEOUT is not a number that can be"
                      : "there is no " PACKET_HELPER_PROGRAM
                        " beside this library, nor in " CARAVAN_PROGRAM_DIRECTORY);
    } else {
        result = packet_run(&(struct packet_request){.path = path,
                                                     .interfaces = environment_text("CARAVAN_ETH"),
                                                     .ethertype = opening.port.ethertype,
                                                     .job = job->job,
                                                     .node = job->node,
                                                     .ranges = ranges,
                                                     .range_count = 1},
                            take, &opening, error, sizeof(error));
    }
    free(path);
    if (result == 0 && (opening.fd < 0 || opening.beacon < 0)) {
        snprintf(error, sizeof(error), "it passed no socket");
        result = -EPROTO;
    }
    if (result == 0) {
        job->ethertype = opening.port.ethertype;
        job->timeout = (uint64_t)timeout * 1000000000u;
        *own = opening.port;
        result = packet_open(&job->port, opening.fd, opening.interface, opening.port.mac,
                             opening.port.mtu);
        opening.fd = -1; /* the port's, also when that failed */
        snprintf(error, sizeof(error), "%s: %s", opening.interface, strerror(-result));
    }
    if (result == 0 && first) {
        result = answers_open(job, &opening, opening.beacon);
        opening.beacon = -1;
        snprintf(error, sizeof(error), "no thread to answer probes: %s", strerror(-result));
    }
    if (opening.fd >= 0)
        close(opening.fd);
    if (opening.beacon >= 0)
        close(opening.beacon);
    if (result < 0)
        fprintf(stderr, "caravan: process %u has no way to the job's other nodes: %s\n",
                job->process, error);
    return result;
}
