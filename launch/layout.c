/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/layout.c: see layout.h.
 */
#include "launch/layout.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static bool is_own_address(const char *name)
{
    struct in_addr four;
    struct in6_addr six;
    bool is_four = inet_pton(AF_INET, name, &four) == 1;
    bool found = is_four && (ntohl(four.s_addr) >> 24) == 127;
    struct ifaddrs *list;

    if (!is_four && inet_pton(AF_INET6, name, &six) != 1)
        return false;
    if (found || getifaddrs(&list) < 0)
        return found;
    for (struct ifaddrs *item = list; item && !found; item = item->ifa_next) {
        struct sockaddr *address = item->ifa_addr;

        if (is_four && address && address->sa_family == AF_INET)
            found = memcmp(&((struct sockaddr_in *)address)->sin_addr, &four, sizeof(four)) == 0;
        if (!is_four && address && address->sa_family == AF_INET6)
            found = memcmp(&((struct sockaddr_in6 *)address)->sin6_addr, &six, sizeof(six)) == 0;
    }
    freeifaddrs(list);
    return found;
}

bool host_is_local(const char *name)
{
    char own[256] = "";

    if (strcasecmp(name, "localhost") == 0 || strcasecmp(name, "localhost.localdomain") == 0)
        return true;
    gethostname(own, sizeof(own) - 1);
    if (*own && strcasecmp(name, own) == 0)
        return true;

    /* `node1` and `node1.cluster` are one host, from either side; `node1.a` and `node1.b` are not. */
    size_t short_own = strcspn(own, "."), short_name = strcspn(name, ".");

    if (*own && short_own == short_name && strncasecmp(own, name, short_own) == 0 &&
        (!own[short_own] || !name[short_name]))
        return true;
    return is_own_address(name);
}

static size_t find_node(struct layout *layout, const char *name, bool local)
{
    for (size_t i = 0; i < layout->node_count; i++) {
        struct layout_node *node = &layout->nodes[i];

        if (local ? node->local : !node->local && strcmp(node->name, name) == 0)
            return i;
    }

    struct layout_node *grown = realloc(layout->nodes,
                                        (layout->node_count + 1) * sizeof(struct layout_node));

    if (!grown) {
        fputs("mpirun: out of memory\n", stderr);
        abort();
    }
    layout->nodes = grown;
    grown[layout->node_count] = (struct layout_node){.name = text_copy(name), .local = local};
    return layout->node_count++;
}

/* One program's nodes, with the slots that its list gives each. */
struct program_nodes {
    size_t count;
    struct program_node {
        size_t node;
        unsigned slots;
    } * list;
};

static void add_program_node(struct program_nodes *nodes, size_t node, unsigned slots)
{
    for (size_t i = 0; i < nodes->count; i++)
        if (nodes->list[i].node == node) {
            nodes->list[i].slots += slots; /* two names of this host */
            return;
        }
    nodes->list[nodes->count++] = (struct program_node){.node = node, .slots = slots};
}

static int find_program_nodes(struct layout *layout, const struct options *options,
                              const struct option_program *program, struct program_nodes *nodes,
                              char *error, size_t size)
{
    struct hosts read = {0};
    const struct hosts *hosts = &program->hosts;

    if (hosts->count == 0 && program->hostfile) {
        char message[512];

        if (hosts_read_file(&read, program->hostfile, message, sizeof(message)) < 0) {
            snprintf(error, size, "hostfile '%.200s': %s", program->hostfile, message);
            hosts_clear(&read);
            return -EINVAL;
        }
        hosts = &read;
    }
    nodes->list = memory_zeroed(hosts->count + 1, sizeof(struct program_node));
    if (hosts->count == 0) {
        char own[256] = "localhost";

        gethostname(own, sizeof(own) - 1);
        add_program_node(
            nodes,
            options->pocket ? find_node(layout, "pocket", false) : find_node(layout, own, true), 0);
    }
    for (size_t i = 0; i < hosts->count; i++) {
        const struct host *host = &hosts->list[i];
        bool local = !options->launch_agent && !options->pocket && host_is_local(host->name);

        add_program_node(nodes, find_node(layout, host->name, local), host->slots);
    }
    hosts_clear(&read);
    return 0;
}

