/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/binding.c: see binding.h.
 */
#include "launch/binding.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    const char *siblings; /* a file below cpuN/ that lists the processors of its object */
} kinds[BINDINGS] = {
    [BIND_NONE] = {"none", NULL},
    [BIND_HWTHREAD] = {"hwthread", NULL},
    [BIND_CORE] = {"core", "topology/thread_siblings_list"},
    [BIND_L3CACHE] = {"l3cache", "cache/index3/shared_cpu_list"},
    [BIND_NUMA] = {"numa", NULL}, /* cpuN/nodeM: see numa_siblings */
    [BIND_SOCKET] = {"socket", "topology/core_siblings_list"},
};

int binding_parse(const char *name, enum binding *binding)
{
    size_t length = strcspn(name, ":");

    for (int i = 0; i < BINDINGS; i++) {
        if (strlen(kinds[i].name) == length && strncmp(kinds[i].name, name, length) == 0) {
            *binding = (enum binding)i;
            return 0;
        }
    }
    if (length == strlen("package") && strncmp(name, "package", length) == 0) {
        *binding = BIND_SOCKET;
        return 0;
    }
    return -EINVAL;
}

const char *binding_name(enum binding binding)
{
    return kinds[binding].name;
}

/* Read a list such as `0-3,8` from a file. */
static int read_list(const char *path, cpu_set_t *set)
{
    char text[4096];
    FILE *file = fopen(path, "re");

    CPU_ZERO(set);
    if (!file)
        return -ENOENT;

    char *next = fgets(text, sizeof(text), file);

    fclose(file);
    while (next && *next >= '0' && *next <= '9') {
        unsigned long first = strtoul(next, &next, 10), last = first;

        if (*next == '-')
            last = strtoul(next + 1, &next, 10);
        for (unsigned long cpu = first; cpu <= last && cpu < CPU_SETSIZE; cpu++)
            CPU_SET(cpu, set);
        if (*next == ',')
            next++;
    }
    return CPU_COUNT(set) ? 0 : -ENOENT;
}

static int numa_siblings(int cpu, cpu_set_t *set)
{
    char path[128];

    for (int node = 0; node < 1024; node++) {
        snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist", node);
        if (read_list(path, set) == 0 && CPU_ISSET(cpu, set))
            return 0;
    }
    return -ENOENT;
}

static int siblings(enum binding binding, int cpu, cpu_set_t *set)
{
    char path[128];

    if (binding == BIND_NUMA)
        return numa_siblings(cpu, set);
    if (!kinds[binding].siblings) {
        CPU_ZERO(set);
        CPU_SET(cpu, set);
        return 0;
    }
    snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/%s", cpu, kinds[binding].siblings);
    return read_list(path, set);
}

int binding_set(enum binding binding, unsigned local, cpu_set_t *set)
{
    cpu_set_t allowed, left;
    unsigned objects = 0;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
        return -errno;
    /* Twice through the objects: to count them, then to find the one. */
    for (unsigned pass = 0; pass < 2; pass++) {
        unsigned wanted = pass ? local % objects : 0, seen = 0;

        left = allowed;
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            if (!CPU_ISSET(cpu, &left))
                continue;
            if (siblings(binding, cpu, set) < 0)
                return -ENOENT;
            CPU_AND(set, set, &allowed);
            CPU_SET(cpu, set);
            if (pass && seen == wanted)
                return 0;
            seen++;
            for (int other = 0; other < CPU_SETSIZE; other++)
                if (CPU_ISSET(other, set))
                    CPU_CLR(other, &left);
        }
        objects = seen;
        if (objects == 0)
            return -ENOENT;
    }
    return -ENOENT;
}

void binding_describe(const cpu_set_t *set, char *text, size_t size)
{
    size_t length = 0;

    text[0] = '\0';
    for (int cpu = 0; cpu < CPU_SETSIZE && length < size; cpu++) {
        int last = cpu;

        if (!CPU_ISSET(cpu, set))
            continue;
        while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set))
            last++;
        length += (size_t)snprintf(text + length, size - length, "%s%d", length ? "," : "", cpu);
        if (last > cpu && length < size)
            length += (size_t)snprintf(text + length, size - length, "-%d", last);
        cpu = last;
    }
}
