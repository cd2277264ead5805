/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A rank under a launcher that speaks PMI-1 and knows nothing of us: MPICH's mpiexec.hydra and its like. PMI-1 is as MPICH's
 * "PMI v1 wire protocol" describes it: lines of `key=value` words on the descriptor PMI_FD. docs/launching.md says what
 * is and what is not there without mpirun.
 *
 * Each rank puts one value, `caravan-RANK`: version, name of its socket, host, and where it runs (boot, user, network namespace), all
 * but the first in hexadecimal; process 0 also `caravan-job`, the job's number and key.
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
#include <sys/stat.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

enum {
    VALUE_VERSION = 1,
    PLACE = 128, /* bytes that tell where a rank runs */
    VALUE = 512,
    EVENTS = 16, /* taken at once */
};

struct value {
    struct pmi_name name;
    char host[64];
    char place[PLACE];
};

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

static int put(struct am_job *job, const char *key, const char *value)
{
    struct control_message message;

    return ask(job, &message, "put_result", "cmd=put kvsname=%s key=%s value=%s", job->pmi->space,
               key, value);
}

/* -ENOENT: there is none. */
static int get(struct am_job *job, const char *key, char *value, size_t size)
{
    struct control_message message;
    int result = ask(job, &message, "get_result", "cmd=get kvsname=%s key=%s", job->pmi->space,
                     key);
    const char *text = result == 0 ? control_get(&message, "value") : NULL;

    if (result < 0)
        return result;
    return text && snprintf(value, size, "%s", text) < (int)size ? 0 : -EPROTO;
}

/* Hexadecimal digits up to '-' or the end; *text is behind it then. How many bytes, or -EPROTO. */
static int read_hex(const char **text, void *bytes, size_t size)
{
    size_t digits = strcspn(*text, "-");
    unsigned char *to = bytes;

    if (digits % 2 || digits / 2 > size)
        return -EPROTO;
    for (size_t i = 0; i < digits / 2; i++) {
        unsigned byte;

        if (strspn(*text + 2 * i, "0123456789abcdef") < 2 ||
            sscanf(*text + 2 * i, "%2x", &byte) != 1)
            return -EPROTO;
        to[i] = (unsigned char)byte;
    }
    *text += digits;
    if (**text == '-')
        ++*text;
    return (int)(digits / 2);
}

static int put_value(struct am_job *job, const struct value *own)
{
    char name[2 * PMI_NAME + 1], host[2 * sizeof(own->host) + 1], place[2 * PLACE + 1];
    char key[32], text[VALUE];

    control_write_bytes(name, own->name.bytes, own->name.length);
    control_write_bytes(host, own->host, strlen(own->host));
    control_write_bytes(place, own->place, strlen(own->place));
    snprintf(key, sizeof(key), "caravan-%u", job->process);
    snprintf(text, sizeof(text), "%d-%s-%s-%s", VALUE_VERSION, name, host, place);
    return put(job, key, text);
}

static int get_value(struct am_job *job, uint32_t process, struct value *value)
{
    char key[32], text[VALUE];
    const char *next = text;
    int result, length;

    memset(value, 0, sizeof(*value));
    snprintf(key, sizeof(key), "caravan-%u", process);
    result = get(job, key, text, sizeof(text));
    if (result < 0)
        return result;
    if (strtoul(text, (char **)&next, 10) != VALUE_VERSION || *next++ != '-')
        return -EPROTO;
    length = read_hex(&next, value->name.bytes, sizeof(value->name.bytes));
    if (length <= 0 || read_hex(&next, value->host, sizeof(value->host) - 1) < 0 ||
        read_hex(&next, value->place, sizeof(value->place) - 1) < 0)
        return -EPROTO;
    value->name.length = (size_t)length;
    return 0;
}

/* ---- who is where --------------------------------------------------------------------------------- */

/* Ranks that can reach each other's abstract sockets have the same: boot, network namespace, user. */
static void describe_place(char place[PLACE])
{
    char boot[64] = "";
    struct stat namespace = {0};
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

    if (file) {
        if (fscanf(file, "%63s", boot) != 1)
            boot[0] = '\0';
        fclose(file);
    }
    stat("/proc/self/ns/net", &namespace);
    snprintf(place, PLACE, "%s/%llu/%u", boot, (unsigned long long)namespace.st_ino,
             (unsigned)geteuid());
}

/* `(vector,(0,2,4),(2,1,3))`: of blocks (first node, nodes, ranks on each), again and again until every rank has its node.
 * Node numbers are the launcher's. -EPROTO where it is not that. */
static int read_mapping(struct am_job *job, const char *text)
{
    static const char head[] = "(vector,";
    uint32_t process = 0;

    if (strncmp(text, head, sizeof(head) - 1) != 0)
        return -EPROTO;
    while (process < job->size) {
        const char *next = text + sizeof(head) - 1;
        uint32_t before = process;
        unsigned first, nodes, ranks;
        int length;

        while (sscanf(next, "(%u,%u,%u)%n", &first, &nodes, &ranks, &length) == 3) {
            for (unsigned i = 0; i < nodes && process < job->size && ranks > 0; i++)
                for (unsigned j = 0; j < ranks && process < job->size; j++)
                    job->node_of[process++] = first + i;
            next += length;
            if (*next == ',')
                next++;
        }
        if (process == before || strcmp(next, ")") != 0)
            return -EPROTO;
    }
    return 0;
}

