/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/link/beacon.h: a node agent's part of the wire: it answers probe frames.
 *
 * A process that hears nothing from another asks the other's agent whether the node can be reached at all. The agent answers
 * from its event loop: poll beacon_fd for reading, then call beacon_serve. Nothing else is needed of it.
 */
#ifndef CARAVAN_BEACON_H
#define CARAVAN_BEACON_H

#include <stddef.h>
#include <stdint.h>

struct beacon;

/* `fd`: an AF_PACKET socket whose filter passes frames to AM_AGENT(node) of this job (am/port/packet_helper.h); the beacon's from
 * now on. `mac`: of its interface. NULL: no memory. */
struct beacon *beacon_open(int fd, const uint8_t mac[6], uint16_t ethertype, uint32_t job,
                           const uint8_t key[16], uint32_t node);
int beacon_fd(const struct beacon *beacon);

/* Answer what has come. Never blocks. How many were answered. */
int beacon_serve(struct beacon *beacon);

/* How many frames were not answered because they were damaged, strangers' or no probes. */
uint64_t beacon_refused(const struct beacon *beacon);

void beacon_close(struct beacon *beacon);

/* The answer to one frame, into `answer` (at least 46 bytes): its length, or 0 when there is none. beacon_serve is this and
 * the socket; tests give it frames of a simulated network. */
size_t beacon_answer(struct beacon *beacon, const void *frame, size_t length, void *answer);

#endif
