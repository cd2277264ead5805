/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/descendants.h: leave no process behind.
 *
 * A subreaper inherits the orphans among its descendants, so everything that a rank ever started is below the
 * process that started the rank, whatever sessions or process groups it made for itself.
 */
#ifndef CARAVAN_DESCENDANTS_H
#define CARAVAN_DESCENDANTS_H

#include <stdbool.h>
#include <sys/types.h>

/* From now on, orphans come here. Children that are there already (a shell's, before it exec'ed us) are not ours
 * and are spared. */
void descendants_adopt(void);

/* Send `signal` to every descendant, but for process `except` and what is below it (0: nobody). How many there
 * were. */
unsigned descendants_signal(int signal, pid_t except);

/* Kill and reap all of them, for at most `milliseconds`. False when something would not go. */
bool descendants_kill(int milliseconds);

#endif