int layout_find_nodes(struct layout *layout, const struct options *options, char *error,
                      size_t size)
{
    size_t programs = options->program_count;
    struct program_nodes *nodes = memory_zeroed(programs, sizeof(struct program_nodes));
    int result = 0;

    *layout = (struct layout){0};
    for (size_t i = 0; i < programs && result == 0; i++)
        result = find_program_nodes(layout, options, &options->programs[i], &nodes[i], error, size);
    layout->allowed = memory_zeroed(programs * layout->node_count, sizeof(bool));
    for (size_t i = 0; i < programs; i++) {
        for (size_t j = 0; j < nodes[i].count; j++) {
            struct program_node *item = &nodes[i].list[j];
            struct layout_node *node = &layout->nodes[item->node];

            /* Two programs that name a host mean the same slots. */
            if (item->slots > node->slots)
                node->slots = item->slots;
            layout->allowed[i * layout->node_count + item->node] = true;
        }
        free(nodes[i].list);
    }
    free(nodes);
    return result;
}

/* How many of `wanted` ranks each node gets, into `share`. Slots first, and what is above them evenly. */
static void share_ranks(const struct layout *layout, const bool *allowed, unsigned wanted,
                        unsigned per_node, enum option_mapping mapping, unsigned *share)
{
    size_t nodes = layout->node_count;
    unsigned left = wanted;

    for (size_t i = 0; i < nodes; i++)
        share[i] = 0;
    for (bool placed = true; placed && left > 0;) {
        placed = false;
        for (size_t i = 0; i < nodes && left > 0; i++) {
            const struct layout_node *node = &layout->nodes[i];
            unsigned taken = node->ranks + share[i];
            unsigned room = per_node              ? per_node - share[i]
                            : node->slots > taken ? node->slots - taken
                                                  : 0;
            unsigned count = mapping == MAP_NODE && room ? 1 : room < left ? room : left;

            if (!allowed[i] || count == 0)
                continue;
            share[i] += count;
            left -= count;
            placed = true;
        }
    }
    while (left > 0)
        for (size_t i = 0; i < nodes && left > 0; i++)
            if (allowed[i]) {
                share[i]++;
                left--;
            }
}

static unsigned default_ranks(const struct layout *layout, const bool *allowed, unsigned per_node)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < layout->node_count; i++)
        if (allowed[i])
            sum += per_node ? per_node : layout->nodes[i].slots;
    return sum > MAX_RANKS ? MAX_RANKS + 1 : (unsigned)sum;
}

/* Number them: a node's in a row, or in turn. */
static void assign(struct layout *layout, unsigned *share, enum option_mapping mapping,
                   uint32_t program)
{
    bool left = true;

    while (left) {
        left = false;
        for (size_t i = 0; i < layout->node_count; i++) {
            unsigned count = mapping == MAP_NODE && share[i] ? 1 : share[i];

            for (unsigned j = 0; j < count; j++) {
                layout->node_of[layout->size] = (uint32_t)i;
                layout->program_of[layout->size] = program;
                layout->size++;
            }
            layout->nodes[i].ranks += count;
            share[i] -= count;
            left = left || share[i] > 0;
        }
    }
}

int layout_place(struct layout *layout, const struct options *options, char *error, size_t size)
{
    unsigned *share = memory_zeroed(layout->node_count, sizeof(unsigned));
    uint64_t total = 0;

    for (size_t i = 0; i < options->program_count; i++) {
        const struct option_program *program = &options->programs[i];
        const bool *allowed = layout->allowed + i * layout->node_count;

        total += program->ranks ? program->ranks
                                : default_ranks(layout, allowed, program->per_node);
    }
    if (total > MAX_RANKS) {
        snprintf(error, size, "%llu ranks are more than the %d that fit", (unsigned long long)total,
                 MAX_RANKS);
        free(share);
        return -EINVAL;
    }
    layout->node_of = memory_zeroed(total, sizeof(uint32_t));
    layout->program_of = memory_zeroed(total, sizeof(uint32_t));
    for (size_t i = 0; i < options->program_count; i++) {
        const struct option_program *program = &options->programs[i];
        const bool *allowed = layout->allowed + i * layout->node_count;
        unsigned wanted = program->ranks ? program->ranks
                                         : default_ranks(layout, allowed, program->per_node);

        share_ranks(layout, allowed, wanted, program->per_node, options->mapping, share);
        assign(layout, share, options->mapping, (uint32_t)i);
    }
    free(share);
    return 0;
}

uint32_t layout_run(const struct layout *layout, uint32_t first)
{
    uint32_t end = first;

    while (end < layout->size && layout->node_of[end] == layout->node_of[first] &&
           layout->program_of[end] == layout->program_of[first])
        end++;
    return end - first;
}

void layout_clear(struct layout *layout)
{
    for (size_t i = 0; i < layout->node_count; i++)
        free(layout->nodes[i].name);
    free(layout->nodes);
    free(layout->node_of);
    free(layout->program_of);
    free(layout->allowed);
    *layout = (struct layout){0};
}
