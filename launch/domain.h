/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/domain.h: one rank, one Xen domain: its name, its configuration, and whether this host can have it.
 *
 * A domain's name is `caravan-JOB-RANK`, JOB in eight hexadecimal digits: whoever finds one knows which job it belongs to. One that
 * the root agent made for a user is `caravan-JOB-RANK.UID`, so that no user's choice of a number can name another's.
 */
#ifndef CARAVAN_DOMAIN_H
#define CARAVAN_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DOMAIN_MAX_NAME = 40, /* with the NUL */
    DOMAIN_MAX_UUID = 37, /* with the NUL */
    DOMAIN_MAX_RANK = 0xffff,
    DOMAIN_MAX_EXTRA =
        1023,          /* what Xen hands a kernel as its command line (xen.h, MAX_GUEST_CMDLINE) */
    DOMAIN_MTU = 4078, /* a frame of the guest's is one page at most */
};

/* The kernel's command line: all else comes over the control channel. */
#define DOMAIN_EXTRA "control=1"

struct domain {
    const char *name, *uuid; /* NULL: those of the job and the process */
    uint32_t job;
    uint32_t process;
    unsigned local;     /* its place among its host's */
    unsigned memory;    /* MiB */
    const char *cpus;   /* a list as `1-3,6`; NULL: not pinned */
    const char *among;  /* where it may run when it is not pinned, such a list; NULL: anywhere */
    const char *bridge; /* NULL: no network */
    unsigned mtu;       /* of that */
    const char *kernel;
    const char *ramdisk;
    const char *extra; /* the kernel's command line */
};

void domain_name(char name[DOMAIN_MAX_NAME], uint32_t job, uint32_t process);
/* The UUID, which Xen itself keeps from the first moment, before xl has given the domain a name. */
void domain_uuid(char uuid[DOMAIN_MAX_UUID], uint32_t job, uint32_t process);
bool domain_uuid_parse(const char *uuid, uint32_t *job, uint32_t *process);

/* Those of a domain that the root agent makes for a user; `token` is of its choice, and no other domain has it. */
void domain_user_name(char name[DOMAIN_MAX_NAME], uint32_t job, uint32_t process, uint32_t user);
void domain_token_uuid(char uuid[DOMAIN_MAX_UUID], uint64_t token);
bool domain_token_parse(const char *uuid, uint64_t *token);

/* The address of a rank's interface: locally administered, of the job and the rank (up to DOMAIN_MAX_RANK). */
void domain_mac(uint8_t mac[6], uint32_t job, uint32_t process);

/* The processor of the domain at place `local`, in turn through the list; -EINVAL: it is no list of processors. */
int domain_cpu(const char *list, unsigned local);
/* How many it names; 0 for what is no such list. */
unsigned domain_cpu_count(const char *list);

/* Whether it names this one. */
bool domain_cpu_listed(const char *list, unsigned cpu);

/* A name that an interface can have. */
bool domain_bridge_is_name(const char *name);

/* The configuration, as xl.cfg(5) has it. 0; -EMSGSIZE; -E2BIG: the command line is too long for Xen. */
int domain_config(const struct domain *domain, char *text, size_t size);

/* ---- the host --------------------------------------------------------------------------------- */

/* Each of these: 0, or a negative errno with a line in `error` that says what is missing, with figures. */

/* Whether this is dom0 of a Xen host that our guests can run on. `sys` is "/sys". */
int domain_host_check(const char *sys, char *error, size_t size);

/* Whether Xen has the memory for `count` domains of `memory` MiB. Tells how many processors it has. */
int domain_host_memory(unsigned count, unsigned memory, unsigned *processors, char *error,
                       size_t size);

/* Whether that is enough for a program whose initrd has so many bytes. */
int domain_memory_check(unsigned memory, uint64_t initrd, char *error, size_t size);

/* The bridge of that name, or the one that there is (xenbr0 of several) where it is NULL; and the largest frame that it takes,
 * at most DOMAIN_MTU. 0, or a negative errno with a line that lists the bridges there are. */
int domain_host_bridge(const char *sys, const char *wanted, char name[16], unsigned *mtu,
                       char *error, size_t size);

/* The domains of ours, of any job or user, among those that `xl list -v` tells: `found` is called for each, with its number. 0,
 * or a negative errno with a line. */
int domain_host_list(void (*found)(void *context, unsigned id, const char *uuid), void *context,
                     char *error, size_t size);

#endif
