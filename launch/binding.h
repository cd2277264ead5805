/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/binding.h: which processors a rank may use.
 *
 * Nothing is bound unless it was asked for. What is bound to is read from /sys/devices/system/cpu, and only then.
 */
#ifndef CARAVAN_BINDING_H
#define CARAVAN_BINDING_H

#include <sched.h>
#include <stddef.h>

enum binding {
    BIND_NONE,
    BIND_HWTHREAD,
    BIND_CORE,
    BIND_L3CACHE,
    BIND_NUMA,
    BIND_SOCKET,
    BINDINGS
};

/* `none`, `core`, ...; a name of Open MPI's with a modifier behind ':' is taken without it. -EINVAL: no such name. */
int binding_parse(const char *name, enum binding *binding);
const char *binding_name(enum binding binding);

/* The set for the rank at place `local` of its node: the local'th object of that kind among what this process may
 * use, starting over behind the last. 0, or -ENOENT where the machine does not tell. */
int binding_set(enum binding binding, unsigned local, cpu_set_t *set);

/* A set as `0,2-5`. */
void binding_describe(const cpu_set_t *set, char *text, size_t size);

#endif
