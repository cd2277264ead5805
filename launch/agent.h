/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/agent.h: the node agent, which starts a node's ranks, owns their control streams and leaves nothing behind.
 *
 *   agent.c   the stream to mpirun, and the order of things
 *   rank.c    one rank: its start, its standard streams, its end
 *   pmi.c     one rank's control stream: PMI-1, joining, rings
 *   query.c   asking the ranks what they wait for
 *   domains.c ranks that are Xen domains
 *   beside.c  other agents that are on this Xen host
 *   node.c    the network interface, its packet sockets, the answers to probes
 */
#ifndef CARAVAN_AGENT_H
#define CARAVAN_AGENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/control.h"
#include "launch/channel.h"
#include "launch/keeper.h"
#include "launch/kvs.h"
#include "launch/loop.h"
#include "launch/reaper.h"
#include "launch/string_list.h"

/* Be the agent of one node, for mpirun at the other end of `in` and `out`. `name`: what mpirun calls this host.
 * `forked`: this is mpirun's own child, so descriptor 0 is mpirun's standard input. `reaper`: where the job has domains.
 * Returns an exit status. */
int agent_main(int in, int out, const char *name, bool forked, struct reaper *reaper);

/* The same, entered by ssh or the like: over standard input and output, below a process that cleans up should the
 * agent itself be killed. */
int agent_main_entered(const char *name, bool domains);

/* Before anything else: let this process, but not the ranks, have as many descriptors as it may. */
void raise_descriptor_limit(void);

/* ---- private to the agent ----------------------------------------------------------------------- */

struct agent;

struct program {
    unsigned index;
    unsigned total;         /* ranks of it, on all nodes */
    char *directory;        /* NULL: wherever the agent is */
    bool directory_needed;  /* it was asked for: not being able to enter it is an error */
    bool domu;              /* its ranks are Xen domains */
    char *path;             /* then: where it is */
    char *start;            /* where it starts */
    char *ramdisk;          /* and what it was packed into; NULL: into ramdisk_fd, a memory file, */
    int ramdisk_fd;         /* which is for the root agent; -1: none */
    uint64_t arguments_due; /* strings that are still to come */
    uint64_t environment_due;
    struct strings arguments;
    struct strings environment; /* over the agent's own */
};

/* A ring that a rank offered to one that has not joined yet; or its question, which domain that will be. */
struct offer {
    struct offer *next;
    uint32_t from;
    uint64_t bytes;
    int fd; /* -1: the question */
};

struct rank {
    struct agent *agent;
    struct program *program;
    uint32_t process;
    unsigned local; /* its place among this node's ranks */

    pid_t pid; /* 0: not started */
    bool running;
    int start_error; /* the pipe that tells why it could not start, or that its domain has gone; -1: none */

    struct rank_output {
        struct rank *rank;
        struct watch watch;
        int fd; /* -1: ended */
        uint8_t which;
    } output[2];

    struct rank_input {
        struct watch watch;
        int fd; /* -1: closed */
        char *bytes;
        size_t start, end;
        bool ended; /* close once `bytes` is written */
    } input;

    struct control_stream *control; /* NULL: ended */
    struct watch control_watch;
    struct timer control_lost;
    int domain;  /* its number, as its keeper says; a process's is the agent's; -1: not known */
    bool joined; /* it has said `init` */
    bool hello;  /* and that it is Caravan's library */
    bool finalized;
    bool in_barrier;
    int doorbell[2];
    struct offer *offers; /* to it */
    uint64_t asked;       /* number of a question that it has not answered; 0: none */
    bool awaited;         /* mpirun still wants an answer, or why there is none */
    unsigned told;        /* lines of its answer so far */
    int port;             /* its packet socket; -1: none, or given */
};

struct agent {
    struct loop *loop;
    struct channel *channel;
    const char *name; /* of the host, as mpirun calls it */
    bool forked;
    bool failed;

    /* What mpirun told. */
    uint32_t node, nodes, size, job;
    uint8_t key[16];
    char link[8];
    bool terminal;     /* mpirun's standard output is one: ranks see one too */
    bool input_direct; /* process 0 reads mpirun's own standard input */
    unsigned bind;     /* enum binding */
    bool report_binding;
    struct program *programs;
    unsigned program_count;
    struct program *filling; /* strings go here */
    struct strings table;    /* caravan_node and caravan_place lines, for the ranks */
    struct strings down;     /* caravan_down lines so far */
    uint32_t *node_of;       /* `size` of them, from the table */

    struct rank *ranks;
    unsigned rank_count;
    unsigned running;
    unsigned cores;
    bool started;
    bool ending;
    bool finishing;

    struct kvs kvs;
    char kvs_name[KVS_MAX_NAME];
    unsigned in_barrier;
    uint64_t output_untaken; /* bytes that mpirun has not taken yet */
    bool output_held;

    struct watch child_signal;
    int child_signal_fd;
    uint64_t query; /* number of mpirun's last question */
    bool query_detail;
    struct timer query_timer;
    struct timer kill_timer;
    struct timer finish_timer;

