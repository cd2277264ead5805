/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/pmi.c: the agent's end of one rank's control stream: PMI-1, joining, rings (docs/control-stream.md).
 */
#include "launch/agent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process that closes its stream and lives on is not noticed by its end: so long may it take to die. */
#define LOST_GRACE 1000000000u

static void control_ready(void *context, uint32_t events);
static void control_lost(void *context);

/* Send a line; one that cannot be sent ends the job, but for a rank that is going away anyway. */
#define reply(rank, ...) check_sent(rank, control_send((rank)->control, NULL, 0, __VA_ARGS__))

static void check_sent(struct rank *rank, int error)
{
    if (error == 0 || error == -EPIPE || error == -ECONNRESET)
        return;
    agent_rank_failed(rank, "it does not read its control stream (%s)", strerror(-error));
}

/* Wait for room when some is queued. */
static void update_watch(struct rank *rank)
{
    if (!rank->control)
        return;

    int error = control_flush(rank->control);

    loop_change(rank->agent->loop, &rank->control_watch,
                EPOLLIN | (error == -EAGAIN ? EPOLLOUT : 0));
}

void pmi_send(struct rank *rank, const char *format, ...)
{
    char line[256];
    va_list list;

    if (!rank->control)
        return;
    va_start(list, format);
    vsnprintf(line, sizeof(line), format, list);
    va_end(list);
    reply(rank, "%s", line);
    update_watch(rank);
}

void pmi_open(struct rank *rank, int fd)
{
    rank->control = control_open(fd);
    rank->control_watch = (struct watch){.ready = control_ready, .context = rank, .fd = -1};
    rank->control_lost = (struct timer){.run = control_lost, .context = rank};
    if (!rank->control) {
        close(fd);
        agent_rank_failed(rank, "no memory for its control stream");
        return;
    }
    loop_watch(rank->agent->loop, &rank->control_watch, fd, EPOLLIN);
}

static void close_doorbell(struct rank *rank)
{
    for (unsigned i = 0; i < 2; i++) {
        if (rank->doorbell[i] >= 0)
            close(rank->doorbell[i]);
        rank->doorbell[i] = -1;
    }
}

static void drop_offers(struct rank *rank)
{
    while (rank->offers) {
        struct offer *offer = rank->offers;

        rank->offers = offer->next;
        if (offer->fd >= 0)
            close(offer->fd);
        free(offer);
    }
}

void pmi_close(struct rank *rank)
{
    loop_cancel_timer(rank->agent->loop, &rank->control_lost);
    if (rank->control) {
        loop_unwatch(rank->agent->loop, &rank->control_watch);
        control_close(rank->control);
        rank->control = NULL;
    }
    if (rank->in_barrier) {
        rank->in_barrier = false;
        rank->agent->in_barrier--;
    }
    close_doorbell(rank);
    drop_offers(rank);
}

static void control_lost(void *context)
{
    agent_rank_failed(context,
                      "its control stream ended before MPI_Finalize, but the process lives on");
}

/* ---- PMI-1 ------------------------------------------------------------------------------------ */

static void init(struct rank *rank, struct control_message *message)
{
    if (rank->joined) {
        agent_rank_failed(rank, "MPI_Init was called a second time; a rank is one MPI program");
        return;
    }
    rank->joined = true;
    reply(rank, "cmd=response_to_init pmi_version=1 pmi_subversion=1 rc=0");
}

static void get_maxes(struct rank *rank, struct control_message *message)
{
    reply(rank, "cmd=maxes kvsname_max=%d keylen_max=%d vallen_max=%d rc=0", KVS_MAX_NAME,
          KVS_MAX_KEY, KVS_MAX_VALUE);
}

static void get_appnum(struct rank *rank, struct control_message *message)
{
    reply(rank, "cmd=appnum appnum=%u rc=0", rank->program->index);
}

static void get_universe_size(struct rank *rank, struct control_message *message)
{
    reply(rank, "cmd=universe_size size=%u rc=0", rank->agent->size);
}

static void get_my_kvsname(struct rank *rank, struct control_message *message)
{
    reply(rank, "cmd=my_kvsname kvsname=%s rc=0", rank->agent->kvs_name);
}

/* A key with its value; the space's name must be the one there is. */
static const char *find_key(struct rank *rank, struct control_message *message)
{
    const char *name = control_get(message, "kvsname");

    return name && strcmp(name, rank->agent->kvs_name) == 0 ? control_get(message, "key") : NULL;
}

