/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/root/agent.c: the root agent itself: see root.h.
 *
 * It reads nothing that a user writes. It takes connections, has the kernel say whose they are, starts a session for each, and
 * knows what every session holds, so that a user's limits hold over all of them. Sessions and the agent watch each other: of a
 * session that was killed the agent destroys the domain; when the agent is gone each session destroys its own.
 */
#include "launch/root/root.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/descriptors.h"
#include "launch/loop.h"
#include "launch/reaper.h"

enum {
    SESSIONS = 4096,        /* at once */
    SESSIONS_OF_ONE = 1024, /* and of one user: each domain is one, and each that asks */
    AGAIN_S = 10,           /* before another try to destroy what could not be */
    MAX_GROUPS = 65536,
};

struct session {
    struct agent *agent;
    struct session *next;
    struct watch watch;
    pid_t pid; /* of the session, or of who cleans up behind it */
    int fd;    /* -1: it is to end */
    uid_t user;
    bool claimed;
    bool cleaning;
    struct root_claim claim;
};

struct agent {
    struct loop *loop;
    const char *allow;
    struct session *sessions;
    int listener, signals;
    struct watch listen_watch, signal_watch;
    bool ending;
};

static void say(const char *text)
{
    fprintf(stderr, "caravan node-agent: %s\n", text);
}

/* ---- what users hold -------------------------------------------------------------------------- */

static struct root_holding judge(const struct agent *agent, const struct session *asking,
                                 const struct root_claim *claim)
{
    struct root_holding holding = {.verdict = CLAIM_GRANTED};

    for (const struct session *other = agent->sessions; other; other = other->next) {
        if (!other->claimed)
            continue;
        if (other->user == asking->user) {
            holding.domains++;
            holding.memory += other->claim.memory;
        }
        /* Names have the user in them; the addresses of interfaces have not. */
        if (((other->claim.job ^ claim->job) & 0xffffff) == 0 &&
            other->claim.process == claim->process)
            holding.verdict = CLAIM_TAKEN;
    }
    if (holding.domains >= claim->domains)
        holding.verdict = CLAIM_DOMAINS;
    else if (claim->memory > claim->most || holding.memory > claim->most - claim->memory)
        holding.verdict = CLAIM_MEMORY;
    return holding;
}

static void stop_session(struct session *session)
{
    if (session->fd < 0)
        return;
    loop_unwatch(session->agent->loop, &session->watch);
    close(session->fd);
    session->fd = -1;
}

static void session_asks(void *context, uint32_t events)
{
    struct session *session = context;
    struct root_claim claim;
    struct root_holding holding;

    if (root_receive(session->fd, &claim, sizeof(claim), NULL, 0) != sizeof(claim)) {
        stop_session(session);
        return;
    }
    if (claim.kind == CLAIM_RELEASE)
        session->claimed = false;
    holding = judge(session->agent, session, &claim);
    if (claim.kind == CLAIM_TAKE && holding.verdict == CLAIM_GRANTED) {
        session->claimed = true;
        session->claim = claim;
    }
    if (root_send(session->fd, &holding, sizeof(holding), -1) < 0)
        stop_session(session);
}

/* ---- sessions --------------------------------------------------------------------------------- */

static void forget(struct session *session)
{
    struct session **place = &session->agent->sessions;

    while (*place != session)
        place = &(*place)->next;
    *place = session->next;
    stop_session(session);
    free(session);
}

/* A session was killed, or could not destroy its domain: somebody else does. It counts as its user's until it has gone. */
static void clean_up(struct session *session, bool again)
{
    stop_session(session);
    session->pid = fork();
    if (session->pid == 0) {
        close_all_but(NULL, 0);
        prctl(PR_SET_NAME, "caravan-cleaner");
        if (again)
            sleep(AGAIN_S);
        _exit(root_destroy(session->claim.name, session->claim.token) ? 0 : 1);
    }
    if (session->pid < 0) {
        say("a session's domain cannot be destroyed: no process for it");
        forget(session);
        return;
    }
    session->cleaning = true;
}

