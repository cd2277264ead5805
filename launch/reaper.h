/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/reaper.h: no domain outlives its job.
 *
 * A guest that computes cannot notice that its agent has gone, and nothing below an agent survives mpirun's sweep of its
 * descendants. So each node that makes domains has a process that is nobody's descendant, knows them, and holds one end of a
 * socket: when the other end closes, because the agent is done or because it is dead, however it died, the reaper destroys
 * what is left, removes the job's files on this node, and ends.
 *
 * While any of agent and reaper lives, `/run/caravan/JOB.NODE.lock` is locked. Where it is not, the job's domains are leftovers
 * (the reaper itself was killed, say), which the next run destroys.
 */
#ifndef CARAVAN_REAPER_H
#define CARAVAN_REAPER_H

#include <stdint.h>

#define REAPER_DIRECTORY "/run/caravan"

struct reaper;

/* Start one, before this process adopts orphans (descendants.h): it must not be found among them. NULL and errno. The
 * descriptor is close-on-exec; a child that does not exec gives its copy back with reaper_forget. */
struct reaper *reaper_start(void);
void reaper_forget(struct reaper *reaper);

/* Give its descriptor this number. 0 or a negative errno. */
int reaper_move(struct reaper *reaper, int fd);

/* Which job and node it is for; makes and locks the job's directory below `base`, where its files are to be. The path, which
 * is the reaper's, or NULL and errno. */
const char *reaper_open(struct reaper *reaper, const char *base, uint32_t job, uint32_t node);

/* The domain of this process is about to be made; it has gone. 0 or a negative errno. */
int reaper_add(struct reaper *reaper, uint32_t process);
int reaper_remove(struct reaper *reaper, uint32_t process);

/* The job has ended here: destroy what is left, and wait until all of it has gone, at most `milliseconds`. 0, -ETIMEDOUT (the
 * reaper goes on), or -EPIPE: it was killed. The reaper is freed. */
int reaper_finish(struct reaper *reaper, int milliseconds);

/* Destroy the domains of jobs that nobody is there for any more, and remove their files. How many domains it were, or a
 * negative errno with a line in `error`. */
int reaper_clear_leftovers(const char *base, char *error, unsigned long size);

#endif
