/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/layout.h: which hosts there are, and which process goes where.
 */
#ifndef CARAVAN_LAYOUT_H
#define CARAVAN_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "launch/options.h"

struct layout_node {
    char *name;
    bool local;     /* this host: its agent is a forked child */
    unsigned slots; /* 0: as many as it has cores, which its agent tells */
    unsigned ranks; /* placed on it */
};

struct layout {
    struct layout_node *nodes;
    size_t node_count;
    uint32_t size; /* processes */
    uint32_t *node_of;
    uint32_t *program_of;
    bool *allowed; /* [program * node_count + node] */
};

/* Gather the nodes of all programs: their --host, or else their hostfile, or else this host. 0 or -EINVAL with a
 * line in `error`. */
int layout_find_nodes(struct layout *layout, const struct options *options, char *error,
                      size_t size);

/* Place every rank; every node's slots are known now. Never fails for lack of slots. -EINVAL: too many ranks. */
int layout_place(struct layout *layout, const struct options *options, char *error, size_t size);

/* The first run of processes at `first` with one node and one program: its length. */
uint32_t layout_run(const struct layout *layout, uint32_t first);

void layout_clear(struct layout *layout);

/* Does this name mean this host? localhost, its own name, and the addresses of its interfaces. */
bool host_is_local(const char *name);

#endif
