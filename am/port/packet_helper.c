/* SPDX-License-Identifier: BSD-2-Clause
 *
 * caravan-packet: packet_helper.h says what it does. It has a capability that its caller lacks, so it takes nothing from the
 * environment and reads no file.
 */
#include "am/port/packet_helper.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "am/job.h"
#include "am/port/interface.h"
#include "am/port/packet_socket.h"

/* One line, with a descriptor unless that is -1. */
static void tell(int passed, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(int passed, const char *format, ...)
{
    char line[1024];
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec vector = {.iov_base = line};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    va_list list;
    int length;

    va_start(list, format);
    length = vsnprintf(line, sizeof(line) - 1, format, list);
    va_end(list);
    if (length < 0 || (size_t)length >= sizeof(line) - 1)
        exit(1);
    line[length++] = '\n';
    vector.iov_len = (size_t)length;
    if (passed >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        control.align = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.align), &passed, sizeof(passed));
    }
    while (vector.iov_len) {
        ssize_t sent = sendmsg(PACKET_HELPER_FD, &message, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            exit(1); /* the agent is gone, or never was */
        vector.iov_base = (char *)vector.iov_base + sent;
        vector.iov_len -= (size_t)sent;
        message.msg_control = NULL;
        message.msg_controllen = 0;
    }
}

__attribute__((noreturn, format(printf, 1, 2))) static void give_up(const char *format, ...)
{
    char text[256], escaped[3 * sizeof(text) + 1];
    char *at = escaped;
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    for (const unsigned char *from = (unsigned char *)text; *from; from++) {
        if (*from <= ' ' || *from == '=' || *from == '%' || *from >= 127)
            at += sprintf(at, "%%%02X", *from);
        else
            *at++ = (char)*from;
    }
    *at = 0;
    tell(-1, "cmd=packet_error text=%s", escaped);
    exit(1);
}

static uint32_t number(const char *text, char **end, const char *what)
{
    unsigned long value;

    errno = 0;
    value = strtoul(text, end, 0);
    if (*end == text || errno || value > UINT32_MAX || *text == '-')
        give_up("%s is not %s", text, what);
    return (uint32_t)value;
}

static uint32_t whole_number(const char *text, const char *what)
{
    char *end;
    uint32_t value = number(text, &end, what);

    if (*end)
        give_up("%s is not %s", text, what);
    return value;
}

static void pass_socket(const struct interface *interface, uint16_t ethertype, uint32_t job,
                        uint32_t process)
{
    int fd = packet_socket(interface->index, ethertype, job, process);

    if (fd == -EPERM)
        give_up("no permission to open a packet socket: this program needs the file capability "
                "cap_net_raw (as root: setcap cap_net_raw+ep /path/to/" PACKET_HELPER_PROGRAM
                "), on a file system that is not mounted nosuid");
    if (fd < 0)
        give_up("cannot open a packet socket on %s: %s", interface->name, strerror(-fd));
    tell(fd, "cmd=packet_socket number=%u fds=1", process);
    close(fd);
}

int main(int argc, char **argv)
{
    struct interface interface;
    uint32_t ethertype, job, agent, total = 0;
    char text[512];

    if (argc < 6) {
        fprintf(stderr,
                "usage: " PACKET_HELPER_PROGRAM " INTERFACE|- ETHERTYPE JOB AGENT FIRST-LAST...\n"
                "mpirun's node agents call this; descriptor 3 is their socket.\n");
        return 2;
    }
    ethertype = whole_number(argv[2], "an ether type");
    job = whole_number(argv[3], "a job number");
    agent = whole_number(argv[4], "a node number");
    if (agent > INT32_MAX)
        give_up("%s is not a node number", argv[4]);
    if (ethertype < 0x600 || ethertype > UINT16_MAX ||
        (ethertype != 0x88b5 && ethertype != 0x88b6 && getuid() != 0))
        give_up("ether type 0x%04x is not one of those for local experiments, 0x88b5 and 0x88b6",
                ethertype);
    if (interface_choose(strcmp(argv[1], "-") ? argv[1] : NULL, &interface, text, sizeof(text)) < 0)
        give_up("%s", text);
    tell(-1, "cmd=packet_interface name=%s index=%d mac=%02x%02x%02x%02x%02x%02x mtu=%u",
         interface.name, interface.index, interface.mac[0], interface.mac[1], interface.mac[2],
         interface.mac[3], interface.mac[4], interface.mac[5], interface.mtu);

    for (int i = 5; i < argc; i++) {
        char *end;
        uint32_t first = number(argv[i], &end, "a process number");
        uint32_t last = *end == '-' ? whole_number(end + 1, "a process number") : first;

        if ((*end && *end != '-') || last < first || last >= AM_AGENT(0))
            give_up("%s is not a range of process numbers", argv[i]);
        if (last - first >= PACKET_HELPER_MOST - total)
            give_up("more than %d processes on one node", PACKET_HELPER_MOST);
        total += last - first + 1;
        for (uint32_t process = first; process <= last; process++)
            pass_socket(&interface, (uint16_t)ethertype, job, process);
    }
    pass_socket(&interface, (uint16_t)ethertype, job, AM_AGENT(agent));
    tell(-1, "cmd=packet_ready");
    return 0;
}