static void put(struct rank *rank, struct control_message *message)
{
    const char *key = find_key(rank, message), *value = control_get(message, "value");
    int error = key && value ? kvs_put(&rank->agent->kvs, key, value, false) : -EINVAL;

    if (error == 0)
        reply(rank, "cmd=put_result rc=0 msg=success");
    else
        reply(rank, "cmd=put_result rc=-1 msg=%s",
              error == -EEXIST     ? "duplicate_key"
              : error == -EMSGSIZE ? "too_long"
              : error == -ENOMEM   ? "no_memory"
                                   : "invalid");
}

static void get(struct rank *rank, struct control_message *message)
{
    const char *key = find_key(rank, message);
    const char *value = key ? kvs_get(&rank->agent->kvs, key) : NULL;

    if (value)
        reply(rank, "cmd=get_result rc=0 msg=success value=%s", value);
    else
        reply(rank, "cmd=get_result rc=-1 msg=key_not_found value=unknown");
}

static void barrier_in(struct rank *rank, struct control_message *message)
{
    struct agent *agent = rank->agent;
    const struct kvs_pair *pair;
    size_t place = 0;

    if (rank->in_barrier) {
        agent_rank_failed(rank, "it entered a barrier that it is in already");
        return;
    }
    rank->in_barrier = true;
    agent->in_barrier++;
    if (agent->in_barrier < agent->rank_count) {
        /* mpirun sees when somebody waits for a process that has ended. */
        if (agent->in_barrier == 1 || agent->running < agent->rank_count)
            channel_send_line(agent->channel, "cmd=caravan_waiting process=%u", rank->process);
        return;
    }
    if (agent->nodes == 1) {
        pmi_barrier_out(agent);
        return;
    }
    while ((pair = kvs_next_untold(&agent->kvs, &place))) {
        char key[3 * KVS_MAX_KEY], value[3 * KVS_MAX_VALUE];

        control_escape(key, sizeof(key), pair->key);
        control_escape(value, sizeof(value), pair->value);
        channel_send_line(agent->channel, "cmd=caravan_put key=%s value=%s", key, value);
    }
    channel_send_line(agent->channel, "cmd=caravan_barrier process=%u", rank->process);
}

void pmi_barrier_out(struct agent *agent)
{
    agent->in_barrier = 0;
    for (unsigned i = 0; i < agent->rank_count; i++) {
        struct rank *rank = &agent->ranks[i];

        if (!rank->in_barrier)
            continue;
        rank->in_barrier = false;
        if (rank->control) {
            reply(rank, "cmd=barrier_out rc=0");
            update_watch(rank);
        }
    }
    if (agent->nodes == 1)
        channel_send_line(agent->channel, "cmd=caravan_barrier process=0");
}

static void finalize(struct rank *rank, struct control_message *message)
{
    rank->finalized = true;
    reply(rank, "cmd=finalize_ack rc=0");
}

/* Pass `abort` on; in what is written to mpirun's standard error, bytes that are not text do not belong. */
static void abort_job(struct rank *rank, struct control_message *message)
{
    const char *code = control_get(message, "exitcode"), *text = control_get(message, "message");
    char escaped[CONTROL_MAX_LINE - 256] = "";

    if (text && control_escape(escaped, sizeof(escaped), text) < 0)
        strcpy(escaped, "?");
    channel_send_line(rank->agent->channel, "cmd=caravan_abort process=%u exitcode=%d message=%s",
                      rank->process, code ? atoi(code) : 1, escaped);
}

/* ---- joining ---------------------------------------------------------------------------------- */

static void send_ring(struct rank *to, uint32_t from, uint64_t bytes, int fd)
{
    check_sent(to, control_send(to->control, &fd, 1, "cmd=caravan_ring peer=%u bytes=%llu", from,
                                (unsigned long long)bytes));
}

static void send_doorbell(struct rank *to, const struct rank *of)
{
    check_sent(to, control_send(to->control, of->doorbell, 2, "cmd=caravan_doorbell peer=%u",
                                of->process));
}

/* A line for a rank that shares memory with others. One that is not there, or no more, needs none. */
static void tell_beside(struct rank *rank, const char *line)
{
    if (!rank->control || !rank->hello || rank->finalized)
        return;
    reply(rank, "%s", line);
    update_watch(rank);
}

