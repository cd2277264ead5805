/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The choice of an interface. Asked over rtnetlink(7): /sys shows the namespace of whoever mounted it, not ours.
 */
#include "am/port/interface.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <linux/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    INTERFACES_MOST = 256,
};

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

const char *interface_refusal(const struct interface *interface)
{
    static const char *const kinds[] = {"dummy",  "tun",   "ifb",    "vcan",   "wireguard", "vxlan",
                                        "ipvlan", "nlmon", "geneve", "gretap", "netdevsim"};

    if (interface->loopback || !interface->ethernet)
        return "not Ethernet";
    if (!interface->up)
        return "down";
    if (!interface->connected)
        return "no link";
    if (strcmp(interface->port_of, "bridge") == 0 || strcmp(interface->port_of, "openvswitch") == 0)
        return "a bridge's port";
    if (interface->port_of[0])
        return "part of another interface";
    if (begins(interface->name, "vif"))
        return "a domain's back end";
    if (begins(interface->name, "docker") || begins(interface->name, "br-") ||
        begins(interface->name, "virbr") || begins(interface->name, "lxcbr") ||
        begins(interface->name, "cni"))
        return "a container network";
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (strcmp(interface->kind, kinds[i]) == 0)
            return "virtual";
    return NULL;
}

/* ---- rtnetlink ----------------------------------------------------------------------------------------- */

static void copy_name(char *to, size_t size, const struct rtattr *attribute)
{
    size_t length = RTA_PAYLOAD(attribute);

    if (length >= size)
        length = size - 1;
    memcpy(to, RTA_DATA(attribute), length);
    to[length] = 0;
}

static void read_link_info(struct interface *interface, struct rtattr *info)
{
    int left = (int)RTA_PAYLOAD(info);

    for (struct rtattr *at = RTA_DATA(info); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
        if (at->rta_type == IFLA_INFO_KIND)
            copy_name(interface->kind, sizeof(interface->kind), at);
        else if (at->rta_type == IFLA_INFO_SLAVE_KIND)
            copy_name(interface->port_of, sizeof(interface->port_of), at);
    }
}

static void read_link(struct interface *interface, struct nlmsghdr *message)
{
    struct ifinfomsg *link = NLMSG_DATA(message);
    int left = (int)IFLA_PAYLOAD(message);
    uint32_t mtu;

    memset(interface, 0, sizeof(*interface));
    interface->index = link->ifi_index;
    interface->ethernet = link->ifi_type == ARPHRD_ETHER;
    interface->loopback = link->ifi_flags & IFF_LOOPBACK;
    interface->up = link->ifi_flags & IFF_UP;
    interface->connected = link->ifi_flags & IFF_RUNNING;
    for (struct rtattr *at = IFLA_RTA(link); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
        switch (at->rta_type & NLA_TYPE_MASK) {
        case IFLA_IFNAME:
            copy_name(interface->name, sizeof(interface->name), at);
            break;
        case IFLA_ADDRESS:
            if (RTA_PAYLOAD(at) == sizeof(interface->mac))
                memcpy(interface->mac, RTA_DATA(at), sizeof(interface->mac));
            break;
        case IFLA_MTU:
            memcpy(&mtu, RTA_DATA(at), sizeof(mtu));
            interface->mtu = mtu < UINT16_MAX ? (uint16_t)mtu : UINT16_MAX;
            break;
        case IFLA_LINKINFO:
            read_link_info(interface, at);
            break;
        }
    }
}

int interface_list(struct interface *list, size_t most)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg link;
    } request = {
        .header = {.nlmsg_len = sizeof(request),
                   .nlmsg_type = RTM_GETLINK,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
    };
    static union {
        struct nlmsghdr header;
        char bytes[1 << 16];
    } answer;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int result = 0;
    bool more = true;

    if (fd < 0)
        return -errno;
    if (send(fd, &request, sizeof(request), 0) < 0)
        result = -errno;
    while (result >= 0 && more) {
        ssize_t length = recv(fd, &answer, sizeof(answer), 0);
        unsigned left = (unsigned)length;

        if (length < 0) {
            result = -errno;
            break;
        }
        for (struct nlmsghdr *at = &answer.header; NLMSG_OK(at, left); at = NLMSG_NEXT(at, left)) {
            if (at->nlmsg_type == NLMSG_DONE) {
                more = false;
                break;
            }
            if (at->nlmsg_type == NLMSG_ERROR) {
                result = ((struct nlmsgerr *)NLMSG_DATA(at))->error;
                more = false;
                break;
            }
            if (at->nlmsg_type == RTM_NEWLINK && (size_t)result < most)
                read_link(&list[result++], at);
        }
    }
    close(fd);
    return result;
}

/* ---- choosing ---------------------------------------------------------------------------------------------- */

/* Append to `text`, as far as there is room. */
static void say(char *text, size_t size, const char *first, const char *second)
{
    size_t length = strlen(text);

    snprintf(text + length, size - length, "%s%s", first, second);
}

static int choose_named(const struct interface *list, size_t count, const char *name,
                        struct interface *chosen, char *text, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name))
            continue;
        *chosen = list[i];
        if (!list[i].ethernet || list[i].loopback || !list[i].up) {
            snprintf(text, size, "interface %s cannot be used: it is %s", name,
                     interface_refusal(&list[i]));
            return -EINVAL;
        }
        /* A bridge has the address of one of its ports, if it was not given one of its own. */
        if (memcmp(list[i].mac, (const uint8_t[6]){0}, sizeof(list[i].mac)) == 0) {
            snprintf(text, size,
                     "interface %s has no address: give it one, as with 'ip link set %s address"
                     " 02:00:00:00:00:01'",
                     name, name);
            return -EINVAL;
        }
        return 0;
    }
    snprintf(text, size, "there is no interface %s; there are:", name);
    for (size_t i = 0; i < count; i++)
        say(text, size, " ", list[i].name);
    return -ENODEV;
}

int interface_choose_from(const struct interface *list, size_t count, const char *name,
                          struct interface *chosen, char *text, size_t size)
{
    size_t found[2] = {0, 0}; /* real ones, veths */
    bool veth;

    if (name)
        return choose_named(list, count, name, chosen, text, size);
    for (size_t i = 0; i < count; i++)
        if (!interface_refusal(&list[i]))
            found[strcmp(list[i].kind, "veth") == 0]++;
    veth = !found[0];
    if (found[veth] == 1) {
        for (size_t i = 0; i < count; i++)
            if (!interface_refusal(&list[i]) && (strcmp(list[i].kind, "veth") == 0) == veth)
                *chosen = list[i];
        return 0;
    }
    if (found[veth] == 0) {
        snprintf(text, size, "no interface can carry frames:");
        for (size_t i = 0; i < count; i++) {
            say(text, size, i ? ", " : " ", list[i].name);
            say(text, size, ": ", interface_refusal(&list[i]));
        }
        return -ENODEV;
    }
    snprintf(text, size, "several interfaces could carry the frames; name one with --eth:");
    for (size_t i = 0; i < count; i++)
        if (!interface_refusal(&list[i]) && (strcmp(list[i].kind, "veth") == 0) == veth)
            say(text, size, " ", list[i].name);
    return -ENOTUNIQ;
}

int interface_choose(const char *name, struct interface *chosen, char *text, size_t size)
{
    static struct interface list[INTERFACES_MOST];
    int count = interface_list(list, INTERFACES_MOST);

    if (count < 0) {
        snprintf(text, size, "cannot list the network interfaces: %s", strerror(-count));
        return count;
    }
    return interface_choose_from(list, (size_t)count, name, chosen, text, size);
}
