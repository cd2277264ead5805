/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/root/root.h: the root agent, `caravan node-agent`: what of a domain needs root, for users who are not (docs/root-agent.md).
 *
 *   allow.c    who may, and how much
 *   agent.c    the socket, a session for each connection, and what each user holds
 *   session.c  one connection: at most one domain, from its making to its end
 *   relay.c    the bytes of that domain's control channel, by a process without rights
 *   packet.c   what goes between a session and a user's process
 *   client.c   the user's side
 *
 * A connection is one domain: it is made when it is asked for, and destroyed when the connection closes, whoever closes it.
 * Nothing that a user says is a string or a path but the name of a bridge; the initrd is a descriptor.
 */
#ifndef CARAVAN_ROOT_H
#define CARAVAN_ROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "launch/held.h"
#include "launch/string_list.h"

#define ROOT_SOCKET "/run/caravan/agent"
#define ROOT_LOCK   ROOT_SOCKET ".lock"
#define ROOT_ALLOW  "/etc/caravan/allow"

/* ---- between a user's process and its session: packets of a Unix socket ------------------------- */

enum { ROOT_VERSION = 2, ROOT_MAX_BRIDGE = 16, ROOT_MAX_TEXT = 1024 };

enum root_request_kind {
    ROOT_LOOK =
        1, /* could this host have `count` domains of `memory` MiB? Yes with bridge, mtu and processors, or no; that is all */
    ROOT_MAKE,    /* one domain; a sealed memory file comes with it */
    ROOT_DESTROY, /* that domain */
};

struct root_request {
    uint32_t version; /* first, in every version */
    uint32_t kind;
    uint32_t job;
    uint32_t process;
    uint32_t memory; /* MiB */
    uint32_t count;  /* of ROOT_LOOK */
    int32_t cpu;     /* -1: not pinned */
    uint32_t zero;
    char
        bridge[ROOT_MAX_BRIDGE]; /* NUL-terminated, nothing but NULs behind it; "": the usual one */
};

enum root_answer_kind {
    ROOT_YES = 1, /* it can be; it was made */
    ROOT_NO,      /* `text` says why. The last */
    ROOT_CHANNEL, /* a descriptor comes with it: the bytes of the control channel */
    ROOT_ENDED, /* the domain has ended; `text`, where there is one, says why. ROOT_DESTROY is still due */
    ROOT_GONE,     /* nothing of it is left. The last */
    ROOT_SHUTDOWN, /* somebody wants it to shut down. Once */
};

struct root_answer {
    uint32_t kind;
    uint32_t mtu;
    uint32_t processors; /* of the host */
    int32_t domain;      /* the number of the one that was made; -1: it has gone already */
    char bridge[ROOT_MAX_BRIDGE];
    char name[DOMAIN_MAX_NAME];
    char text[ROOT_MAX_TEXT];
};

/* Whether a request is one that this version sends: ranges, names, and nothing in places that mean nothing. 0, -EPROTO, or
 * -EPROTONOSUPPORT: it is of another version. */
int root_request_check(const struct root_request *request, size_t size);

/* Send a packet, with a descriptor (-1: none). 0 or a negative errno. */
int root_send(int fd, const void *packet, size_t size, int with);
/* Receive one of at most `size` bytes, and the descriptor that came with it (-1: none) where `with` is not NULL; one that
 * is not wanted is closed. Its size; 0: the end; -EPROTO: too long, or with more than that; -ETIMEDOUT; ... */
ssize_t root_receive(int fd, void *packet, size_t size, int *with, int milliseconds);

/* The user's side of ROOT_LOOK, for the bridge `wanted` (NULL: the usual one). 0, or a negative errno with one line in
 * `error`. */
int root_look(unsigned count, unsigned memory, const char *wanted, char bridge[ROOT_MAX_BRIDGE],
              unsigned *mtu, unsigned *processors, char *error, size_t size);

/* ---- the root agent ------------------------------------------------------------------------------ */

/* `caravan node-agent [--allow FILE]`. An exit status. */
int root_main(int argc, char **argv);

/* Who is at the other end, as the kernel knows it. */
struct root_peer {
    uid_t user;
    gid_t *groups;
    size_t group_count;
    char name[64]; /* `alice (1000)`, or `1000` */
};

enum { ROOT_DOMAINS = 64 }; /* at once, for a user whose line sets no number */

struct root_allowance {
    unsigned line; /* of the file */
    unsigned domains;
    uint64_t memory;        /* MiB in all; UINT64_MAX: what the host has */
    struct strings bridges; /* none: any */
    char *cpus;             /* a list of processors; NULL: any */
};

/* What the list `path` says of this user; the first line that fits is the one. 0; -EACCES: none does; or another negative errno: the
 * list cannot be used. In either case with one line in `error`. */
int root_allow_read(const char *path, const struct root_peer *peer,
                    struct root_allowance *allowance, char *error, size_t size);
void root_allowance_clear(struct root_allowance *allowance);

/* What a session asks of the agent, which knows all sessions. */
enum root_claim_kind {
    CLAIM_LOOK, /* only what the user holds now */
    CLAIM_TAKE,
    CLAIM_RELEASE, /* the domain has gone */
};

struct root_claim {
    enum root_claim_kind kind;
    uint32_t job, process;
    unsigned domains; /* that the user may hold, */
    uint64_t most;    /* MiB, */
    uint64_t memory;  /* and that this one takes */
    uint64_t token;   /* of the domain's UUID */
    char name[DOMAIN_MAX_NAME];
};

enum root_verdict { CLAIM_GRANTED, CLAIM_DOMAINS, CLAIM_MEMORY, CLAIM_TAKEN };

struct root_holding {
    enum root_verdict verdict;
    unsigned domains; /* the user's, without this one */
    uint64_t memory;
};

/* Serve one connection. `agent`: the socket to the agent, whose end is the end of this. An exit status: 0 when nothing is left of
 * what was claimed. */
int root_session(int connection, int agent, const struct root_peer *peer, const char *allow);

/* Destroy the domain of that name and token, however far it was made. False: it is still there. */
bool root_destroy(const char *name, uint64_t token);
/* Destroy every domain that a root agent has made: how many, or a negative errno with one line in `error`. */
int root_destroy_all(char *error, size_t size);

/* The relay: a process that waits on `order` for a domain's number, opens its channel, says a byte there, gives up every right and
 * moves bytes between channel and `bytes`; once `order` has closed, until all is read. */
_Noreturn void root_relay(int order, int bytes, const struct root_peer *peer, gid_t group);

#endif
