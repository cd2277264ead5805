/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Xen's devices for granted memory, played by memory files and eventfds: several domains in one process. What Xen would refuse is
 * refused: a reference that was granted to another domain, an event channel that was made for another one.
 */
#ifndef CARAVAN_FAKE_GRANTS_H
#define CARAVAN_FAKE_GRANTS_H

#include "am/region/grant.h"

extern const struct grant_system fake_grants;

/* Who opens the devices from now on; a descriptor remembers. */
void fake_grants_as(uint32_t domain);

/* The pages that each domain may grant, 0: none; and an errno for whoever opens a device, 0: it works. */
void fake_grants_limit(uint32_t pages);
void fake_grants_absent(int error);

/* Calls since the beginning that were none of a read or write; events sent; and what is not given back. */
struct fake_grants_counts {
    unsigned calls, events;
    unsigned pages;  /* granted */
    unsigned mapped; /* by those they were granted to */
    unsigned kept;   /* given back while they were mapped: nobody gets them again */
    unsigned ports;
    unsigned open; /* descriptors */
};
struct fake_grants_counts fake_grants_count(void);

#endif
