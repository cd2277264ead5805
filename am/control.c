/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A rank's end of the control stream: joining, fences, rings and bells from peers, bad news. docs/control-stream.md lists
 * the lines.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "am/core.h"
#include "am/port/netfront.h"
#include "am/port/packet.h"
#include "control/control.h"

/* ---- joining ------------------------------------------------------------------------------------------ */

static int number32(const struct control_message *message, const char *key, uint64_t most,
                    uint32_t *number)
{
    uint64_t value = 0;
    int result = control_get_number(message, key, most, &value);

    *number = (uint32_t)value;
    return result < 0 ? -EPROTO : 0;
}

static int read_welcome(struct am_job *job, const struct control_message *message)
{
    static const char *const choices[] = {"auto", "ring", "wire"};
    const char *link = control_get(message, "link");
    uint64_t number;

    if (control_get_number(message, "version", UINT32_MAX, &number) < 0)
        return -EPROTO;
    if (number != CONTROL_VERSION) {
        fprintf(stderr,
                "caravan: launcher and library differ: the launcher's control stream has version "
                "%llu, this "
                "library's %d. Use the mpirun that was installed with the library\n",
                (unsigned long long)number, CONTROL_VERSION);
        return -EPROTO;
    }
    if (control_get_bytes(message, "key", job->key, sizeof(job->key)) < 0 ||
        number32(message, "process", INT32_MAX, &job->process) < 0 ||
        number32(message, "size", INT32_MAX, &job->size) < 0 ||
        number32(message, "node", INT32_MAX, &job->node) < 0 ||
        number32(message, "nodes", INT32_MAX, &job->nodes) < 0 ||
        number32(message, "ranks", INT32_MAX, &job->ranks) < 0 ||
        number32(message, "cores", INT32_MAX, &job->cores) < 0 ||
        number32(message, "program", INT32_MAX, &job->program) < 0)
        return -EPROTO;
    {
        uint8_t bytes[4];

        if (control_get_bytes(message, "job", bytes, sizeof(bytes)) < 0)
            return -EPROTO;
        job->job = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
                   bytes[3];
    }
    if (job->process >= job->size || job->node >= job->nodes || job->nodes > job->size ||
        job->ranks == 0 || job->cores == 0)
        return -EPROTO;
    for (unsigned i = 0; link && i < sizeof(choices) / sizeof(choices[0]); i++)
        if (strcmp(link, choices[i]) == 0)
            job->link = (enum am_link_choice)i;
    job->node_of = malloc(job->size * sizeof(*job->node_of));
    job->table = calloc(job->nodes, sizeof(*job->table));
    if (!job->node_of || !job->table)
        return -ENOMEM;
    for (uint32_t i = 0; i < job->size; i++)
        job->node_of[i] = UINT32_MAX;
    return 0;
}

static int read_node(struct am_job *job, const struct control_message *message)
{
    const char *host = control_get(message, "host");
    uint32_t node, mtu = 0, agent = 0;
    struct am_node *entry;

    if (number32(message, "node", job->nodes - 1, &node) < 0 || !host)
        return -EPROTO;
    entry = &job->table[node];
    snprintf(entry->host, sizeof(entry->host), "%s", host);
    if (control_get(message, "mac")) {
        if (control_get_bytes(message, "mac", entry->mac, sizeof(entry->mac)) < 0 ||
            number32(message, "mtu", UINT16_MAX, &mtu) < 0)
            return -EPROTO;
        entry->mtu = (uint16_t)mtu;
    }
    if (control_get(message, "agent") && number32(message, "agent", 1, &agent) < 0)
        return -EPROTO;
    entry->agent = agent;
    return 0;
}

static int read_place(struct am_job *job, const struct control_message *message)
{
    uint32_t first, count, node;

    if (number32(message, "first", job->size - 1, &first) < 0 ||
        number32(message, "count", job->size - first, &count) < 0 ||
        number32(message, "node", job->nodes - 1, &node) < 0)
        return -EPROTO;
    for (uint32_t i = 0; i < count; i++)
        job->node_of[first + i] = node;
    return 0;
}

