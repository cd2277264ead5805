/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/hostfile.h: lists of hosts, as files and as arguments.
 */
#ifndef CARAVAN_HOSTFILE_H
#define CARAVAN_HOSTFILE_H

#include <stddef.h>

enum {
    HOST_MAX_NAME = 255,
    HOST_MAX_SLOTS = 1 << 16,
    HOSTS_MAX = 1 << 16,
};

struct host {
    char *name;
    unsigned slots; /* 0: not said */
};

struct hosts {
    struct host *list;
    size_t count;
};

/* Add a host, or slots to one that is there. -EINVAL for a name that cannot be one, -E2BIG. */
int hosts_add(struct hosts *hosts, const char *name, unsigned slots);
void hosts_clear(struct hosts *hosts);

/* `a,b:4,c` as for --host: every mention is a slot, or as many as it says (`*`: not said). 0, or -EINVAL with one
 * line in `error`. */
int hosts_parse_list(struct hosts *hosts, const char *text, char *error, size_t size);

/* The text of a hostfile, which is changed: on a line a name, perhaps `user@name`, then `slots=N` (also cpus=, count=) and
 * `max_slots=N`, or MPICH's `name:N`; # starts a comment. */
int hosts_parse_file(struct hosts *hosts, char *text, char *error, size_t size);

/* Read a hostfile of at most 16 MiB. */
int hosts_read_file(struct hosts *hosts, const char *path, char *error, size_t size);

#endif
