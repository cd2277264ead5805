/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/root/session.c: one connection to the root agent, in a process of its own that is root.
 *
 * All that it takes from the user is one packet of fixed size (root.h) and one descriptor, whose content it does not read but for
 * six bytes. Whatever happens, it ends when the connection does, and before that destroys what it has made.
 */
#include "launch/root/root.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/loop.h"
#include "launch/prefix.h"
#include "launch/xl.h"

enum {
    REQUEST_MS = 10000,
    CLAIM_MS = 10000,
    DYING_MS = 1000,
    DRAIN_MS = 5000, /* for a user's process to take what its domain said last */
    DESTROY_MS = 20000,
    ROUNDS = 40, /* of looking for what xl has not named */
    ROUND_MS = 250,
};

struct session {
    int connection, agent;
    const struct root_peer *peer;
    struct root_request request;
    int ramdisk;
    struct root_allowance allowance;
    struct root_claim claim;
    struct held *held;
    pid_t relay;   /* 0: none */
    int order;     /* to the relay; -1: it was told to come to an end */
    int bytes;     /* the user's end of what it moves; -1: given */
    bool serving;  /* the relay was told the domain */
    bool shutdown; /* the user's process was told that somebody wants it to shut down */
    bool released; /* the user's process wants the domain destroyed, or has gone */
};

/* For the administrator. */
__attribute__((format(printf, 2, 3))) static void note(const struct session *session,
                                                       const char *format, ...)
{
    char text[1024];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    fprintf(stderr, "caravan node-agent: user %s: %s\n", session->peer->name, text);
}

static int answer(struct session *session, struct root_answer *answer, int with)
{
    return root_send(session->connection, answer, sizeof(*answer), with);
}

/* Say no: always false. */
__attribute__((format(printf, 2, 3))) static bool refuse(struct session *session,
                                                         const char *format, ...)
{
    struct root_answer no = {.kind = ROOT_NO};
    va_list list;

    va_start(list, format);
    vsnprintf(no.text, sizeof(no.text), format, list);
    va_end(list);
    note(session, "refused: %s", no.text);
    answer(session, &no, -1);
    return false;
}

/* ---- what is asked ---------------------------------------------------------------------------- */

static bool take_request(struct session *session)
{
    ssize_t got = root_receive(session->connection, &session->request, sizeof(session->request),
                               &session->ramdisk, REQUEST_MS);
    int result = got < 0 ? (int)got : root_request_check(&session->request, (size_t)got);

    if (got == 0)
        return false;
    if (result == -EPROTONOSUPPORT)
        return refuse(session,
                      "mpirun and this host's root agent are of different versions (%u and %d)",
                      session->request.version, ROOT_VERSION);
    if (result < 0 || session->request.kind == ROOT_DESTROY)
        return refuse(session, "the request is not understood");
    return true;
}

/* A file in memory that nobody can change any more, so that what is looked at is what xl reads, and which is no device, pipe or
 * remote file that could keep a reader waiting. What it says it is, Xen's tools do not unpack. */
static bool check_ramdisk(struct session *session)
{
    const int sealed = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
    char magic[6], error[512];
    struct stat status;
    int seals = session->ramdisk < 0 ? -1 : fcntl(session->ramdisk, F_GET_SEALS);

    if (seals < 0 || (seals & sealed) != sealed || fstat(session->ramdisk, &status) < 0)
        return refuse(session, "the initrd is not a sealed memory file");
    if (domain_memory_check(session->request.memory, (uint64_t)status.st_size, error,
                            sizeof(error)) < 0)
        return refuse(session, "%s", error);
    if (pread(session->ramdisk, magic, sizeof(magic), 0) != sizeof(magic) ||
        memcmp(magic, "070701", sizeof(magic)) != 0)
        return refuse(session, "the initrd is not a cpio archive");
    return true;
}

/* ---- what is allowed -------------------------------------------------------------------------- */

