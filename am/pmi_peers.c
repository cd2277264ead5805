/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Rings and bells between the ranks of a node under a foreign launcher: lines of the control stream's form, with their descriptors,
 * over abstract sockets.
 *
 *   who opened it   caravan_hello version= process= key=; then caravan_ring bytes= [1]
 *   the other       caravan_doorbell [2], once it knows who that is
 *   both            caravan_bye, before they end it in am_close
 *
 * Anybody on the machine may connect: only our own user is let in, and only who knows the job's key is listened to. Nothing
 * here waits for a rank that computes; its lines wait in the socket.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "am/pmi.h"

enum {
    PEERS_VERSION = 1,
    MOST_STRANGERS = 64, /* further ones wait in the listener's queue */
    ATTEMPTS = 100, /* a millisecond apart, where others fill the peer's queue of connections */
};

/* ns that a stranger has to say who it is, before room is made for others. */
static const uint64_t STRANGER_PATIENCE = 2000000000;

int peers_open(struct pmi *pmi)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof(address);
    size_t before = offsetof(struct sockaddr_un, sun_path);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &pmi->listener};

    pmi->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* Without a name the kernel chooses one that is free (unix(7), autobind): nobody can sit on it beforehand. */
    if (pmi->listener < 0 ||
        bind(pmi->listener, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
        getsockname(pmi->listener, (struct sockaddr *)&address, &length) < 0 ||
        listen(pmi->listener, SOMAXCONN) < 0 ||
        epoll_ctl(pmi->events, EPOLL_CTL_ADD, pmi->listener, &event) < 0)
        return -errno;
    if (length <= before || length - before > PMI_NAME)
        return -ENAMETOOLONG;
    pmi->own.length = length - before;
    memcpy(pmi->own.bytes, address.sun_path, pmi->own.length);
    return 0;
}

static void forget(struct pmi *pmi, struct connection *connection)
{
    struct connection **link = &pmi->connections;

    while (*link != connection)
        link = &(*link)->next;
    *link = connection->next;
    if (connection->peer == UINT32_MAX)
        pmi->strangers--;
    control_close(connection->stream);
    free(connection);
}

void peers_close(struct pmi *pmi)
{
    while (pmi->connections)
        forget(pmi, pmi->connections);
    if (pmi->listener >= 0)
        close(pmi->listener);
}

/* Of our own user, and no other's? */
static bool is_ours(int fd)
{
    struct ucred credentials;
    socklen_t length = sizeof(credentials);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 &&
           credentials.uid == geteuid();
}

/* Takes `fd` over. NULL: it is closed. */
static struct connection *connection_make(struct am *am, int fd, uint32_t peer, bool ours)
{
    struct pmi *pmi = am->job.pmi;
    struct connection *connection = calloc(1, sizeof(*connection));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

    if (connection)
        connection->stream = control_open(fd);
    if (!connection || !connection->stream) {
        close(fd);
        free(connection);
        return NULL;
    }
    if (epoll_ctl(pmi->events, EPOLL_CTL_ADD, fd, &event) < 0) {
        control_close(connection->stream);
        free(connection);
        return NULL;
    }
    connection->peer = peer;
    connection->ours = ours;
    connection->since = am_now(am);
    connection->next = pmi->connections;
    pmi->connections = connection;
    pmi->strangers += peer == UINT32_MAX;
    return connection;
}

/* Be woken when there is room for what could not be sent. */
static void update_events(struct pmi *pmi, struct connection *connection)
{
    bool waits = control_flush(connection->stream) == -EAGAIN;
    struct epoll_event event = {.events = waits ? EPOLLIN | EPOLLOUT : EPOLLIN,
                                .data.ptr = connection};

    epoll_ctl(pmi->events, EPOLL_CTL_MOD, control_fd(connection->stream), &event);
}

static struct connection *connection_with(const struct pmi *pmi, uint32_t peer, bool ours)
{
    for (struct connection *one = pmi->connections; one; one = one->next)
        if (one->peer == peer && one->ours == ours)
            return one;
    return NULL;
}

/* ---- what peers say ------------------------------------------------------------------------------- */

static int take_hello(struct am *am, struct connection *connection, struct control_message *message)
{
    uint8_t key[sizeof(am->job.key)], differs = 0;
    int bells[] = {am->bell.region.fd, am->bell.event};
    uint64_t version, process;

    if (connection->ours || connection->peer != UINT32_MAX ||
        control_get_number(message, "version", UINT32_MAX, &version) < 0 ||
        control_get_number(message, "process", am->job.size - 1, &process) < 0 ||
        control_get_bytes(message, "key", key, sizeof(key)) < 0 || version != PEERS_VERSION ||
        process == am->job.process || am->job.node_of[process] != am->job.node)
        return -EPROTO;
    for (size_t i = 0; i < sizeof(key); i++)
        differs |= key[i] ^ am->job.key[i];
    if (differs || connection_with(am->job.pmi, (uint32_t)process, false))
        return -EPROTO;
    connection->peer = (uint32_t)process;
    am->job.pmi->strangers--;
    return control_send(connection->stream, bells, 2, "cmd=caravan_doorbell");
}

