/* SPDX-License-Identifier: BSD-2-Clause
 *
 * caravan-bridge: an Ethernet bridge in user space that mistreats frames, from a seed.
 *
 * It joins two or more interfaces (the far ends of veth pairs, as a rule) over AF_PACKET sockets and learns which
 * address is behind which. On its way a frame may be dropped, damaged, sent twice or overtaken; during a cut
 * nothing passes. What happens to the n-th frame that arrives on an interface depends on the seed, the
 * interface and n alone.
 *
 * It prints `ready` once it listens, and when it is ended (SIGTERM, SIGINT) or asked (SIGUSR2) one line of
 * counts; what it did, not what it meant to do. SIGUSR1 starts and ends a cut.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_PORTS = 16,
    MAX_CUTS = 16,
    MAX_HELD = 1024,      /* frames on their way late, per port */
    MAX_ADDRESSES = 1024, /* learnt */
    MAX_FRAME = 65536 + 64,
    BURST = 64,                 /* frames taken from one port in a row */
    OVERTAKEN_BY = 8,           /* later frames, at most */
    HELD_NANOSECONDS = 2000000, /* at most, when no later frame comes */
    RECEIVE_BUFFER = 64 << 20,
};

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof *(array))

/* Chances are in parts of 2^32. */
struct faults {
    uint64_t drop, duplicate, reorder, damage;
};

struct cut {
    int port; /* or -1: all of them */
    double from, until;
};

struct held {
    uint8_t *frame;
    size_t length;
    uint64_t after;    /* leaves after this many frames have arrived on its port ... */
    uint64_t deadline; /* ... or at this time */
};

struct counts {
    uint64_t in, out, dropped, duplicated, reordered, damaged, cut, refused, overrun;
};

struct port {
    const char *name;
    int fd;
    uint64_t seed;
    uint64_t random; /* drawn from; begins anew with each frame */
    struct counts counts;
    struct held held[MAX_HELD];
    unsigned nheld;
};

struct address {
    uint8_t mac[ETH_ALEN];
    unsigned port;
};

static struct port ports[MAX_PORTS];
static unsigned nports;
static struct address addresses[MAX_ADDRESSES];
static unsigned naddresses;
static struct cut cuts[MAX_CUTS];
static unsigned ncuts;
static struct faults faults;
static uint64_t started;

static volatile sig_atomic_t cut_by_signal, asked, ended;

