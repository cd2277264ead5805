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
 *
 * With more ranks than cores the kernel may have dealt them out unevenly (measured: a barrier of 4 ranks takes 5 to 8 us with three of
 * them on one of two cores, and 3.5 else). So a rank that knows where all the others are counts them, and sends one from where the most
 * are to where the fewest are: itself, or another, in whose bell's page it says so. Who knows only some cannot count: it would take the
 * others for absent (tried: slower than before).
 */
#include <sched.h>
#include <string.h>

#include "am/core.h"

enum {
    LOOK = 5000,   /* ns: the length of a wait that makes us look, and from one look to the next */
    WAKE = 25000,  /* ns that a peer on another processor may take to wake up */
    MOVE = 200000, /* ns from one move to the next; a move takes 25 us here */

    /* Where each yields, a wait has no clock: so many yields from one word on where we are to the next, and from one count of all to
     * the next. A yield to another rank takes about a us. */
    YIELDS_PER_TELL = 64,
    YIELDS_PER_LOOK = 256,
    YIELDS_PER_MOVE = 1024, /* at least; whatever a peer invites to */
};

/* Go to one of the processors `there`, and may use all that are `allowed` as before. */
static void move(struct am *am, const cpu_set_t *there, const cpu_set_t *allowed)
{
    cpu_set_t all;

    if (CPU_COUNT(there) == 0 || sched_setaffinity(0, sizeof(*there), there) < 0)
        return;
    if (sched_setaffinity(0, sizeof(*allowed), allowed) < 0) {
        memset(&all, 0xff, sizeof(all)); /* they are not ours any more: whatever is */
        sched_setaffinity(0, sizeof(all), &all);
    }
    am->moves++;
    am->moved_at = am->yields;
    bell_tell_processor(&am->bell);
}

static void move_to(struct am *am, size_t processor, const cpu_set_t *allowed)
{
    cpu_set_t there;

    CPU_ZERO(&there);
    CPU_SET(processor, &there);
    move(am, &there, allowed);
}

/* Leave `here` for a processor that none of the `others` is on, or at least for another one. */
static void leave(struct am *am, int here, const cpu_set_t *others)
{
    cpu_set_t allowed, elsewhere, vacant;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
        return;
    elsewhere = allowed;
    CPU_CLR((size_t)here, &elsewhere);
    CPU_OR(&vacant, &elsewhere, others);
    CPU_XOR(&vacant, &vacant, others);
    move(am, CPU_COUNT(&vacant) ? &vacant : &elsewhere, &allowed);
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
        leave(am, here, &others);
    }
}

/* Where more ranks are on one processor than on another by at least two, send one there: the last of those, which may be us. Who has
 * counted at the same time mostly sends the same. */
static void even_out(struct am *am, size_t here)
{
    size_t most = here, least = here;
    uint32_t last = am_self(am);
    struct census census;
    cpu_set_t allowed;

    if (!ring_census(am->ring, &census) || sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
        return;
    census.ranks[here]++;
    if (census.last[here] < last)
        census.last[here] = last;
    for (size_t i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET(i, &allowed))
            continue;
        if (census.ranks[i] > census.ranks[most])
            most = i;
        if (census.ranks[i] < census.ranks[least])
            least = i;
    }
    if (census.ranks[most] < census.ranks[least] + 2)
        return;
    if (census.last[most] == last)
        move_to(am, least, &allowed);
    else
        ring_invite(am->ring, census.last[most], least);
}

void apart_yielded(struct am *am)
{
    cpu_set_t allowed;
    int here, invited;

    if (++am->yields % YIELDS_PER_TELL != 0 || am->threads)
        return;
    here = bell_tell_processor(&am->bell);
    invited = bell_invited(&am->bell);
    if (here < 0 || here >= CPU_SETSIZE ||
        (am->moves && am->yields - am->moved_at < YIELDS_PER_MOVE))
        return;
    if (invited >= 0 && invited != here && sched_getaffinity(0, sizeof(allowed), &allowed) == 0 &&
        CPU_ISSET((size_t)invited, &allowed))
        move_to(am, (size_t)invited, &allowed);
    else if (am->yields % YIELDS_PER_LOOK == 0)
        even_out(am, (size_t)here);
}
