/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Keeping the ranks of a node on processors of their own, without binding them.
 *
 * Who is woken often finds itself on its waker's processor, where it waits while that one spins for its answer; then that one
 * sleeps, and is woken there in its turn. The kernel does not see two ranks that want a processor each, for at any time one of them
 * sleeps; so they stay, and a message takes as long as the spin (measured: 106 us, and 0.14 apart).
 *
 * So each rank says in its bell's page on which processor it waits (region.h), and who has waited for some time looks at the others'.
 * If one is awake on the same processor, or was woken there and does not come to run, the caller moves to another: by a change
 * of the set of processors that it may use, undone at once. What that set is remains the user's business, and where in
 * it the rank runs from then on the kernel's.
 */
#include <sched.h>

#include "am/core.h"

enum {
    LOOK = 5000,   /* ns: the length of a wait that makes us look, and from one look to the next */
    WAKE = 25000,  /* ns that a peer on another processor may take to wake up */
    MOVE = 200000, /* ns from one move to the next; a move takes 25 us here */
};

/* Leave `here` for a processor that none of the `others` is on, or at least for another one. */
static void move(struct am *am, int here, const cpu_set_t *others)
{
    cpu_set_t allowed, elsewhere, vacant;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
        return;
    elsewhere = allowed;
    CPU_CLR((size_t)here, &elsewhere);
    CPU_OR(&vacant, &elsewhere, others);
    CPU_XOR(&vacant, &vacant, others);
    if (CPU_COUNT(&vacant) == 0)
        vacant = elsewhere;
    if (CPU_COUNT(&vacant) == 0 || sched_setaffinity(0, sizeof(vacant), &vacant) < 0)
        return;
    sched_setaffinity(0, sizeof(allowed), &allowed);
    am->moves++;
    bell_tell_processor(&am->bell);
}

void apart_look(struct am *am, uint64_t start, uint64_t now)
{
    cpu_set_t others;
    int here;

    if (now - start < LOOK || now < am->apart_next || am->threads)
        return;
    am->apart_next = now + LOOK;
    here = bell_tell_processor(&am->bell);
    if (here >= 0 && here < CPU_SETSIZE &&
        ring_neighbours(am->ring, here, now - start >= WAKE, &others)) {
        am->apart_next = now + MOVE;
        move(am, here, &others);
    }
}