static void on_signal(int number)
{
    if (number == SIGUSR1)
        cut_by_signal = !cut_by_signal;
    else if (number == SIGUSR2)
        asked = 1;
    else
        ended = 1;
}

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list arguments;

    fputs("caravan-bridge: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(2);
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators). */
static uint64_t draw(struct port *port)
{
    uint64_t z = port->random += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static bool chance(struct port *port, uint64_t parts)
{
    return (draw(port) >> 32) < parts;
}

static void learn(const uint8_t *mac, unsigned port)
{
    if (mac[0] & 1)
        return; /* a group is no source; only damage makes one */
    for (unsigned i = 0; i < naddresses; i++) {
        if (!memcmp(addresses[i].mac, mac, ETH_ALEN)) {
            addresses[i].port = port;
            return;
        }
    }
    if (naddresses < MAX_ADDRESSES) {
        memcpy(addresses[naddresses].mac, mac, ETH_ALEN);
        addresses[naddresses++].port = port;
    }
}

/* The port behind which `mac` is, or -1: unknown, or a group. */
static int look_up(const uint8_t *mac)
{
    if (mac[0] & 1)
        return -1;
    for (unsigned i = 0; i < naddresses; i++)
        if (!memcmp(addresses[i].mac, mac, ETH_ALEN))
            return (int)addresses[i].port;
    return -1;
}

static bool is_cut(unsigned from, unsigned to)
{
    double seconds = (double)(now() - started) / 1e9;

    if (cut_by_signal)
        return true;
    for (unsigned i = 0; i < ncuts; i++) {
        int port = cuts[i].port;

        if ((port < 0 || (unsigned)port == from || (unsigned)port == to) &&
            seconds >= cuts[i].from && seconds < cuts[i].until)
            return true;
    }
    return false;
}

static void send_to(unsigned from, unsigned to, const uint8_t *frame, size_t length)
{
    struct counts *counts = &ports[from].counts;

    if (is_cut(from, to)) {
        counts->cut++;
        return;
    }
    /* The far end is down, or its queue is full: that too is what a wire does. */
    if (send(ports[to].fd, frame, length, 0) < 0)
        counts->refused++;
    else
        counts->out++;
}

static void forward(unsigned from, const uint8_t *frame, size_t length)
{
    int to = look_up(frame);

    if (to >= 0) {
        if ((unsigned)to != from)
            send_to(from, (unsigned)to, frame, length);
        return;
    }
    for (unsigned i = 0; i < nports; i++)
        if (i != from)
            send_to(from, i, frame, length);
}

/* Let the frame leave later. False when too many do already. */
static bool hold(struct port *port, const uint8_t *frame, size_t length)
{
    struct held *held = &port->held[port->nheld];

    if (port->nheld == MAX_HELD)
        return false;
    held->frame = malloc(length);
    if (!held->frame)
        fail("no memory for a frame of %zu bytes", length);
    memcpy(held->frame, frame, length);
    held->length = length;
    held->after = port->counts.in + 1 + draw(port) % OVERTAKEN_BY;
    held->deadline = now() + draw(port) % HELD_NANOSECONDS;
    port->nheld++;
    return true;
}

static void release(unsigned from, uint64_t time)
{
    struct port *port = &ports[from];
    unsigned kept = 0;

    for (unsigned i = 0; i < port->nheld; i++) {
        struct held held = port->held[i];

        if (held.after > port->counts.in && held.deadline > time) {
            port->held[kept++] = held;
            continue;
        }
        forward(from, held.frame, held.length);
        free(held.frame);
    }
    port->nheld = kept;
}

/* Change a few bits after the addresses, or cut the end off. Returns the new length. */
static size_t damage(struct port *port, uint8_t *frame, size_t length)
{
    unsigned bits = 1 + (unsigned)(draw(port) % 8);

    if (length > ETH_HLEN && draw(port) % 4 == 0)
        return ETH_HLEN + draw(port) % (length - ETH_HLEN);
    while (bits--) {
        uint64_t where = draw(port);
        size_t byte = 2 * ETH_ALEN + (where >> 3) % (length - 2 * ETH_ALEN);

        frame[byte] ^= (uint8_t)(1u << (where & 7));
    }
    return length;
}

static void take(unsigned from, uint8_t *frame, size_t length)
{
    struct port *port = &ports[from];
    struct counts *counts = &port->counts;
    bool drop, damaged, twice, late;

    port->random = port->seed + (counts->in++ << 32);
    drop = chance(port, faults.drop);
    damaged = chance(port, faults.damage);
    twice = chance(port, faults.duplicate);
    late = chance(port, faults.reorder);
    learn(frame + ETH_ALEN, from);
    if (drop) {
        counts->dropped++;
    } else {
        if (damaged) {
            length = damage(port, frame, length);
            counts->damaged++;
        }
        if (twice && hold(port, frame, length))
            counts->duplicated++;
        if (late && hold(port, frame, length))
            counts->reordered++;
        else
            forward(from, frame, length);
    }
    if (port->nheld)
        release(from, 0);
}

static void receive(unsigned from)
{
    static uint8_t frame[MAX_FRAME];

    for (unsigned i = 0; i < BURST; i++) {
        ssize_t length = recv(ports[from].fd, frame, sizeof frame, MSG_DONTWAIT | MSG_TRUNC);

        if (length < 0) {
            if (errno == EAGAIN || errno == EINTR || errno == ENETDOWN)
                return;
            fail("cannot receive from %s: %s", ports[from].name, strerror(errno));
        }
        if (length >= ETH_HLEN && (size_t)length <= sizeof frame)
            take(from, frame, (size_t)length);
    }
}

static void open_port(struct port *port, uint64_t seed)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    struct packet_mreq promiscuous = {.mr_type = PACKET_MR_PROMISC};
    int one = 1, size = RECEIVE_BUFFER;

    port->seed = seed;
    address.sll_ifindex = promiscuous.mr_ifindex = (int)if_nametoindex(port->name);
    if (!address.sll_ifindex)
        fail("no interface %s", port->name);
    /* Protocol 0 until bound: not a frame of another interface gets in. */
    port->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (port->fd < 0)
        fail("cannot open a packet socket: %s; it takes CAP_NET_RAW", strerror(errno));
    if (setsockopt(port->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) ||
        setsockopt(port->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) ||
        setsockopt(port->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous) ||
        bind(port->fd, (struct sockaddr *)&address, sizeof address))
        fail("cannot set up a packet socket on %s: %s", port->name, strerror(errno));
}

static void print_counts(void)
{
    struct counts sum = {0};

    for (unsigned i = 0; i < nports; i++) {
        struct port *port = &ports[i];
        struct tpacket_stats stats;
        socklen_t size = sizeof stats;

        /* Reading resets the kernel's counters. */
        if (!getsockopt(port->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size))
            port->counts.overrun += stats.tp_drops;
        for (size_t k = 0; k < sizeof sum / sizeof(uint64_t); k++)
            ((uint64_t *)&sum)[k] += ((uint64_t *)&port->counts)[k];
    }
    printf("in=%" PRIu64 " out=%" PRIu64 " dropped=%" PRIu64 " duplicated=%" PRIu64
           " reordered=%" PRIu64 " damaged=%" PRIu64 " cut=%" PRIu64 " refused=%" PRIu64
           " overrun=%" PRIu64 "\n",
           sum.in, sum.out, sum.dropped, sum.duplicated, sum.reordered, sum.damaged, sum.cut,
           sum.refused, sum.overrun);
    fflush(stdout);
}

