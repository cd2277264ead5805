/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/pocket/session.h: a command in dom0, from outside (session.c) and inside (serve.c).
 */
#ifndef CARAVAN_POCKET_SESSION_H
#define CARAVAN_POCKET_SESSION_H

/* What a FRAME_START begins with. Then come strings, each with its final 0: the directory, `arguments` of them, and the
 * environment up to the end. */
struct session_start {
    unsigned arguments;
    unsigned terminal; /* 1: the command gets one */
};

enum { SESSION_FAILED = 255 }; /* as ssh has it */

/* Run a command in dom0 with our standard streams, directory, environment and the signals we get. Its exit status, 128 +
 * the number of the signal that ended it, or SESSION_FAILED after a message. */
int session_run(const char *const *command);

/* In dom0: serve all ports until the machine ends. */
int session_serve(void);

#endif
