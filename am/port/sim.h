/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/port/sim.h: an Ethernet in one process, with a clock of its own and faults from a seed.
 *
 * The same seed, the same calls: the same faults at the same (virtual) time. Nothing here reads a real clock.
 */
#ifndef CARAVAN_SIM_H
#define CARAVAN_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "am/port/port.h"

struct sim;

/* Chances are in millionths, per frame; times in nanoseconds. */
struct sim_faults {
    uint32_t loss;
    uint32_t duplicate;
    uint32_t reorder; /* later by up to `reorder_delay` */
    uint32_t damage;  /* one to eight bits flipped, anywhere */
    uint32_t truncate;
    uint32_t replay; /* one of the last frames comes again, much later */
    uint32_t full;   /* per tx_reserve: the ring has no room now */
    uint64_t delay;  /* of every frame */
    uint64_t jitter; /* more, up to this, in order */
    uint64_t reorder_delay;
    uint16_t path_mtu; /* longer frames vanish; 0: none does */
};

struct sim *sim_open(uint64_t seed, const struct sim_faults *faults);
void sim_close(struct sim *sim); /* after its ports */

/* From now on. */
void sim_set_faults(struct sim *sim, const struct sim_faults *faults);

/* The clock, as am_job.clock wants it, with the sim as its context. */
uint64_t sim_now(void *sim);

/* Let time pass: to the next arrival, but not beyond `until`. True: something has arrived. */
bool sim_step(struct sim *sim, uint64_t until);
/* When the next frame arrives; UINT64_MAX: none is on its way. */
uint64_t sim_next(const struct sim *sim);

/* The port of process `number` at the card `mac`: it is given the frames to that card and that process, as the kernel's filter
 * would. NULL: no memory. */
struct am_port *sim_port(struct sim *sim, uint32_t number, const uint8_t mac[6], uint16_t mtu,
                         uint32_t rx_slots);
uint64_t sim_overruns(const struct am_port *port); /* frames that came when its slots were full */

/* Frames for process `number` (an agent) go to a function. */
typedef void sim_listener(void *context, const void *frame, size_t length);
int sim_listen(struct sim *sim, uint32_t number, sim_listener *listener, void *context);

/* Every frame that is sent, before anything happens to it. */
void sim_tap(struct sim *sim, sim_listener *listener, void *context);

/* Send a frame from no port, with all that may happen to frames. */
void sim_send(struct sim *sim, const void *frame, size_t length);

/* Put a frame on the wire; no fault befalls it. */
void sim_inject(struct sim *sim, const void *frame, size_t length, uint64_t delay);

/* Until `until` no frame passes between the cards a and b (b NULL: between a and any). */
void sim_cut(struct sim *sim, const uint8_t a[6], const uint8_t *b, uint64_t until);

/* A number below `limit` from the sim's seed. */
uint64_t sim_random(struct sim *sim, uint64_t limit);

#endif