static void child_ended(struct agent *agent, pid_t pid, int status)
{
    struct session *session = agent->sessions;

    while (session && session->pid != pid)
        session = session->next;
    if (!session)
        return;
    if (session->claimed && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        clean_up(session, session->cleaning);
    else
        forget(session);
}

static void check_ended(struct agent *agent)
{
    if (agent->ending && !agent->sessions)
        loop_stop(agent->loop);
}

static void signal_ready(void *context, uint32_t events)
{
    struct agent *agent = context;
    struct signalfd_siginfo info;
    int status;

    while (read(agent->signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGCHLD || agent->ending)
            continue;
        say("ending, and all domains with it");
        agent->ending = true;
        loop_unwatch(agent->loop, &agent->listen_watch);
        close(agent->listener);
        for (struct session *session = agent->sessions; session; session = session->next)
            stop_session(session);
    }
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        child_ended(agent, pid, status);
    check_ended(agent);
}

/* ---- connections ------------------------------------------------------------------------------ */

/* As the kernel noted them when the connection was made: nothing that the process does later changes them. */
static int find_peer(int connection, struct root_peer *peer)
{
    struct ucred credentials;
    socklen_t size = sizeof(credentials), groups = MAX_GROUPS * sizeof(gid_t);

    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0 ||
        credentials.uid == (uid_t)-1)
        return -EPERM;
    peer->groups = memory_zeroed(MAX_GROUPS + 1, sizeof(gid_t));
    peer->groups[0] = credentials.gid;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERGROUPS, peer->groups + 1, &groups) < 0)
        return -errno;
    peer->group_count = 1 + groups / sizeof(gid_t);
    peer->user = credentials.uid;
    return 0;
}

static void name_peer(struct root_peer *peer)
{
    const struct passwd *user = getpwuid(peer->user);

    if (user)
        snprintf(peer->name, sizeof(peer->name), "%.40s (%u)", user->pw_name, peer->user);
    else
        snprintf(peer->name, sizeof(peer->name), "%u", peer->user);
}

_Noreturn static void run_session(const struct agent *agent, int connection, int stream,
                                  struct root_peer *peer)
{
    close_all_but((int[]){connection, stream}, 2);
    setsid(); /* a terminal's signals are for the agent */
    name_peer(peer);
    _exit(root_session(connection, stream, peer, agent->allow));
}

static void refuse_busy(int connection, const char *text)
{
    struct root_answer no = {.kind = ROOT_NO};

    snprintf(no.text, sizeof(no.text), "%s", text);
    root_send(connection, &no, sizeof(no), -1);
}

static bool has_room(const struct agent *agent, uid_t user)
{
    unsigned all = 0, his = 0;

    for (const struct session *other = agent->sessions; other; other = other->next) {
        all++;
        his += other->user == user;
    }
    return all < SESSIONS && his < SESSIONS_OF_ONE;
}

static void start_session(struct agent *agent, int connection, struct root_peer *peer)
{
    struct session *session = memory_zeroed(1, sizeof(*session));
    int stream[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, stream) < 0) {
        free(session);
        return;
    }
    session->pid = fork();
    if (session->pid == 0)
        run_session(agent, connection, stream[1], peer);
    close(stream[1]);
    *session = (struct session){
        .agent = agent,
        .next = agent->sessions,
        .watch = {.ready = session_asks, .context = session, .fd = -1},
        .pid = session->pid,
        .fd = stream[0],
        .user = peer->user,
    };
    if (session->pid < 0 || loop_watch(agent->loop, &session->watch, session->fd, EPOLLIN) < 0) {
        /* One that was started notices. */
        close(session->fd);
        free(session);
        return;
    }
    agent->sessions = session;
}

static void connection_came(void *context, uint32_t events)
{
    struct agent *agent = context;
    struct root_peer peer = {.groups = NULL};
    int connection = accept4(agent->listener, NULL, NULL, SOCK_CLOEXEC);

    if (connection < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
            usleep(10000); /* it stays readable */
        return;
    }
    if (find_peer(connection, &peer) < 0)
        refuse_busy(connection, "the kernel does not tell who asks");
    else if (!has_room(agent, peer.user))
        refuse_busy(connection, "the root agent of this host has too many connections: try again"
                                " later");
    else
        start_session(agent, connection, &peer);
    free(peer.groups);
    close(connection);
}

