/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The socket of a packet port.
 */
#include "am/port/packet_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    AT_ETHERTYPE = 12,
    AT_DST = 14, /* struct frame_header */
    AT_JOB = 22,
    WHOLE_FRAME = 0x40000,
};

int packet_socket(int index, uint16_t ethertype, uint32_t job, uint32_t number)
{
    /* The filter's loads are big-endian, the frame's words little-endian. */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, AT_ETHERTYPE),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ethertype, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT_DST),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap32(number), 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT_JOB),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap32(job), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, WHOLE_FRAME),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog filter = {.len = sizeof(code) / sizeof(*code), .filter = code};
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ethertype),
        .sll_ifindex = index,
    };
    int yes = 1;
    int error;
    /* Protocol 0: it receives nothing before it is bound, and then through the filter. */
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &yes, sizeof(yes)) == 0 &&
        bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    error = errno;
    close(fd);
    return -error;
}
