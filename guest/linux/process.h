/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/linux/process.h: the one process: its start, its end, what it is asked to show. */
#ifndef GUEST_LINUX_PROCESS_H
#define GUEST_LINUX_PROCESS_H

#include "guest/kernel.h"

#define PROCESS_ID     100
#define PROCESS_PARENT 1
#define PROCESS_SPARE  2 /* room behind the arguments: a script's interpreter and its argument */

struct process {
    const char *program;    /* the path given */
    const char **arguments; /* ended by NULL, with PROCESS_SPARE more behind it */
    const char **environment;
    const char *directory; /* it starts in */
    uint32_t user, group;
    uint32_t terminal; /* bit N: descriptor N of its streams is a terminal */
    int control;       /* the descriptor of its control stream, where there is one */
    char name[16];     /* PR_SET_NAME */
    unsigned umask;
    char executable[256]; /* the absolute path, for /proc/self/exe */
    uint64_t stack_size;
};
extern struct process process;
extern const char *process_hostname;

struct registers;

/* elf.c: load process.program and make the registers it starts with. 0, or a negative errno after
 * a message. */
int process_load(struct registers *registers);

/* End the job: by exit, or by a signal. The domain goes away. */
void process_exit(int status) __attribute__((noreturn));
void process_killed(int signal) __attribute__((noreturn));

/* Memory ran out: say with which figures, and end the job with SIGKILL. */
void process_out_of_memory(void) __attribute__((noreturn));

/* debug counters, printed at the end when asked for on the command line. */
struct counters {
    uint64_t system_calls, page_faults, signals;
};
extern struct counters counters;
extern bool counters_shown;

/* random.c */
void random_init(const char *seed);
void random_bytes(void *bytes, size_t count);

/* Processor features: cpu.c */
struct cpu {
    bool xsave;
    uint64_t xsave_mask; /* XCR0 */
    unsigned xsave_size; /* bytes of the enabled state */
    bool rdrand, rdseed, fsgsbase;
    uint32_t hwcap; /* CPUID.1:EDX, which is AT_HWCAP */
    char brand[49];
    char vendor[13];
    uint32_t family, model, stepping;
};
extern struct cpu cpu;
void cpu_init(void);

/* vdso.c: map it; its ELF header's address. 0 when memory is short. */
uint64_t vdso_map(void);
/* CLOCK_MONOTONIC as the process has seen it: never behind what the vDSO told. */
uint64_t vdso_now(void);

/* Nanoseconds the process has run: all since its start. */
uint64_t process_cpu_time(void);

#endif