/* The same from `rank` to a process here, or under another agent of this Xen host. */
__attribute__((format(printf, 3, 4))) static void send_beside(struct rank *rank, uint32_t process,
                                                              const char *format, ...)
{
    struct rank *here = agent_rank(rank->agent, process);
    char line[CONTROL_MAX_LINE], escaped[CONTROL_MAX_LINE];
    va_list list;
    int length;

    va_start(list, format);
    length = vsnprintf(line, sizeof(line), format, list);
    va_end(list);
    if (length >= (int)sizeof(line))
        return; /* no ring is that long */
    if (here)
        tell_beside(here, line);
    else if (control_escape(escaped, sizeof(escaped), line) > 0)
        channel_send_line(rank->agent->channel, "cmd=caravan_pass process=%u peer=%u line=%s",
                          rank->process, process, escaped);
}

/* To one who has asked for it. */
static void send_domain(struct rank *of, uint32_t process)
{
    send_beside(of, process, "cmd=caravan_domain peer=%u domain=%d", of->process, of->domain);
}

/* May these two share memory that one's domain grants to the other's? */
static bool are_beside(const struct rank *rank, uint32_t process)
{
    const struct rank *here;

    if (beside_has(rank->agent, process))
        return true;
    here = rank->agent->domains.count > 0 ? agent_rank(rank->agent, process) : NULL;
    return here && domains_beside(rank, here);
}

static void list_beside(struct rank *rank)
{
    uint32_t size = rank->agent->size;

    for (uint32_t first = 0, end; first < size; first = end + 1) {
        for (end = first; end < size && are_beside(rank, end);)
            end++;
        if (end > first)
            reply(rank, "cmd=caravan_beside first=%u count=%u", first, end - first);
    }
}

/* How many ranks of this job are on its node: a domain is one by itself. */
static unsigned count_neighbours(const struct rank *rank)
{
    const struct agent *agent = rank->agent;
    unsigned count = 0;

    if (rank->program->domu)
        return agent->domains.crowded ? agent->domains.count : 1;
    for (unsigned i = 0; i < agent->rank_count; i++)
        count += agent->node_of[agent->ranks[i].process] == agent->node_of[rank->process];
    return count;
}

/* Tell a rank of its job, and give it what was kept for it. */
static void welcome(struct rank *rank)
{
    struct agent *agent = rank->agent;
    char key[2 * sizeof(agent->key) + 1];

    control_write_bytes(key, agent->key, sizeof(agent->key));
    reply(rank,
          "cmd=caravan_welcome version=%d job=%08x key=%s process=%u size=%u node=%u nodes=%u"
          " ranks=%u cores=%u program=%u link=%s",
          CONTROL_VERSION, agent->job, key, rank->process, agent->size,
          agent->node_of[rank->process], agent->nodes, count_neighbours(rank),
          rank->program->domu ? 1 : agent->cores, rank->program->index, agent->link);
    explicit_bzero(key, sizeof(key));
    for (size_t i = 0; i < agent->table.count; i++)
        reply(rank, "%s", agent->table.list[i]);
    list_beside(rank);
    check_sent(rank, node_send_port(rank));
    reply(rank, "cmd=caravan_ready");
    for (size_t i = 0; i < agent->down.count; i++)
        reply(rank, "%s", agent->down.list[i]);

    while (rank->offers) {
        struct offer *offer = rank->offers;
        struct rank *from = agent_rank(agent, offer->from);

        rank->offers = offer->next;
        if (offer->fd < 0) {
            send_domain(rank, offer->from);
            free(offer);
            continue;
        }
        send_ring(rank, offer->from, offer->bytes, offer->fd);
        if (from && from->control) {
            send_doorbell(from, rank);
            update_watch(from);
        }
        close(offer->fd);
        free(offer);
    }
}

static void hello(struct rank *rank, struct control_message *message)
{
    uint64_t version, domu = 0;

    if (control_get_number(message, "version", UINT32_MAX, &version) < 0) {
        agent_rank_failed(rank, "its greeting tells no version");
        return;
    }
    if (version != CONTROL_VERSION) {
        agent_rank_failed(rank,
                          "launcher and library do not fit together: launcher %d, library %llu",
                          CONTROL_VERSION, (unsigned long long)version);
        return;
    }
    /* A domain shares no memory, and has no descriptors to give. */
    if ((control_get(message, "domu") && control_get_number(message, "domu", 1, &domu) < 0) ||
        domu != rank->program->domu || message->fds != (domu ? 0 : 2) || rank->hello) {
        agent_rank_failed(rank, "its greeting is not as it should be");
        return;
    }
    rank->hello = true;
    rank->doorbell[0] = control_take_fd(message, 0);
    rank->doorbell[1] = control_take_fd(message, 1);
    welcome(rank);
}

