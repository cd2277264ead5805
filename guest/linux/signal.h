/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/linux/signal.h: signals for one thread. */
#ifndef GUEST_LINUX_SIGNAL_H
#define GUEST_LINUX_SIGNAL_H

#include "guest/kernel.h"

struct registers;

/* What an interrupted call returns inside the kernel: it becomes EINTR, or the call is made again when
 * the handler has SA_RESTART. A signal is pending whenever a call returns it. */
#define RESTART_CALL 512

/* A signal for the process, from itself: pending until it is unblocked. */
void signal_raise(int signal, int code, int sender);

/* The program did what the processor or the memory manager refuses. The handler runs at once; without
 * one, or when the signal is blocked, the job ends with a report. */
void signal_fault(struct registers *registers, int signal, int code, uint64_t address);

/* Is there a signal to deliver? Also looks at the timer of alarm and setitimer. */
bool signal_due(void);

/* Deliver what is due, on the way back to the process: changes `registers` to the handler's start. */
void signal_deliver(struct registers *registers);

/* Not 0: the way back to the process has to look at signals (pending ones, a running timer). */
extern unsigned signal_attention;

/* The time when the next timer expires, or TIME_NEVER. */
uint64_t signal_timer(void);

const char *signal_name(int signal);

#endif
