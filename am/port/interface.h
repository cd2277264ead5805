/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/port/interface.h: which Ethernet interface of this network namespace a job uses.
 *
 * The one that is named; otherwise the one that qualifies: up and connected, Ethernet, and not a bridge's port, a Xen vif, the
 * host's end of a container's veth, docker0, virbr0 or their like. A veth qualifies only where nothing else does (it is then a
 * container's own end, or a test's). Several that qualify are an error which lists them: a guess here is a hang later.
 */
#ifndef CARAVAN_INTERFACE_H
#define CARAVAN_INTERFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct interface {
    char name[16];
    int index;
    uint8_t mac[6];
    uint16_t mtu;
    bool ethernet, up, connected, loopback;
    char kind[16]; /* as the kernel names virtual ones: veth, bridge, tun, ...; empty: hardware */
    char port_of[16]; /* the kind of interface that it is a port of; empty: none */
};

/* Why it does not qualify by itself, in a few words; NULL: it does. (That there is something better than a veth is not
 * considered.) */
const char *interface_refusal(const struct interface *interface);

/* All interfaces of this namespace, up to `most`: how many there are, or a negative errno. */
int interface_list(struct interface *list, size_t most);

/* Choose from `list`: by `name`, or (NULL) the one that qualifies. 0 and *chosen, or an error and a line of explanation in
 * `text`: -ENODEV (none, or no such one), -EINVAL (it cannot be used), -ENOTUNIQ. */
int interface_choose_from(const struct interface *list, size_t count, const char *name,
                          struct interface *chosen, char *text, size_t size);

/* The same from this namespace's interfaces. */
int interface_choose(const char *name, struct interface *chosen, char *text, size_t size);

#endif