/* ---- the process ------------------------------------------------------------------------------ */

/* The only one of this host, as long as the descriptor that it returns is open. Whoever ends removes the file, so what was locked
 * has to be what has that name. */
static int lock_place(void)
{
    struct stat ours, there;
    int fd = -1;

    if (mkdir(REAPER_DIRECTORY, 0755) == 0 || errno == EEXIST)
        fd = open(ROOT_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &ours) < 0) {
        fprintf(stderr, "caravan node-agent: %s: %s\n", ROOT_SOCKET,
                errno == EWOULDBLOCK ? "another root agent serves it" : strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (stat(ROOT_LOCK, &there) == 0 && there.st_ino == ours.st_ino && there.st_dev == ours.st_dev)
        return fd;
    close(fd);
    return lock_place();
}

static int listen_there(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = ROOT_SOCKET};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    unlink(ROOT_SOCKET);
    /* All may ask. */
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        chmod(ROOT_SOCKET, 0666) == 0 && listen(fd, 128) == 0)
        return fd;
    fprintf(stderr, "caravan node-agent: %s: %s\n", ROOT_SOCKET, strerror(errno));
    return -1;
}

static int watch_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_SETMASK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* Nothing of ours gets their numbers, whoever closed them. */
static void open_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
}

/* What makes no sense to start with. */
static bool check_start(const char *allow)
{
    /* Nobody's: only whether the list can be read. */
    struct root_peer nobody = {.user = (uid_t)-1};
    struct root_allowance allowance;
    char error[1024];
    int result;

    if (geteuid() != 0) {
        say("it has to run as root, for Xen's sake");
        return false;
    }
    result = domain_host_check("/sys", error, sizeof(error));
    if (result == 0)
        result = root_allow_read(allow, &nobody, &allowance, error, sizeof(error));
    if (result == -EACCES)
        return true;
    if (result == 0)
        root_allowance_clear(&allowance);
    else
        say(error);
    return result == 0;
}

static int run(struct agent *agent)
{
    char error[1024];
    int destroyed = root_destroy_all(error, sizeof(error));

    if (destroyed < 0) {
        say(error);
        return 1;
    }
    if (destroyed > 0)
        fprintf(stderr, "caravan node-agent: %d domain%s of an earlier one destroyed\n", destroyed,
                destroyed == 1 ? "" : "s");
    agent->listener = listen_there();
    if (agent->listener < 0)
        return 1;
    agent->signals = watch_signals();
    agent->listen_watch = (struct watch){.ready = connection_came, .context = agent, .fd = -1};
    agent->signal_watch = (struct watch){.ready = signal_ready, .context = agent, .fd = -1};
    if (loop_watch(agent->loop, &agent->listen_watch, agent->listener, EPOLLIN) < 0 ||
        loop_watch(agent->loop, &agent->signal_watch, agent->signals, EPOLLIN) < 0)
        return 1;
    fprintf(stderr, "caravan node-agent: at %s, for those in %s\n", ROOT_SOCKET, agent->allow);
    loop_run(agent->loop);
    unlink(ROOT_SOCKET);
    return 0;
}

int root_main(int argc, char **argv)
{
    struct agent agent = {.allow = ROOT_ALLOW, .listener = -1};
    int lock, status;

    open_standard_descriptors();
    if (argc == 2 && strcmp(argv[0], "--allow") == 0 && argv[1][0] == '/') {
        agent.allow = argv[1];
    } else if (argc > 0) {
        fputs(
            "Usage: caravan node-agent [--allow FILE]   FILE's path from /; without it " ROOT_ALLOW
            "\n",
            stderr);
        return 1;
    }
    if (!check_start(agent.allow))
        return 1;
    if (chdir("/") < 0)
        return 1;
    umask(022);
    lock = lock_place();
    agent.loop = loop_open();
    status = lock < 0 || !agent.loop ? 1 : run(&agent);
    if (agent.loop)
        loop_close(agent.loop);
    if (lock >= 0) {
        unlink(ROOT_LOCK);
        close(lock);
    }
    return status;
}