    struct reaper *reaper; /* NULL: no domains, or all of them have gone */
    struct agent_domains {
        unsigned count; /* 0: none */
        unsigned memory;
        char *cpus;          /* NULL: not pinned */
        char *wanted_bridge; /* NULL: the one that there is */
        char bridge[16];
        unsigned mtu;
        bool crowded; /* more of them than processors for them */
        char *kernel;
        const char *place; /* the job's directory; NULL: none yet, or no more */
        uint64_t packing;  /* nanoseconds that it took to pack the programs */
    } domains;

    struct agent_beside {
        bool wanted; /* the job has other agents, and does not forbid what follows */
        int bus;     /* to Xen's store; -1: none, and nobody is beside us */
        int domain;  /* that this agent and its processes are in */
        bool shown;  /* our token is in the store */
        bool silent; /* the store has not answered once */
        char token[33];
        bool *nodes; /* `nodes` of them: other agents' that are on this Xen host; NULL: none */
    } beside;

    /* The network, where the job's processes use frames. */
    bool frames;
    char *interfaces; /* names, of which the first that there is; empty: the one that qualifies */
    uint16_t ethertype;
    unsigned peer_timeout; /* seconds */
    char interface[16];
    uint8_t mac[6];
    uint16_t mtu;
    char *port_error; /* why there is none of this */
    struct beacon *beacon;
    struct watch beacon_watch;
};

/* agent.c */
struct rank *agent_rank(struct agent *agent, uint32_t process);
/* Tell mpirun that this rank cannot go on, and why; mpirun ends the job. */
void agent_rank_failed(struct rank *rank, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The agent itself cannot. */
void agent_fail(struct agent *agent, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A rank's output has ended: perhaps it was the last. */
void agent_check_finished(struct agent *agent);

/* rank.c */
int rank_start(struct rank *rank);
void rank_ended(struct rank *rank, int status);
/* Read output again after mpirun took some. */
void rank_resume_output(struct rank *rank);
void rank_drain_output(struct rank *rank);
void rank_close_output(struct rank *rank);
void rank_write_input(struct rank *rank, const char *bytes, size_t length);
void rank_signal(struct rank *rank, int signal);

/* The environment of a program's ranks, without what tells one from another. */
void rank_environment(const struct agent *agent, const struct program *program,
                      struct strings *environment);

/* domains.c */
int domains_take(struct agent *agent, const struct control_message *message);
/* Look whether this host can have them, and pack the programs. False after saying why not. */
bool domains_open(struct agent *agent);
/* What a rank's keeper needs, but for its environment and control stream. */
void domains_keeper(const struct rank *rank, struct keeper *keeper);
/* The rank is in that domain: said by its keeper before anything that comes from the domain. False: it cannot be. */
bool domains_number(struct rank *rank, int domain);
/* May these two have memory that one's domain grants to the other's? */
bool domains_beside(const struct rank *one, const struct rank *other);
/* A keeper has ended; `gone`: after its domain had. */
void domains_ended(struct rank *rank, bool gone);
/* All have ended: none is left after this. */
void domains_finish(struct agent *agent);
void domains_close(struct agent *agent);

/* beside.c */
/* Before the others are told of this agent: show them in Xen's store, where there is one, that it is here. */
void beside_open(struct agent *agent);
/* ` domain=... token=...` of the caravan_prepared line, or nothing. Its length. */
int beside_describe(const struct agent *agent, char *text, size_t size);
/* What another agent says of itself: is it on this host? Wrong or not, 0; -EPROTO: it cannot be understood. */
int beside_take(struct agent *agent, const struct control_message *message);
/* Is that another agent's process, and on this Xen host? */
bool beside_has(const struct agent *agent, uint32_t process);
/* All agents have looked. */
void beside_hide(struct agent *agent);
void beside_close(struct agent *agent);

/* pmi.c */
void pmi_open(struct rank *rank, int fd);
void pmi_receive(struct rank *rank);
void pmi_close(struct rank *rank);
void pmi_barrier_out(struct agent *agent);
void pmi_down(struct agent *agent, uint32_t process, const char *reason);
/* From another agent's process: its question which domain one of ours is in; a line for one of ours. 0 or -EPROTO. */
int pmi_met(struct agent *agent, const struct control_message *message);
int pmi_passed(struct agent *agent, const struct control_message *message);

/* Send a rank a line; one that cannot be sent ends the job. */
void pmi_send(struct rank *rank, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* query.c */
/* Ask every rank, and tell mpirun what it says, or after some time why it says nothing. */
void query_ask(struct agent *agent, uint64_t number, bool detail);
void query_late(void *agent);
void query_told(struct rank *rank, struct control_message *message);
void query_answered(struct rank *rank, struct control_message *message);

/* node.c */
/* Open the interface, a socket for each rank and one for this agent; or keep why that could not be. */
void node_open(struct agent *agent);
/* The rest of the caravan_prepared line. */
void node_describe(const struct agent *agent, char *text, size_t size);
/* Send a rank its caravan_port line, where the job uses frames. */
int node_send_port(struct rank *rank);
void node_close(struct agent *agent);

#endif
