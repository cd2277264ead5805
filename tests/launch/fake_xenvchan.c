/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tests/launch/fake_xenvchan.c: so much of libxenvchan as launch/xenlib.c uses, over a socket of fake_guest's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void *libxenvchan_client_init(void *logger, int domain, const char *path);
void libxenvchan_close(void *channel);
int libxenvchan_fd_for_select(void *channel);
int libxenvchan_wait(void *channel);
int libxenvchan_is_open(void *channel);
int libxenvchan_data_ready(void *channel);
int libxenvchan_buffer_space(void *channel);
int libxenvchan_read(void *channel, void *bytes, size_t size);
int libxenvchan_write(void *channel, const void *bytes, size_t size);

/* `events` is readable when there is something to read, or room again after there was none. */
static int channel_socket, events;

static void want(int operation, unsigned what)
{
    struct epoll_event event = {.events = what};

    epoll_ctl(events, operation, channel_socket, &event);
}

void *libxenvchan_client_init(void *logger, int domain, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/socket-%d", getenv("FAKE_XL"),
             domain);
    channel_socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(channel_socket, (struct sockaddr *)&address, sizeof(address)) < 0)
        return NULL;
    events = epoll_create1(EPOLL_CLOEXEC);
    want(EPOLL_CTL_ADD, EPOLLIN);
    return &events;
}

void libxenvchan_close(void *channel)
{
    close(events);
    close(channel_socket);
}

int libxenvchan_fd_for_select(void *channel)
{
    return events;
}

int libxenvchan_wait(void *channel)
{
    want(EPOLL_CTL_MOD, EPOLLIN);
    return 0;
}

int libxenvchan_is_open(void *channel)
{
    char byte;

    return recv(channel_socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
}

int libxenvchan_data_ready(void *channel)
{
    int ready = 0;

    ioctl(channel_socket, FIONREAD, &ready);
    return ready;
}

int libxenvchan_buffer_space(void *channel)
{
    return 1;
}

int libxenvchan_read(void *channel, void *bytes, size_t size)
{
    ssize_t got = recv(channel_socket, bytes, size, MSG_DONTWAIT);

    return got < 0 && errno == EAGAIN ? 0 : (int)got;
}

int libxenvchan_write(void *channel, const void *bytes, size_t size)
{
    /* As little at a time as a small ring would take. */
    ssize_t written = send(channel_socket, bytes, size < 5000 ? size : 5000,
                           MSG_DONTWAIT | MSG_NOSIGNAL);

    if (written < 0 && errno == EAGAIN) {
        want(EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
        return 0;
    }
    return (int)written;
}
