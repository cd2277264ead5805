/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/pocket/place.h: the one directory in which a user's pocket lives while it is up.
 *
 *   lock      held (flock) by the QEMU process for as long as it lives, and by whoever starts it. The
 *             kernel drops it with the process, however that ends: a held lock is a running pocket.
 *   pid       of QEMU; means something while the lock is held
 *   N.sock    QEMU's end of the serial port of session N, N.lock is held by its user
 *   serial.log, qemu.log   what Xen and dom0, and QEMU, said
 *   host/     what dom0 sees as /host: environment, stage, ready, dom0.log, console/, N.busy
 */
#ifndef CARAVAN_POCKET_PLACE_H
#define CARAVAN_POCKET_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

enum { POCKET_SESSIONS = 8 };

/* $XDG_RUNTIME_DIR/caravan-pocket, or /tmp/caravan-pocket-UID. Made if it is missing, and checked to be the
 * caller's own. NULL after a message. */
const char *place(void);
/* A name in it; freed by the caller. */
char *place_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The lock: a descriptor; -EWOULDBLOCK while somebody has it. */
int place_lock(void);
/* Whether a pocket is up, coming up or going down; its QEMU's number, 0 if it has none yet. */
bool place_in_use(pid_t *pid);
bool place_is_ready(void);
/* Remove everything but the directory and the lock, which the caller holds. */
void place_clear(void);

__attribute__((format(printf, 1, 2))) void pocket_say(const char *format, ...);

#endif