static void run(const sigset_t *while_waiting)
{
    struct pollfd polled[MAX_PORTS];

    for (unsigned i = 0; i < nports; i++)
        polled[i] = (struct pollfd){.fd = ports[i].fd, .events = POLLIN};
    while (!ended) {
        uint64_t deadline = UINT64_MAX, time = now();
        struct timespec left = {0};

        for (unsigned i = 0; i < nports; i++) {
            release(i, time);
            for (unsigned k = 0; k < ports[i].nheld; k++)
                if (ports[i].held[k].deadline < deadline)
                    deadline = ports[i].held[k].deadline;
        }
        if (deadline != UINT64_MAX && deadline > time) {
            left.tv_sec = (time_t)((deadline - time) / 1000000000u);
            left.tv_nsec = (long)((deadline - time) % 1000000000u);
        }
        if (ppoll(polled, nports, deadline == UINT64_MAX ? NULL : &left, while_waiting) < 0 &&
            errno != EINTR)
            fail("cannot wait: %s", strerror(errno));
        for (unsigned i = 0; i < nports; i++)
            receive(i);
        if (asked) {
            asked = 0;
            print_counts();
        }
    }
}

static uint64_t parse_percent(const char *option, const char *text)
{
    char *end;
    double percent = strtod(text, &end);

    if (end == text || *end || !(percent >= 0 && percent <= 100))
        fail("%s wants a percentage, not '%s'", option, text);
    return (uint64_t)(percent / 100 * 4294967296.0);
}

/* [INTERFACE@]FROM[:UNTIL], in seconds since the start. */
static void parse_cut(const char *text, char **names, int count)
{
    struct cut cut = {.port = -1, .until = 1e18};
    const char *at = strchr(text, '@');
    const char *times = at ? at + 1 : text;
    char *end;

    if (ncuts == MAX_CUTS)
        fail("more than %d cuts", MAX_CUTS);
    for (int i = 0; at && i < count; i++)
        if (strlen(names[i]) == (size_t)(at - text) &&
            !strncmp(names[i], text, (size_t)(at - text)))
            cut.port = i;
    cut.from = strtod(times, &end);
    if (*end == ':')
        cut.until = strtod(end + 1, &end);
    if (end == times || *end || (at && cut.port < 0))
        fail("--cut wants [INTERFACE@]FROM[:UNTIL] in seconds, not '%s'", text);
    cuts[ncuts++] = cut;
}

static void usage(FILE *stream)
{
    fputs("usage: caravan-bridge [options] INTERFACE INTERFACE...\n"
          "  --seed N              where the faults come from (default 1)\n"
          "  --drop PERCENT        frames that vanish\n"
          "  --duplicate PERCENT   frames that arrive twice, the second time late\n"
          "  --reorder PERCENT     frames that up to 8 later ones overtake\n"
          "  --damage PERCENT      frames with changed bits or a missing end\n"
          "  --cut [INTERFACE@]FROM[:UNTIL]\n"
          "                        nothing passes between these seconds; may be repeated\n"
          "signals: USR1 starts or ends a cut, USR2 prints the counts, TERM prints them and ends\n",
          stream);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},
        {"drop", required_argument, NULL, 'd'},
        {"duplicate", required_argument, NULL, '2'},
        {"reorder", required_argument, NULL, 'r'},
        {"damage", required_argument, NULL, 'x'},
        {"cut", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    static const int signals[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGINT};
    const char *cut_text[MAX_CUTS];
    unsigned cut_texts = 0;
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t blocked, while_waiting;
    uint64_t seed = 1;
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 's':
            seed = strtoull(optarg, NULL, 0);
            break;
        case 'd':
            faults.drop = parse_percent("--drop", optarg);
            break;
        case '2':
            faults.duplicate = parse_percent("--duplicate", optarg);
            break;
        case 'r':
            faults.reorder = parse_percent("--reorder", optarg);
            break;
        case 'x':
            faults.damage = parse_percent("--damage", optarg);
            break;
        case 'c':
            if (cut_texts == MAX_CUTS)
                fail("more than %d cuts", MAX_CUTS);
            cut_text[cut_texts++] = optarg;
            break;
        case 'h':
            usage(stdout);
            return 0;
        default:
            usage(stderr);
            return 2;
        }
    }
    nports = (unsigned)(argc - optind);
    if (nports < 2 || nports > MAX_PORTS) {
        usage(stderr);
        return 2;
    }
    for (unsigned i = 0; i < cut_texts; i++)
        parse_cut(cut_text[i], argv + optind, (int)nports);
    for (unsigned i = 0; i < nports; i++) {
        ports[i].name = argv[optind + (int)i];
        open_port(&ports[i], seed * MAX_PORTS + i);
    }

    /* Signals arrive while waiting only, so that none is missed between a look and the wait. */
    sigemptyset(&blocked);
    for (size_t i = 0; i < ARRAY_LENGTH(signals); i++) {
        sigaction(signals[i], &action, NULL);
        sigaddset(&blocked, signals[i]);
    }
    sigprocmask(SIG_BLOCK, &blocked, &while_waiting);
    for (size_t i = 0; i < ARRAY_LENGTH(signals); i++)
        sigdelset(&while_waiting, signals[i]);

    started = now();
    puts("ready");
    fflush(stdout);
    run(&while_waiting);
    print_counts();
    return 0;
}
