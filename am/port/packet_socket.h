/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/port/packet_socket.h: the part of a packet port that needs CAP_NET_RAW: the socket, bound, its filter locked.
 */
#ifndef CARAVAN_PACKET_SOCKET_H
#define CARAVAN_PACKET_SOCKET_H

#include <stdint.h>

/* An AF_PACKET socket on interface number `index` that receives this ether type's frames for process (or agent) `number` of
 * `job` and nothing else, whatever its later owner does. The descriptor, or a negative errno. */
int packet_socket(int index, uint16_t ethertype, uint32_t job, uint32_t number);

#endif