static bool tell_agent(struct session *session, enum root_claim_kind kind,
                       struct root_holding *holding)
{
    session->claim.kind = kind;
    return root_send(session->agent, &session->claim, sizeof(session->claim), -1) == 0 &&
           root_receive(session->agent, holding, sizeof(*holding), NULL, CLAIM_MS) ==
               sizeof(*holding);
}

static bool claim(struct session *session, enum root_claim_kind kind, struct root_holding *holding)
{
    const struct root_request *request = &session->request;

    session->claim = (struct root_claim){
        .job = request->job,
        .process = request->process,
        .domains = session->allowance.domains,
        .most = session->allowance.memory,
        .memory = request->memory,
    };
    domain_user_name(session->claim.name, request->job, request->process, session->peer->user);
    return getrandom(&session->claim.token, sizeof(session->claim.token), 0) ==
               sizeof(session->claim.token) &&
           tell_agent(session, kind, holding);
}

static bool refuse_count(struct session *session, const struct root_holding *holding,
                         unsigned count)
{
    return refuse(session,
                  "user %s may have %u domains at once on this host, has %u, and wants %u more: use"
                  " fewer ranks, wait for another job's end, or ask the administrator (domains= in"
                  " line %u of the list of allowed users)",
                  session->peer->name, session->allowance.domains, holding->domains, count,
                  session->allowance.line);
}

static bool refuse_memory(struct session *session, const struct root_holding *holding,
                          uint64_t wanted)
{
    return refuse(
        session,
        "user %s may have domains of %llu MiB in all on this host, has %llu MiB, and wants"
        " %llu MiB more: use a smaller --mem, fewer ranks, wait for another job's end, or"
        " ask the administrator (memory= in line %u of the list of allowed users)",
        session->peer->name, (unsigned long long)session->allowance.memory,
        (unsigned long long)holding->memory, (unsigned long long)wanted, session->allowance.line);
}

static bool choose_bridge(struct session *session, struct root_answer *yes)
{
    const struct strings *allowed = &session->allowance.bridges;
    const char *wanted = *session->request.bridge ? session->request.bridge : NULL;
    char error[1024];

    if (allowed->count > 0 && !wanted)
        wanted = allowed->list[0];
    if (allowed->count > 0 && !strings_contain(allowed, wanted))
        return refuse(session,
                      "user %s may not use the bridge %s on this host: leave out --bridge (then it"
                      " is %s), or ask the administrator (bridge= in line %u of the list of allowed"
                      " users)",
                      session->peer->name, wanted, allowed->list[0], session->allowance.line);
    if (domain_host_bridge("/sys", wanted, yes->bridge, &yes->mtu, error, sizeof(error)) < 0)
        return refuse(session, "%s", error);
    return true;
}

static bool check_cpu(struct session *session)
{
    const struct root_allowance *allowance = &session->allowance;
    int cpu = session->request.cpu;

    if (!allowance->cpus || cpu < 0 || domain_cpu_listed(allowance->cpus, (unsigned)cpu))
        return true;
    return refuse(
        session,
        "user %s may not use processor %d on this host: leave out --cpus, use some of %s, or"
        " ask the administrator (cpus= in line %u of the list of allowed users)",
        session->peer->name, cpu, allowance->cpus, allowance->line);
}

/* What would be, without doing anything. */
static void look(struct session *session)
{
    struct root_answer yes = {.kind = ROOT_YES};
    struct root_holding holding;
    uint64_t wanted = (uint64_t)session->request.count * session->request.memory;
    char error[1024], *kernel = prefix_guest_kernel();

    if (!claim(session, CLAIM_LOOK, &holding))
        refuse(session, "the root agent of this host has ended");
    else if (session->request.count > session->allowance.domains ||
             holding.domains > session->allowance.domains - session->request.count)
        refuse_count(session, &holding, session->request.count);
    else if (wanted > session->allowance.memory ||
             holding.memory > session->allowance.memory - wanted)
        refuse_memory(session, &holding, wanted);
    else if (domain_host_check("/sys", error, sizeof(error)) < 0 ||
             domain_host_memory(session->request.count, session->request.memory, &yes.processors,
                                error, sizeof(error)) < 0)
        refuse(session, "%s", error);
    else if (access(kernel, R_OK) < 0)
        refuse(session, "the guest kernel %s: %s", kernel, strerror(errno));
    else if (choose_bridge(session, &yes)) {
        /* One beside them, as for dom0. */
        if (session->allowance.cpus)
            yes.processors = domain_cpu_count(session->allowance.cpus) + 1;
        answer(session, &yes, -1);
    }
    free(kernel);
}

