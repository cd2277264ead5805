/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/options.h: mpirun's command line. docs/mpirun.md is the reference.
 */
#ifndef CARAVAN_OPTIONS_H
#define CARAVAN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "launch/binding.h"
#include "launch/hostfile.h"
#include "launch/string_list.h"

enum {
    MAX_RANKS = 1 << 20,
    DEFAULT_MEMORY = 128, /* MiB of a domain, without --mem */
};

/* One program of an `mpirun A : B`. */
struct option_program {
    struct strings arguments;   /* the program first */
    struct strings environment; /* -x, as NAME=VALUE or NAME */
    char *directory;            /* NULL: mpirun's own */
    unsigned ranks;             /* 0: not said */
    unsigned per_node;          /* 0: not said */
    struct hosts hosts;         /* --host */
    char *hostfile;             /* NULL: none */
    bool domu;                  /* its ranks are Xen domains */
};

enum option_action { ACTION_RUN, ACTION_HELP, ACTION_VERSION };

enum option_mapping { MAP_SLOT, MAP_NODE };

struct options {
    enum option_action action;
    struct option_program *programs;
    size_t program_count;

    bool pocket;        /* in the dom0 of this machine's pocket */
    char *launch_agent; /* NULL: ssh */
    char *prefix;       /* of Caravan on other hosts; NULL: the same path as here */
    enum option_mapping mapping;
    enum binding binding;
    bool report_bindings;
    bool display_map;
    bool report_phases;

    bool tag_output;
    bool timestamp_output;
    bool merge_stderr;
    char *output_directory; /* NULL: none */
    bool output_copied;     /* to the standard streams as well */
    bool quiet;
    bool oversubscribe; /* known to be so: no warning */
    bool check;         /* ranks say what they did not free */
    bool recovery;      /* a rank that ends badly does not end the job */

    unsigned timeout;       /* seconds; 0: none */
    unsigned start_timeout; /* seconds for an agent to answer */
    unsigned kill_grace;    /* milliseconds between TERM and KILL */
    unsigned
        stall_report; /* seconds without a message until what everybody waits for is told; 0: never */
    unsigned peer_timeout; /* seconds until an unreachable node is declared down */

    const char *link; /* auto, ring, wire */
    char *interfaces; /* --eth; "" : whichever qualifies */
    unsigned ethertype;

    /* --domu */
    unsigned memory; /* MiB of a domain */
    char *cpus;      /* NULL: not pinned */
    char *bridge;    /* NULL: the one that there is */

    struct strings parameters; /* --mca, as NAME=VALUE */
    struct strings ignored;    /* what was given and has no meaning here */
};

/* 0; -EINVAL after one or two lines to `errors`. Opens no file. */
int options_parse(struct options *options, int argc, char *const *argv, FILE *errors);
/* The OMPI_MCA_* variables and MPIEXEC_TIMEOUT. */
void options_read_environment(struct options *options, char *const *environment);
/* Some program's ranks are Xen domains. */
bool options_have_domains(const struct options *options);
void options_clear(struct options *options);
void options_help(FILE *to);

#endif
