/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/root/relay.c: the bytes of one control channel, between a guest and its user's keeper.
 *
 * To open a vchan takes root, and its descriptors are worth as much as root: who has /dev/xen/gntdev open can map every page that
 * any domain has granted to dom0. So they are not given to the user, and this process, which has them, gives up everything
 * else before it moves the first byte: it runs as the user (who may kill it, but not look into it), can open nothing, can start
 * nothing, and of ioctl(2) only the channel's doorbell is left to it. What libxenvchan makes of a hostile guest's
 * indices stays in here.
 */
#include "launch/root/root.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "control/channel.h"
#include "launch/xenlib.h"

enum { CHUNK = 64 << 10 };

/* IOCTL_EVTCHN_NOTIFY of Linux's xen/evtchn.h. */
#define EVTCHN_NOTIFY _IOC(_IOC_NONE, 'E', 4, 4)

/* ---- giving up -------------------------------------------------------------------------------- */

#define LOAD(field)          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* Where the loaded word is `value`, go on; else skip `lines`. */
#define UNLESS(value, lines) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, lines)
#define GIVE(result)         BPF_STMT(BPF_RET | BPF_K, result)
#define ALLOW(number)        UNLESS(number, 1), GIVE(SECCOMP_RET_ALLOW)

static int filter_calls(void)
{
    struct sock_filter lines[] = {
        LOAD(arch),
        UNLESS(AUDIT_ARCH_X86_64, 1),
        BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
        GIVE(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        /* The channel and the socket; what libxenvchan's stand-in in the tests does with its socket is among it. */
        ALLOW(SYS_read),
        ALLOW(SYS_write),
        ALLOW(SYS_recvfrom),
        ALLOW(SYS_sendto),
        ALLOW(SYS_poll),
        ALLOW(SYS_ppoll),
        ALLOW(SYS_epoll_ctl),
        /* Memory of its own, and the end. */
        ALLOW(SYS_brk),
        ALLOW(SYS_munmap),
        ALLOW(SYS_madvise),
        ALLOW(SYS_futex),
        ALLOW(SYS_rt_sigreturn),
        ALLOW(SYS_restart_syscall),
        ALLOW(SYS_exit),
        ALLOW(SYS_exit_group),
        UNLESS(SYS_ioctl, 5),
        LOAD(args[1]), /* the low half, which is all of it for the kernel */
        UNLESS((uint32_t)EVTCHN_NOTIFY, 1),
        GIVE(SECCOMP_RET_ALLOW),
        UNLESS((uint32_t)FIONREAD, 1),
        GIVE(SECCOMP_RET_ALLOW),
        GIVE(SECCOMP_RET_ERRNO | EPERM),
    };
    struct sock_fprog program = {.len = sizeof(lines) / sizeof(*lines), .filter = lines};

    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 ? -errno : 0;
}

/* All of it or nothing: 0, or a negative errno. */
static int give_up_rights(uid_t user, gid_t group)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
        setresgid(group, group, group) < 0 || setresuid(user, user, user) < 0)
        return -errno;
    /* Were `user` 0, there would still be what the filter leaves. */
    if (user != 0 && (setuid(0) == 0 || seteuid(0) == 0))
        return -EPERM;
    /* The user's other processes may not trace this one, nor take its descriptors. */
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        return -errno;
    return filter_calls();
}

/* ---- moving bytes ----------------------------------------------------------------------------- */

struct half {
    char bytes[CHUNK];
    size_t start, end;
};

static bool is_empty(const struct half *half)
{
    return half->start == half->end;
}

/* From the guest to the user. 1: some were moved; 0: none now; a negative errno: no more. */
static int to_user(struct xen *xen, int fd, struct half *half)
{
    bool moved = false;

    if (is_empty(half)) {
        ssize_t got = xen_channel_read(xen, half->bytes, CHUNK);

        if (got < 0)
            return (int)got;
        half->start = 0;
        half->end = (size_t)got;
        moved = got > 0;
    }
    if (!is_empty(half)) {
        ssize_t sent = send(fd, half->bytes + half->start, half->end - half->start,
                            MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        half->start += sent > 0 ? (size_t)sent : 0;
        moved |= sent > 0;
    }
    return moved;
}

static int to_guest(struct xen *xen, int fd, struct half *half)
{
    bool moved = false;

    if (is_empty(half)) {
        ssize_t got = recv(fd, half->bytes, CHUNK, MSG_DONTWAIT);

        if (got == 0)
            return -ECONNRESET;
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        half->start = 0;
        half->end = got > 0 ? (size_t)got : 0;
        moved = got > 0;
    }
    if (!is_empty(half)) {
        ssize_t written = xen_channel_write(xen, half->bytes + half->start,
                                            half->end - half->start);

        /* A guest that has closed reads no more, and may still be read. */
        if (written < 0)
            half->start = half->end;
        half->start += written > 0 ? (size_t)written : 0;
        moved |= written > 0;
    }
    return moved;
}

static void move_bytes(struct xen *xen, int order, int fd)
{
    static struct half from_guest, from_user;
    bool ended = false;

    for (;;) {
        int out = to_user(xen, fd, &from_guest), in = out < 0 ? out : to_guest(xen, fd, &from_user);
        struct pollfd wait[] = {
            {.fd = xen_channel_fd(xen), .events = POLLIN},
            {.fd = fd,
             .events = (short)((is_empty(&from_guest) ? 0 : POLLOUT) |
                               (is_empty(&from_user) ? POLLIN : 0))},
            {.fd = ended ? -1 : order, .events = POLLIN},
        };

        if (out < 0 || in < 0)
            return;
        if (out > 0 || in > 0)
            continue;
        if (ended && is_empty(&from_guest))
            return;
        if (poll(wait, 3, -1) < 0 && errno != EINTR)
            return;
        if (wait[0].revents)
            xen_channel_clear(xen);
        ended |= wait[2].revents != 0;
    }
}

void root_relay(int order, int bytes, const struct root_peer *peer, gid_t group)
{
    char path[HELD_MAX_PATH], error[512] = "";
    struct xen *xen = NULL;
    int domain, null = open("/dev/null", O_RDWR), result;

    /* Nothing of the session's: no socket of the user's, no store, no initrd. */
    if (dup2(order, 0) < 0 || dup2(bytes, 1) < 0 || dup2(null, 2) < 0)
        _exit(1);
    close_range(3, ~0u, 0);
    prctl(PR_SET_NAME, "caravan-relay");
    if (recv(0, &domain, sizeof(domain), 0) != sizeof(domain))
        _exit(0);
    snprintf(path, sizeof(path), HELD_CHANNEL_PATH, domain);
    xen = xen_open_channel(domain, path, error, sizeof(error));
    if (xen) {
        result = give_up_rights(peer->user, group);
        if (result == 0 && send(0, "", 1, MSG_NOSIGNAL) == 1) {
            move_bytes(xen, 0, 1);
            _exit(0);
        }
        snprintf(error, sizeof(error), "its rights cannot be given up: %s", strerror(-result));
    }
    /* Why not, without the byte before it. */
    send(0, error, strlen(error), MSG_NOSIGNAL);
    _exit(1);
}