/* Keep an offer, or a question (`fd` -1), until the peer has joined. */
static void keep_offer(struct rank *peer, uint32_t from, uint64_t bytes, int fd)
{
    struct offer *offer = memory_zeroed(1, sizeof(*offer));
    struct offer **last = &peer->offers;

    *offer = (struct offer){.from = from, .bytes = bytes, .fd = fd};
    while (*last)
        last = &(*last)->next;
    *last = offer;
}

static void ring(struct rank *rank, struct control_message *message)
{
    struct agent *agent = rank->agent;
    uint64_t number, bytes;

    if (!rank->hello || message->fds != 1 ||
        control_get_number(message, "peer", UINT32_MAX, &number) < 0 ||
        control_get_number(message, "bytes", SIZE_MAX, &bytes) < 0) {
        agent_rank_failed(rank, "it offered a ring in a way that cannot be understood");
        return;
    }

    struct rank *peer = agent_rank(agent, (uint32_t)number);

    if (!peer || peer == rank || agent->node_of[peer->process] != agent->node_of[rank->process]) {
        agent_rank_failed(rank, "it offered a ring to process %u, which is not on this node",
                          (unsigned)number);
        return;
    }
    if (!peer->control || peer->finalized) {
        reply(rank, "cmd=caravan_down process=%u reason=%s", peer->process,
              peer->finalized ? "it%20has%20called%20MPI_Finalize" : "it%20has%20ended");
        return;
    }
    if (peer->hello) {
        send_ring(peer, rank->process, bytes, message->fd[0]);
        update_watch(peer);
        send_doorbell(rank, peer);
        return;
    }

    keep_offer(peer, rank->process, bytes, control_take_fd(message, 0));
}

/* ---- memory that one domain grants to another ------------------------------------------------------ */

/* From the rank's keeper, before anything from the domain itself. */
static void domain(struct rank *rank, struct control_message *message)
{
    uint64_t number;

    if (control_get_number(message, "number", UINT16_MAX, &number) < 0 ||
        !domains_number(rank, (int)number))
        agent_rank_failed(rank, "it told a number of its domain, which is its keeper's to tell");
}

/* Whom a line is about: a process that may share memory with this one. False: there is none, which ends the job. */
static bool find_beside(struct rank *rank, const struct control_message *message, uint32_t *peer)
{
    uint64_t number;

    if (rank->hello && control_get_number(message, "peer", rank->agent->size - 1, &number) == 0 &&
        are_beside(rank, (uint32_t)number)) {
        *peer = (uint32_t)number;
        return true;
    }
    agent_rank_failed(rank, "it sent `%s` for a process that is not beside it", message->command);
    return false;
}

/* `process` asks which domain that is. Said once it is there to be offered something. */
static void answer_meet(struct rank *rank, uint32_t process)
{
    if (!rank->control || rank->finalized)
        return;
    for (const struct offer *offer = rank->offers; offer; offer = offer->next)
        if (offer->from == process)
            return; /* it has asked already */
    if (rank->hello)
        send_domain(rank, process);
    else
        keep_offer(rank, process, 0, -1);
}

static void meet(struct rank *rank, struct control_message *message)
{
    struct rank *here;
    uint32_t peer;

    if (!find_beside(rank, message, &peer))
        return;
    here = agent_rank(rank->agent, peer);
    if (here)
        answer_meet(here, rank->process);
    else
        channel_send_line(rank->agent->channel, "cmd=caravan_meet process=%u peer=%u",
                          rank->process, peer);
}

/* The number of the domain that grants is ours to say. */
static void grant(struct rank *rank, struct control_message *message)
{
    const char *refs = control_get(message, "refs");
    uint64_t lines, port;
    uint32_t peer;

    if (!find_beside(rank, message, &peer))
        return;
    if (control_get_number(message, "lines", UINT32_MAX, &lines) < 0 ||
        control_get_number(message, "port", UINT32_MAX, &port) < 0 || !refs ||
        refs[strspn(refs, "0123456789,+")] != '\0') {
        agent_rank_failed(rank, "it granted memory in a way that cannot be understood");
        return;
    }
    send_beside(rank, peer, "cmd=caravan_grant peer=%u domain=%d lines=%llu port=%llu refs=%s",
                rank->process, rank->domain, (unsigned long long)lines, (unsigned long long)port,
                refs);
}

static void taken(struct rank *rank, struct control_message *message)
{
    uint64_t error;
    uint32_t peer;

    if (!find_beside(rank, message, &peer))
        return;
    if (control_get_number(message, "error", INT32_MAX, &error) < 0) {
        agent_rank_failed(rank, "it took granted memory in a way that cannot be understood");
        return;
    }
    send_beside(rank, peer, "cmd=caravan_taken peer=%u error=%u", rank->process, (unsigned)error);
}

