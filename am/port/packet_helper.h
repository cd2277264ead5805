/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/port/packet_helper.h: how a node agent runs the privileged packet helper.
 *
 * Users are not root, and AF_PACKET sockets need CAP_NET_RAW. `caravan-packet` has that as a file capability and does
 * one thing: it opens a socket for each process of a job on this node, and one for the agent, and passes them on.
 *
 *   caravan-packet INTERFACE ETHERTYPE JOB AGENT FIRST-LAST...
 *
 * INTERFACE: a name, or `-`: the one that qualifies (am/port/interface.h). ETHERTYPE, JOB: as C writes numbers. AGENT: this
 * agent's node number. FIRST-LAST: ranges of process numbers on this node; one number is a range as well. Its
 * descriptor 3 is a Unix stream socket, on which it writes lines as control/control.h reads them:
 *
 *   cmd=packet_interface name= index= mac= mtu=        once, first. mac: 12 hex digits
 *   cmd=packet_socket number= fds=1            [1]     for each process, then for the agent (number: AM_AGENT(AGENT))
 *   cmd=packet_ready                                   that was all; it exits with status 0
 *   cmd=packet_error text=                             in place of any of these, and last: what failed; it exits with status 1
 *
 * `text` is escaped as control.h says. The helper reads nothing from the socket. It accepts only the ether types that IEEE 802 leaves
 * to local experiments (0x88b5, 0x88b6), except from root: it must not become a way to listen to other protocols.
 */
#ifndef CARAVAN_PACKET_HELPER_H
#define CARAVAN_PACKET_HELPER_H

enum {
    PACKET_HELPER_FD = 3,
    PACKET_HELPER_MOST = 4096, /* processes of one call */
};

#define PACKET_HELPER_PROGRAM "caravan-packet" /* beside mpirun */

#endif