/* Processes in other domains of our Xen host. */
static int read_beside(struct am_job *job, const struct control_message *message)
{
    uint32_t first, count;

    if (number32(message, "first", job->size - 1, &first) < 0 ||
        number32(message, "count", job->size - first, &count) < 0)
        return -EPROTO;
    if (!job->beside)
        job->beside = calloc(job->size, sizeof(*job->beside));
    if (!job->beside)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        job->beside[first + i] = first + i != job->process;
    return 0;
}

static int read_port(struct am_job *job, struct control_message *message)
{
    const char *interface = control_get(message, "interface");
    uint8_t mac[6];
    uint32_t mtu, ethertype, timeout;
    int fd;
    int result;

    if (!interface || job->port || control_get_bytes(message, "mac", mac, sizeof(mac)) < 0 ||
        number32(message, "mtu", UINT16_MAX, &mtu) < 0 ||
        number32(message, "ethertype", UINT16_MAX, &ethertype) < 0 ||
        number32(message, "timeout", UINT32_MAX, &timeout) < 0)
        return -EPROTO;
    job->ethertype = (uint16_t)ethertype;
    job->timeout = (uint64_t)timeout * 1000000000u;
    if (job->domu)
        return netfront_open(&job->port, mac, (uint16_t)mtu);
    fd = control_take_fd(message, 0);
    if (fd < 0)
        return -EPROTO;
    result = packet_open(&job->port, fd, interface, mac, (uint16_t)mtu);
    if (result < 0)
        fprintf(stderr, "caravan: cannot use the packet socket on %s: %s\n", interface,
                strerror(-result));
    return result;
}