static int take(struct am *am, struct connection *connection, struct control_message *message)
{
    uint64_t bytes;

    if (strcmp(message->command, "caravan_hello") == 0)
        return take_hello(am, connection, message);
    if (connection->peer == UINT32_MAX)
        return -EPROTO;
    if (strcmp(message->command, "caravan_bye") == 0) {
        connection->left = true;
        return 0;
    }
    if (strcmp(message->command, "caravan_doorbell") == 0 && connection->ours && message->fds == 2)
        return ring_bell(am->ring, connection->peer, control_take_fd(message, 0),
                         control_take_fd(message, 1));
    if (strcmp(message->command, "caravan_ring") == 0 && !connection->ours && message->fds == 1 &&
        control_get_number(message, "bytes", SIZE_MAX, &bytes) == 0)
        return ring_attach(am->ring, connection->peer, control_take_fd(message, 0), bytes);
    return -EPROTO;
}

static void peer_lost(struct am *am, uint32_t peer, const char *what)
{
    char reason[200];

    snprintf(reason, sizeof(reason), "process %u on %s: %s", peer, am_host(am, peer), what);
    am_report_down(am, peer, reason);
}

int peers_serve(struct am *am, struct connection *connection)
{
    struct control_message message;
    int result, taken = 0;

    while ((result = control_receive(connection->stream, &message)) > 0) {
        result = take(am, connection, &message);
        control_close_fds(&message);
        if (result < 0)
            break;
        taken++;
    }
    if (result == 0) {
        update_events(am->job.pmi, connection);
        return taken;
    }
    /* A stranger is turned away without a word. */
    if (connection->peer != UINT32_MAX && !connection->left)
        peer_lost(am, connection->peer,
                  result == -EPROTO ? "it sent something that cannot be followed"
                                    : "its process has ended");
    forget(am->job.pmi, connection);
    return taken + 1;
}

/* Is there room for one more stranger? If need be for one who has had his time. A peer says who it is as soon as it is connected, but
 * may be held up before it does, so that nobody is turned away at once. */
static bool make_room(struct am *am)
{
    struct pmi *pmi = am->job.pmi;
    uint64_t now = am_now(am);
    struct connection *next;

    for (struct connection *one = pmi->connections; one && pmi->strangers >= MOST_STRANGERS;
         one = next) {
        next = one->next;
        if (one->peer == UINT32_MAX)
            peers_serve(am, one);
    }
    for (struct connection *one = pmi->connections; one && pmi->strangers >= MOST_STRANGERS;
         one = next) {
        next = one->next;
        if (one->peer == UINT32_MAX && now - one->since > STRANGER_PATIENCE)
            forget(pmi, one);
    }
    return pmi->strangers < MOST_STRANGERS;
}

void peers_accept(struct am *am)
{
    struct pmi *pmi = am->job.pmi;
    int fd;

    while (make_room(am) &&
           (fd = accept4(pmi->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        if (is_ours(fd))
            connection_make(am, fd, UINT32_MAX, false);
        else
            close(fd);
    }
}

/* ---- what we say ---------------------------------------------------------------------------------- */

/* 0, or -EAGAIN: the peer's queue is full, which it empties whenever it is in an MPI call. */
static int connect_to(const struct pmi_name *name, int *connected)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name->length);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int result;

    if (fd < 0)
        return -errno;
    memcpy(address.sun_path, name->bytes, name->length);
    result = connect(fd, (struct sockaddr *)&address, length) < 0 ? -errno : 0;
    if (result == 0 && !is_ours(fd))
        result = -EPERM;
    if (result < 0)
        close(fd);
    else
        *connected = fd;
    return result;
}

static int say_hello(struct am *am, uint32_t peer, struct connection **made)
{
    struct pmi *pmi = am->job.pmi;
    char key[2 * sizeof(am->job.key) + 1];
    int fd = -1, result = -EAGAIN;

    for (unsigned i = 0; i < ATTEMPTS && result == -EAGAIN; i++) {
        struct timespec pause = {.tv_nsec = 1000000};

        if (i > 0)
            nanosleep(&pause, NULL);
        result = connect_to(&pmi->names[peer], &fd);
    }
    if (result < 0)
        return result;
    *made = connection_make(am, fd, peer, true);
    if (!*made)
        return -ENOMEM;
    control_write_bytes(key, am->job.key, sizeof(am->job.key));
    result = control_send((*made)->stream, NULL, 0,
                          "cmd=caravan_hello version=%d process=%u key=%s", PEERS_VERSION,
                          am->job.process, key);
    explicit_bzero(key, sizeof(key));
    return result;
}

int peers_offer(struct am *am, uint32_t peer, int fd, size_t bytes)
{
    struct connection *connection = NULL;
    int result = say_hello(am, peer, &connection);

    if (result == 0)
        result = control_send(connection->stream, &fd, 1, "cmd=caravan_ring bytes=%zu", bytes);
    if (result == 0) {
        update_events(am->job.pmi, connection);
        return 0;
    }
    if (connection)
        forget(am->job.pmi, connection);
    if (result == -ECONNREFUSED || result == -EPERM || result == -EPIPE || result == -ECONNRESET) {
        peer_lost(am, peer, "its process has ended");
        return 0;
    }
    am_complain(am, "cannot reach process %u on this node: %s", peer, strerror(-result));
    return result;
}

void peers_leave(struct am *am)
{
    for (struct connection *one = am->job.pmi->connections; one; one = one->next)
        if (one->peer != UINT32_MAX)
            control_send(one->stream, NULL, 0, "cmd=caravan_bye");
}
