/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/pocket/machine.h: the QEMU of the pocket, from its making to its end.
 */
#ifndef CARAVAN_POCKET_MACHINE_H
#define CARAVAN_POCKET_MACHINE_H

#include <sys/types.h>

enum {
    MACHINE_MEMORY = 2048, /* MiB without --memory */
    MACHINE_DOM0_MEMORY = 768,
    MACHINE_CPUS = 3,           /* one is dom0's */
    MACHINE_BOOT_SECONDS = 240, /* a busy machine needs three times what an idle one does: 20 s */
};

/* Build what it boots from, unless that is cached, and start QEMU. Needs the lock, which QEMU inherits.
 * 0, or -1 after a message. */
int machine_start(int lock, unsigned memory, unsigned cpus);
/* Until it is ready, telling what it does. -1, after a message with the ends of the logs: it is gone, or was ended
 * because it was not ready within that time. */
int machine_wait_ready(unsigned seconds);
/* Wait for the end of a QEMU that was told to, for at most that time; then end it. */
void machine_end(pid_t pid, unsigned seconds);

#endif