/* Number the nodes from 0, in the order of their first ranks; job->nodes is how many there are. */
static void renumber(struct am_job *job, uint32_t *first_of)
{
    job->nodes = 0;
    for (uint32_t i = 0; i < job->size; i++) {
        uint32_t node = 0;

        /* first_of[node] is the first rank there; its old number is kept beside it. */
        while (node < job->nodes && first_of[2 * node + 1] != job->node_of[i])
            node++;
        if (node == job->nodes) {
            first_of[2 * node] = i;
            first_of[2 * node + 1] = job->node_of[i];
            job->nodes++;
        }
        job->node_of[i] = node;
    }
}

/* Where the launcher does not say: ranks at the same place are one node. */
static int compare_places(struct am_job *job)
{
    char(*places)[PLACE] = calloc(job->size, sizeof(*places));
    int result = places ? 0 : -ENOMEM;

    for (uint32_t i = 0; i < job->size && result == 0; i++) {
        struct value value;
        uint32_t same = 0;

        result = get_value(job, i, &value);
        memcpy(places[i], value.place, PLACE);
        while (strcmp(places[same], places[i]) != 0)
            same++;
        job->node_of[i] = same;
    }
    free(places);
    return result;
}

static int find_nodes(struct am_job *job, uint32_t *first_of)
{
    char mapping[CONTROL_MAX_LINE];
    int result = get(job, "PMI_process_mapping", mapping, sizeof(mapping));

    if (result == 0)
        result = read_mapping(job, mapping);
    if (result == -ENOENT || result == -EPROTO)
        result = compare_places(job);
    if (result == 0)
        renumber(job, first_of);
    return result;
}

/* Learn of the others: the hosts of all nodes, the sockets on ours. */
static int read_others(struct am_job *job, const struct value *own)
{
    uint32_t *first_of = calloc(job->size, 2 * sizeof(*first_of));
    int result = first_of ? find_nodes(job, first_of) : -ENOMEM;

    if (result == 0) {
        job->node = job->node_of[job->process];
        job->table = calloc(job->nodes, sizeof(*job->table));
        if (!job->table)
            result = -ENOMEM;
    }
    for (uint32_t i = 0; i < job->size && result == 0; i++) {
        uint32_t node = job->node_of[i];
        struct value value;

        if (node != job->node && first_of[2 * node] != i)
            continue;
        result = get_value(job, i, &value);
        if (result < 0)
            break;
        if (first_of[2 * node] == i)
            memcpy(job->table[node].host, value.host, sizeof(value.host));
        if (node != job->node)
            continue;
        if (strcmp(value.place, own->place) != 0) {
            fprintf(stderr,
                    "caravan: the launcher says that processes %u and %u are on one node, but they "
                    "run as different "
                    "users, on different machines or in different network namespaces\n",
                    job->process, i);
            result = -EXDEV;
        }
        job->pmi->names[i] = value.name;
        job->ranks++;
    }
    free(first_of);
    return result;
}

/* ---- joining -------------------------------------------------------------------------------------- */

/* The job's number and key: process 0 makes them. */
static int agree_on_key(struct am_job *job)
{
    uint8_t secret[sizeof(job->job) + sizeof(job->key)];
    char text[2 * sizeof(secret) + 1];
    struct control_message message;
    const char *next = text;
    int result = 0;

    if (job->process == 0) {
        if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
            return -EIO;
        control_write_bytes(text, secret, sizeof(secret));
        result = put(job, "caravan-job", text);
    }
    /* Others may compute for long before they come here. */
    if (result == 0)
        result = control_send(job->control, NULL, 0, "cmd=barrier_in");
    if (result == 0)
        result = launcher_expect(job->control, &message, "barrier_out", -1);
    if (result == 0)
        result = get(job, "caravan-job", text, sizeof(text));
    if (result == 0 && read_hex(&next, secret, sizeof(secret)) != sizeof(secret))
        result = -EPROTO;
    if (result == 0) {
        memcpy(&job->job, secret, sizeof(job->job));
        memcpy(job->key, secret + sizeof(job->job), sizeof(job->key));
    }
    explicit_bzero(secret, sizeof(secret));
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
    if (result == 0 &&
        (control_get_number(&message, "vallen_max", UINT32_MAX, &number) < 0 || number < VALUE)) {
        fprintf(stderr, "caravan: the launcher's values have %llu bytes at most; %d are needed\n",
                (unsigned long long)number, VALUE);
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
    peers_close(pmi);
    if (pmi->events >= 0)
        close(pmi->events);
    free(pmi->names);
    free(pmi);
}

int pmi_join(struct am_job *job)
{
    long rank = environment_number("PMI_RANK", -1), size = environment_number("PMI_SIZE", -1);
    struct value own = {0};
    int result;

    if (rank < 0 || rank >= size) {
        fprintf(stderr, "caravan: the launcher's PMI_RANK and PMI_SIZE are no rank and size\n");
        return -EINVAL;
    }
    job->process = (uint32_t)rank;
    job->size = (uint32_t)size;
    result = pmi_open(job);
    if (result == 0)
        result = introduce(job);
    if (result == 0) {
        own.name = job->pmi->own;
        gethostname(own.host, sizeof(own.host) - 1);
        describe_place(own.place);
        result = put_value(job, &own);
    }
    if (result == 0)
        result = agree_on_key(job);
    if (result == 0)
        result = read_others(job, &own);
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
    .abort = pmi_abort,
    .leave = pmi_leave,
};
