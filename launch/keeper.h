/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/keeper.h: the process that stands for a rank which is a domain.
 *
 * The agent forks it where it would start the program of any other rank, and sees a rank: lines on its control stream, bytes
 * on its standard streams, an exit status or a signal as its end. The keeper makes the domain, speaks the control channel with
 * its kernel (docs/control-channel.md), serves files as the user that it runs as, and is gone only when the domain is.
 */
#ifndef CARAVAN_KEEPER_H
#define CARAVAN_KEEPER_H

#include "launch/domain.h"

enum keeper_phase { KEEPER_CREATE, KEEPER_BOOT, KEEPER_RUN, KEEPER_DESTROY, KEEPER_PHASES };

/* What is said when the domain has gone: how long it took to make it, until its kernel was ready, until its program had ended, and to
 * destroy it. 0: it did not come to that. */
struct keeper_told {
    uint64_t nanoseconds[KEEPER_PHASES];
};

struct keeper {
    struct domain domain;
    int ramdisk; /* a memory file, for the root agent to make the domain; -1: this process does */
    const char *program;    /* its path */
    char *const *arguments; /* as it sees them, its name first */
    char *const *environment;
    const char *directory; /* where the program starts */
    int control;           /* the rank's control stream */
    int told;              /* a keeper_told goes there when the domain has gone */
};

/* Be the rank, with descriptors 0 to 2 as its standard streams. Everything but these and the control stream is closed. */
_Noreturn void keeper_run(const struct keeper *keeper);

#endif
