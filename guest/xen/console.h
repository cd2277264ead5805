/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/xen/console.h: the domain's console: dom0's is Xen's own, a domU's is a shared ring. */
#ifndef GUEST_XEN_CONSOLE_H
#define GUEST_XEN_CONSOLE_H

#include "guest/kernel.h"

#include <xen/xen.h>
#include <xen/event_channel.h>

void console_init(const struct start_info *info);

/* Write all of `bytes`, waiting for the ring to drain where there is one. */
void console_write(const char *bytes, size_t count);

/* The same for what the process writes. A message of the kernel's that would come in the middle of such a
 * line is put on a line of its own behind CONSOLE_BREAK and a newline, which whoever collects the
 * output takes away again. */
#define CONSOLE_BREAK '\x1f'
void console_write_stream(const char *bytes, size_t count);
void console_line_start(void);

/* Read what is there, at most `size` bytes; 0 when nothing is. */
size_t console_read(char *bytes, size_t size);

/* The port that rings when there is something to read; 0 in dom0, which has to poll. */
evtchn_port_t console_port(void);

/* Wait until the other side has taken everything that was written, for half a minute at most. */
void console_drain(void);

#endif
