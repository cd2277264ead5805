/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/linux/channel.h: the control channel to the keeper in dom0 (control/channel.h), which a domain has whose command
 * line says control=1: what to run, the program's streams, the host's files, and how it ended.
 *
 * Frames are taken in whenever the kernel waits or has been asked for them, and kept here until the program wants them. A
 * keeper that has gone, or sends what is no frame, ends the domain.
 */
#ifndef GUEST_LINUX_CHANNEL_H
#define GUEST_LINUX_CHANNEL_H

#include "guest/kernel.h"
#include "guest/xen/event.h"
#include "control/channel.h"

extern bool channel_on;

/* Serve the channel, greet, and wait to be told what to run, which goes to `process`. With CARAVAN_GUEST_COUNTERS=1 in its
 * environment the counters are shown at its end. 0, or a negative errno after a message. */
int channel_open(void);
/* Descriptors 0, 1, 2 and that of the control stream. */
void channel_descriptors(void);

evtchn_port_t channel_port(void);

/* Take in what has come. True: something did. */
bool channel_receive(void);

/* On the way out of a system call: a signal may have come. */
static inline void channel_look(void)
{
    if (unlikely(channel_on && event_pending(channel_port())))
        channel_receive();
}

/* Bytes that the keeper has sent, in the order in which they came. */
enum channel_source { CHANNEL_CONTROL, CHANNEL_INPUT, CHANNEL_SOURCES };
size_t channel_waiting(enum channel_source source);
/* Standard input: no more will come. */
bool channel_input_ended(void);
/* At most `count` of them to the program's memory: how many, or -EFAULT. */
ssize_t channel_take(enum channel_source source, void *bytes, size_t count);

/* Bytes that may be sent of output stream 1 or 2 now; channel_put takes them off. */
size_t channel_credit(unsigned stream);

/* Send a frame: `head` and then `bytes`, both the kernel's. Waits for room. */
void channel_put(enum channel_frame_kind kind, unsigned stream, const void *head, size_t head_size,
                 const void *bytes, size_t size);

/* Have the keeper do something with a file (launch/files.h) and wait for the answer: its result. `path`, `second`: text, or
 * NULL; `data`: data_size bytes in channel_data. What comes with the answer is at *answer until the next request. */
int64_t channel_ask(struct channel_file *request, const char *path, const char *second,
                    size_t data_size, const char **answer, size_t *answer_size);
/* CHANNEL_FILE_DATA bytes for what goes with a request. */
extern char *channel_data;

/* A line of the kernel's own, for the rank's standard error. False: not now, it belongs on the console. */
bool channel_log(const char *line, size_t size);

/* The last word, `status` as waitpid gives it; returns if the domain is not destroyed then. */
void channel_exit(int status, enum exit_reason reason);

/* Whether a frame is on its way out: nothing else can be said until it is. */
bool channel_busy(void);

#endif