/* What follows the welcome, up to caravan_ready. */
static int read_job(struct am_job *job, struct control_message *message)
{
    static const struct {
        const char *command;
        int (*read)(struct am_job *job, const struct control_message *message);
    } readers[] = {{"caravan_node", read_node},
                   {"caravan_place", read_place},
                   {"caravan_beside", read_beside}};
    int result = read_welcome(job, message);

    while (result == 0) {
        result = launcher_receive(job->control, message, LAUNCHER_PATIENCE);
        if (result < 0 || strcmp(message->command, "caravan_ready") == 0)
            break;
        for (unsigned i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
            if (strcmp(message->command, readers[i].command) == 0)
                result = readers[i].read(job, message);
        if (strcmp(message->command, "caravan_port") == 0)
            result = read_port(job, message);
        control_close_fds(message);
    }
    for (uint32_t i = 0; result == 0 && i < job->size; i++)
        if (job->node_of[i] == UINT32_MAX)
            result = -EPROTO;
    return result;
}

/* A domain shares no memory with another, and its control stream carries no descriptors. */
static int greet(struct am_job *job, const struct bell *bell)
{
    int bells[] = {bell->region.fd, bell->event};

    if (job->domu)
        return control_send(job->control, NULL, 0, "cmd=caravan_hello version=%d domu=1",
                            CONTROL_VERSION);
    return control_send(job->control, bells, 2, "cmd=caravan_hello version=%d", CONTROL_VERSION);
}

int control_join(struct am_job *job, const struct bell *bell)
{
    struct control_message message;
    int result;

    result = control_send(job->control, NULL, 0, "cmd=init pmi_version=1 pmi_subversion=1");
    if (result == 0)
        result = launcher_expect(job->control, &message, "response_to_init", LAUNCHER_PATIENCE);
    if (result == 0)
        result = greet(job, bell);
    if (result == 0)
        result = launcher_expect(job->control, &message, "caravan_welcome", LAUNCHER_PATIENCE);
    if (result == 0)
        result = read_job(job, &message);
    if (result < 0)
        fprintf(stderr, "caravan: cannot join the job: the launcher's agent %s\n",
                result == -ETIMEDOUT    ? "does not answer"
                : result == -ECONNRESET ? "is gone"
                : result == -EPROTO     ? "sent something that this library does not understand"
                                        : strerror(-result));
    return result;
}

/* ---- while running --------------------------------------------------------------------------------------- */

static int take_ring(struct am *am, struct control_message *message)
{
    uint32_t peer, bytes;
    int fd;

    if (number32(message, "peer", am->job.size - 1, &peer) < 0 ||
        number32(message, "bytes", UINT32_MAX, &bytes) < 0)
        return -EPROTO;
    fd = control_take_fd(message, 0);
    return fd < 0 ? -EPROTO : ring_attach(am->ring, peer, fd, bytes);
}

static int take_bell(struct am *am, struct control_message *message)
{
    uint32_t peer;
    int memory, event;

    if (number32(message, "peer", am->job.size - 1, &peer) < 0 || message->fds != 2)
        return -EPROTO;
    memory = control_take_fd(message, 0);
    event = control_take_fd(message, 1);
    return ring_bell(am->ring, peer, memory, event);
}

static int take_domain(struct am *am, struct control_message *message)
{
    uint32_t peer, domain;

    if (number32(message, "peer", am->job.size - 1, &peer) < 0 ||
        number32(message, "domain", UINT16_MAX, &domain) < 0)
        return -EPROTO;
    return ring_domain(am->ring, peer, domain);
}

/* Lines and port are the peer's to choose: what cannot be is refused, and is no reason to end. */
static int take_grant(struct am *am, struct control_message *message)
{
    struct ring_offer offer = {.refs = control_get(message, "refs")};
    uint32_t peer;

    if (number32(message, "peer", am->job.size - 1, &peer) < 0 ||
        number32(message, "domain", UINT16_MAX, &offer.domain) < 0 ||
        number32(message, "port", UINT32_MAX, &offer.port) < 0 ||
        number32(message, "lines", UINT32_MAX, &offer.lines) < 0 || !offer.refs)
        return -EPROTO;
    return ring_offer(am->ring, peer, &offer);
}

static int take_taken(struct am *am, struct control_message *message)
{
    uint32_t peer, error;

    if (number32(message, "peer", am->job.size - 1, &peer) < 0 ||
        number32(message, "error", INT32_MAX, &error) < 0)
        return -EPROTO;
    return ring_taken(am->ring, peer, (int)error);
}

static int take_down(struct am *am, struct control_message *message)
{
    const char *reason = control_get(message, "reason");
    uint32_t process;

    if (number32(message, "process", am->job.size - 1, &process) < 0)
        return -EPROTO;
    am_report_down(am, process, reason ? reason : "its process has ended");
    return 0;
}

static int take_barrier(struct am *am, struct control_message *message)
{
    am->fenced = true;
    return 0;
}

static int take_query(struct am *am, struct control_message *message)
{
    uint64_t number;
    uint32_t detail;

    if (control_get_number(message, "number", UINT64_MAX, &number) < 0 ||
        number32(message, "detail", 1, &detail) < 0)
        return -EPROTO;
    return query_answer(am, number, detail);
}

/* Returns how much happened that the caller of am_wait may have waited for, or an error. */
static int take(struct am *am, struct control_message *message)
{
    static const struct {
        const char *command;
        int (*take)(struct am *am, struct control_message *message);
        int happened;
    } takers[] = {
        {"caravan_ring", take_ring, 1},   {"caravan_doorbell", take_bell, 1},
        {"caravan_down", take_down, 1},   {"barrier_out", take_barrier, 1},
        {"caravan_query", take_query, 0}, {"caravan_domain", take_domain, 0},
        {"caravan_grant", take_grant, 0}, {"caravan_taken", take_taken, 0},
    };
    int result = 0; /* an unknown line is from a newer launcher of this version: no harm */

    for (unsigned i = 0; i < sizeof(takers) / sizeof(takers[0]); i++) {
        if (strcmp(message->command, takers[i].command) != 0)
            continue;
        result = takers[i].take(am, message);
        if (result == 0)
            result = takers[i].happened;
    }
    control_close_fds(message);
    if (result < 0)
        am_complain(am, "the agent's line '%s' cannot be followed: %s", message->command,
                    strerror(-result));
    return result;
}

static int agent_poll(struct am *am)
{
    struct control_message message;
    int result = control_flush(am->job.control);
    int taken = 0;

    if (result < 0 && result != -EAGAIN)
        return -ECONNRESET;
    while ((result = control_receive(am->job.control, &message)) > 0) {
        result = take(am, &message);
        if (result < 0)
            return result;
        taken += result;
    }
    if (result == -ECONNRESET)
        am_complain(am, "the launcher's agent on this host is gone; ending");
    return result < 0 ? result : taken;
}

static int agent_offer_ring(struct am *am, uint32_t peer, int fd, size_t bytes)
{
    return control_send(am->job.control, &fd, 1, "cmd=caravan_ring peer=%u bytes=%zu", peer, bytes);
}

int control_meet(struct am *am, uint32_t peer)
{
    return control_send(am->job.control, NULL, 0, "cmd=caravan_meet peer=%u", peer);
}

int control_grant(struct am *am, uint32_t peer, uint32_t lines, uint32_t port, const char *refs)
{
    return control_send(am->job.control, NULL, 0,
                        "cmd=caravan_grant peer=%u lines=%u port=%u refs=%s", peer, lines, port,
                        refs);
}

int control_taken(struct am *am, uint32_t peer, int error)
{
    return control_send(am->job.control, NULL, 0, "cmd=caravan_taken peer=%u error=%d", peer,
                        error);
}

int control_tell(struct am *am, uint64_t number, const char *text)
{
    char escaped[1024];

    if (control_escape(escaped, sizeof(escaped), text) < 0)
        return -EMSGSIZE;
    return control_send(am->job.control, NULL, 0, "cmd=caravan_told number=%llu text=%s",
                        (unsigned long long)number, escaped);
}

int control_answer(struct am *am, uint64_t number, bool waits, uint64_t quiet, uint64_t moved)
{
    return control_send(
        am->job.control, NULL, 0, "cmd=caravan_answer number=%llu waits=%d quiet=%llu moved=%llu",
        (unsigned long long)number, waits, (unsigned long long)quiet, (unsigned long long)moved);
}

static int agent_fence_enter(struct am *am)
{
    return control_send(am->job.control, NULL, 0, "cmd=barrier_in");
}

/* Give the agent what is queued, for at most a second. */
static void flush_for_a_second(struct am *am)
{
    for (int i = 0; i < 10 && control_flush(am->job.control) == -EAGAIN; i++) {
        struct pollfd polled = {.fd = control_fd(am->job.control), .events = POLLOUT};

        poll(&polled, 1, 100);
    }
}

static void agent_abort(struct am *am, int status, const char *text)
{
    char escaped[CONTROL_MAX_LINE / 2];

    if (!text || control_escape(escaped, sizeof(escaped), text) < 0)
        escaped[0] = '\0';
    control_send(am->job.control, NULL, 0, "cmd=abort exitcode=%d message=%s", status, escaped);
    flush_for_a_second(am);
    /* The agent ends every process of the job, this one too; exiting by ourselves would race with its message. */
    for (int i = 0; i < 100; i++) {
        struct pollfd polled = {.fd = control_fd(am->job.control), .events = 0};

        if (poll(&polled, 1, 100) > 0)
            break;
    }
}

static void agent_leave(struct am *am)
{
    struct control_message message;

    if (control_send(am->job.control, NULL, 0, "cmd=finalize") < 0)
        return;
    while (launcher_receive(am->job.control, &message, LAUNCHER_PATIENCE) == 0) {
        bool done = strcmp(message.command, "finalize_ack") == 0;

        control_close_fds(&message);
        if (done)
            return;
    }
}

static int agent_wait_on(struct am *am, short *events)
{
    *events = control_flush(am->job.control) == -EAGAIN ? POLLIN | POLLOUT : POLLIN;
    return control_fd(am->job.control);
}

const struct launcher_ops control_ops = {
    .poll = agent_poll,
    .wait_on = agent_wait_on,
    .offer_ring = agent_offer_ring,
    .fence_enter = agent_fence_enter,
    .abort = agent_abort,
    .leave = agent_leave,
};