/* ---- the domain ------------------------------------------------------------------------------- */

/* Before anything of Xen's is open here. */
static bool start_relay(struct session *session)
{
    int order[2], bytes[2];
    gid_t group = session->peer->groups[0];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, order) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, bytes) < 0)
        return refuse(session, "no relay: %s", strerror(errno));
    session->relay = fork();
    if (session->relay == 0)
        root_relay(order[1], bytes[1], session->peer, group);
    close(order[1]);
    close(bytes[1]);
    session->order = order[0];
    session->bytes = bytes[0];
    return session->relay > 0 || refuse(session, "no relay: %s", strerror(errno));
}

/* One session at a time looks for memory and takes it: xl would have dom0 give up its own for what is not free (autoballoon). A
 * lock of another kind than the agent's on the same file. It is released with its descriptor. */
static int wait_for_turn(void)
{
    struct flock turn = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(ROOT_LOCK, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    while (fd >= 0 && fcntl(fd, F_OFD_SETLKW, &turn) < 0 && errno == EINTR)
        ;
    return fd;
}

static bool make_domain(struct session *session, const struct domain *domain)
{
    int turn = wait_for_turn();
    unsigned processors;
    char error[1024];
    bool made = domain_host_memory(1, domain->memory, &processors, error, sizeof(error)) == 0 &&
                session->held->ops->make(session->held, domain, error, sizeof(error));

    if (turn >= 0)
        close(turn);
    return made || refuse(session, "%s", error);
}

static bool make(struct session *session)
{
    const struct root_request *request = &session->request;
    struct root_answer yes = {.kind = ROOT_YES};
    char ramdisk[64], cpu[16], uuid[DOMAIN_MAX_UUID], error[1024], *kernel;
    bool made;

    if (!check_cpu(session) || !choose_bridge(session, &yes))
        return false;
    session->held = held_by_xl(false, error, sizeof(error));
    if (!session->held)
        return refuse(session, "%s", error);
    domain_token_uuid(uuid, session->claim.token);
    snprintf(ramdisk, sizeof(ramdisk), "/proc/%d/fd/%d", (int)getpid(), session->ramdisk);
    snprintf(cpu, sizeof(cpu), "%d", request->cpu);
    kernel = prefix_guest_kernel();
    made = make_domain(session, &(struct domain){
                                    .name = session->claim.name,
                                    .uuid = uuid,
                                    .job = request->job,
                                    .process = request->process,
                                    .memory = request->memory,
                                    .cpus = request->cpu < 0 ? NULL : cpu,
                                    .among = session->allowance.cpus,
                                    .bridge = yes.bridge,
                                    .mtu = yes.mtu,
                                    .kernel = kernel,
                                    .ramdisk = ramdisk,
                                    .extra = DOMAIN_EXTRA,
                                });
    free(kernel);
    close(session->ramdisk);
    session->ramdisk = -1;
    if (!made)
        return false;
    yes.domain = session->held->ops->number(session->held);
    note(session, "domain %s (%d), %u MiB, on %s", session->claim.name, yes.domain, request->memory,
         yes.bridge);
    memcpy(yes.name, session->claim.name, sizeof(yes.name));
    answer(session, &yes, -1);
    return true;
}

static void tell_end(struct session *session, const char *why)
{
    struct root_answer ended = {.kind = ROOT_ENDED};

    snprintf(ended.text, sizeof(ended.text), "%s", why);
    answer(session, &ended, -1);
}

/* A channel that cannot be opened may be a dying domain's. */
static bool ends_soon(struct session *session)
{
    struct held *held = session->held;
    uint64_t deadline = loop_now() + (uint64_t)DYING_MS * 1000000;
    char error[1024];

    while (held->ops->look(held, error, sizeof(error)) != HELD_ENDED) {
        struct pollfd wait = {.fd = held->ops->fd(held), .events = POLLIN};

        if (loop_now() >= deadline)
            return false;
        poll(&wait, 1, DYING_MS / 10);
    }
    return true;
}

/* The relay says that it has the channel, or why not. False: it has not. */
static bool relay_ready(struct session *session)
{
    struct root_answer channel = {.kind = ROOT_CHANNEL};
    char text[512];
    ssize_t got = recv(session->order, text, sizeof(text) - 1, MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN)
        return true;
    if (got == 1 && text[0] == '\0') {
        int result = answer(session, &channel, session->bytes);

        close(session->bytes);
        session->bytes = -1;
        return result == 0;
    }
    text[got > 0 ? got : 0] = '\0';
    /* The user's process sees the end of the bytes, once it has read what there is. */
    if (session->bytes >= 0)
        tell_end(session, ends_soon(session) ? "" : got > 0 ? text : "its relay has ended");
    return false;
}

/* The domain has ended, or is of no use: what it has said may still be read, then the user's process says that it has. */
static void wait_for_release(struct session *session)
{
    uint64_t deadline = loop_now() + (uint64_t)DRAIN_MS * 1000000;

    close(session->order);
    session->order = -1;
    while (!session->released) {
        struct root_request request;
        uint64_t now = loop_now();

        if (now >= deadline)
            return;
        if (root_receive(session->connection, &request, sizeof(request), NULL,
                         (int)((deadline - now) / 1000000) + 1) != -EAGAIN)
            session->released = true;
    }
}

/* Until the domain has ended, or somebody wants its end. */
static void serve(struct session *session)
{
    struct held *held = session->held;
    char error[1024];

    for (;;) {
        enum held_state state = held->ops->look(held, error, sizeof(error));
        struct pollfd wait[] = {
            {.fd = held->ops->fd(held), .events = POLLIN},
            {.fd = session->connection, .events = POLLIN},
            {.fd = session->agent, .events = POLLIN},
            {.fd = session->order, .events = POLLIN},
        };

        if (state == HELD_ENDED) {
            tell_end(session, "");
            return;
        }
        if (held->shutdown && !session->shutdown) {
            struct root_answer shutdown = {.kind = ROOT_SHUTDOWN};

            session->shutdown = true;
            answer(session, &shutdown, -1);
        }
        if (state == HELD_SERVES && !session->serving) {
            int domain = held->ops->number(held);

            session->serving = true;
            if (root_send(session->order, &domain, sizeof(domain), -1) < 0) {
                tell_end(session, "its relay has ended");
                return;
            }
        }
        if (poll(wait, 4, -1) < 0 && errno != EINTR) {
            tell_end(session, strerror(errno));
            return;
        }
        /* Whatever else comes on the connection is as good as its end. */
        if (wait[1].revents) {
            struct root_request request;

            root_receive(session->connection, &request, sizeof(request), NULL, 0);
            session->released = true;
            return;
        }
        if (wait[2].revents) {
            tell_end(session, "the root agent of this host was stopped");
            return;
        }
        if (wait[3].revents && !relay_ready(session))
            return;
    }
}

static bool destroy(struct session *session)
{
    struct root_answer gone = {.kind = ROOT_GONE};
    struct root_holding holding;
    char error[1024];

    if (!session->held->ops->destroy(session->held, error, sizeof(error)) &&
        !root_destroy(session->claim.name, session->claim.token)) {
        note(session, "domain %s cannot be destroyed: %s", session->claim.name, error);
        return false;
    }
    note(session, "domain %s has gone", session->claim.name);
    /* Whoever is told that it has gone may ask for the next one. */
    tell_agent(session, CLAIM_RELEASE, &holding);
    answer(session, &gone, -1);
    return true;
}

static void end_relay(struct session *session)
{
    if (session->order >= 0)
        close(session->order);
    if (session->bytes >= 0)
        close(session->bytes);
    if (session->relay <= 0)
        return;
    kill(session->relay, SIGKILL);
    while (waitpid(session->relay, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* One domain, from beginning to end. An exit status. */
static int keep(struct session *session)
{
    struct root_holding holding;
    bool gone = true;

    if (!claim(session, CLAIM_TAKE, &holding)) {
        refuse(session, "the root agent of this host has ended");
        return 1;
    }
    switch (holding.verdict) {
    case CLAIM_GRANTED:
        break;
    case CLAIM_DOMAINS:
        refuse_count(session, &holding, 1);
        return 0;
    case CLAIM_MEMORY:
        refuse_memory(session, &holding, session->request.memory);
        return 0;
    case CLAIM_TAKEN:
        refuse(session, "job number %08x is taken on this host: start the job again",
               session->request.job);
        return 0;
    }
    if (start_relay(session) && make(session)) {
        serve(session);
        if (!session->released)
            wait_for_release(session);
    }
    end_relay(session);
    if (session->held) {
        gone = destroy(session);
        session->held->ops->close(session->held);
    }
    return gone ? 0 : 1;
}

int root_session(int connection, int agent, const struct root_peer *peer, const char *allow)
{
    struct session session = {
        .connection = connection,
        .agent = agent,
        .peer = peer,
        .ramdisk = -1,
        .order = -1,
        .bytes = -1,
    };
    char error[1024];
    int status = 0;

    prctl(PR_SET_NAME, "caravan-session");
    /* Who may not is told so at once, and not waited for. */
    if (root_allow_read(allow, peer, &session.allowance, error, sizeof(error)) < 0)
        refuse(&session, "%s", error);
    else if (take_request(&session)) {
        if (session.request.kind == ROOT_LOOK)
            look(&session);
        else if (check_ramdisk(&session))
            status = keep(&session);
    }
    root_allowance_clear(&session.allowance);
    return status;
}

/* ---- by UUID ---------------------------------------------------------------------------------- */

struct search {
    uint64_t token;
    bool all;
    unsigned found;
};

static void destroy_found(void *context, unsigned id, const char *uuid)
{
    struct search *search = context;
    char number[16], output[256];
    uint64_t token;

    if (!domain_token_parse(uuid, &token) || (!search->all && token != search->token))
        return;
    search->found++;
    snprintf(number, sizeof(number), "%u", id);
    xl_run((const char *const[]){"destroy", number, NULL}, DESTROY_MS, output, sizeof(output));
}

/* Until a look finds none: an `xl create` that was killed on its way may have made one that has no name yet. */
static int destroy_until_none(struct search *search, char *error, size_t size)
{
    unsigned destroyed = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        int result;

        search->found = 0;
        result = domain_host_list(destroy_found, search, error, size);
        if (result < 0)
            return result;
        if (search->found == 0)
            return (int)destroyed;
        destroyed += round == 0 ? search->found : 0;
        usleep(ROUND_MS * 1000);
    }
    snprintf(error, size, "some domains cannot be destroyed");
    return -EBUSY;
}

bool root_destroy(const char *name, uint64_t token)
{
    char output[1024];

    xl_run((const char *const[]){"destroy", name, NULL}, DESTROY_MS, output, sizeof(output));
    return destroy_until_none(&(struct search){.token = token}, output, sizeof(output)) >= 0;
}

int root_destroy_all(char *error, size_t size)
{
    return destroy_until_none(&(struct search){.all = true}, error, size);
}