/* Whom another agent's process means. NULL: nobody who is beside that one. */
static struct rank *find_met(struct agent *agent, const struct control_message *message,
                             uint32_t *process)
{
    uint64_t from, to;

    if (!agent->started || control_get_number(message, "process", agent->size - 1, &from) < 0 ||
        control_get_number(message, "peer", agent->size - 1, &to) < 0 ||
        !beside_has(agent, (uint32_t)from))
        return NULL;
    *process = (uint32_t)from;
    return agent_rank(agent, (uint32_t)to);
}

int pmi_met(struct agent *agent, const struct control_message *message)
{
    uint32_t process;
    struct rank *rank = find_met(agent, message, &process);

    if (rank)
        answer_meet(rank, process);
    return 0;
}

int pmi_passed(struct agent *agent, const struct control_message *message)
{
    static const char *const lines[] = {"caravan_domain", "caravan_grant", "caravan_taken"};
    const char *line = control_get(message, "line");
    uint32_t process;
    struct rank *rank = find_met(agent, message, &process);
    char begin[64];

    if (!line)
        return -EPROTO;
    for (size_t i = 0; rank && i < sizeof(lines) / sizeof(lines[0]); i++) {
        snprintf(begin, sizeof(begin), "cmd=%s peer=%u ", lines[i], process);
        if (strncmp(line, begin, strlen(begin)) == 0) {
            tell_beside(rank, line);
            return 0;
        }
    }
    return rank ? -EPROTO : 0;
}

static void report(struct rank *rank, struct control_message *message)
{
    const char *text = control_get(message, "text");
    char escaped[CONTROL_MAX_LINE - 256];

    if (text && control_escape(escaped, sizeof(escaped), text) >= 0)
        channel_send_line(rank->agent->channel, "cmd=caravan_report process=%u text=%s",
                          rank->process, escaped);
}

void pmi_down(struct agent *agent, uint32_t process, const char *reason)
{
    char text[CONTROL_MAX_LINE - 256];

    if (control_escape(text, sizeof(text), reason) < 0)
        strcpy(text, "?");

    char *line = text_format("cmd=caravan_down process=%u reason=%s", process, text);

    strings_add(&agent->down, line); /* for those who join later */
    for (unsigned i = 0; i < agent->rank_count; i++) {
        struct rank *rank = &agent->ranks[i];

        if (rank->control && rank->hello && rank->process != process) {
            reply(rank, "%s", line);
            update_watch(rank);
        }
    }
    free(line);
}

/* ---- lines ------------------------------------------------------------------------------------ */

static const struct {
    const char *command;
    void (*take)(struct rank *rank, struct control_message *message);
    bool before_init;
} commands[] = {
    {"init", init, true},
    {"get_maxes", get_maxes, false},
    {"get_appnum", get_appnum, false},
    {"get_universe_size", get_universe_size, false},
    {"get_my_kvsname", get_my_kvsname, false},
    {"put", put, false},
    {"get", get, false},
    {"barrier_in", barrier_in, false},
    {"finalize", finalize, false},
    {"abort", abort_job, true},
    {"caravan_hello", hello, false},
    {"caravan_ring", ring, false},
    {"caravan_domain", domain, true},
    {"caravan_meet", meet, false},
    {"caravan_grant", grant, false},
    {"caravan_taken", taken, false},
    {"caravan_report", report, false},
    {"caravan_told", query_told, false},
    {"caravan_answer", query_answered, false},
};

static void take(struct rank *rank, struct control_message *message)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        if (strcmp(commands[i].command, message->command) != 0)
            continue;
        if (commands[i].before_init || rank->joined)
            commands[i].take(rank, message);
        else
            agent_rank_failed(rank, "it sent `%s` before `init`", commands[i].command);
        return;
    }
    reply(rank, "cmd=%s_result rc=-1 msg=unknown_command", message->command);
}

void pmi_receive(struct rank *rank)
{
    struct control_message message;
    int result = 0;

    while (rank->control && (result = control_receive(rank->control, &message)) == 1) {
        take(rank, &message);
        control_close_fds(&message);
    }
    if (!rank->control || result == 0)
        return;
    if (result == -EPROTO)
        agent_rank_failed(rank, "it sent something on its control stream that is not a line");

    bool lost = rank->joined && !rank->finalized;

    pmi_close(rank);
    if (lost && rank->running)
        loop_set_timer(rank->agent->loop, &rank->control_lost, LOST_GRACE);
}

static void control_ready(void *context, uint32_t events)
{
    pmi_receive(context);
    update_watch(context);
}
