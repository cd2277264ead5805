/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/xen/console.h"
#include "guest/mm/page.h"
#include "guest/xen/event.h"
#include "guest/xen/hypercall.h"
#include "guest/xen/time.h"

#include <xen/io/console.h>

static struct xencons_interface *ring;
static evtchn_port_t port;

void console_init(const struct start_info *info)
{
    if (info->flags & SIF_INITDOMAIN)
        return;
    ring = page_of_mfn(info->console.domU.mfn);
    port = info->console.domU.evtchn;
}

/* How much of the ring is taken. The other side owns out_cons: a nonsensical value reads as a full
 * ring, and console_write gives up on it after a while. */
static uint32_t ring_used(void)
{
    uint32_t used = ring->out_prod - READ_ONCE(ring->out_cons);

    return MIN(used, (uint32_t)sizeof ring->out);
}

/* A busy host may leave xenconsoled waiting for seconds; one that is gone must not hang the job. */
#define DRAIN_TIMEOUT (30 * TIME_SECOND)

/* Sleep until less than `limit` bytes are waiting. False: nobody reads. */
static bool ring_wait_below(uint32_t limit)
{
    uint64_t deadline = time_now() + DRAIN_TIMEOUT;

    while (ring_used() >= limit) {
        event_take(port);
        if (ring_used() < limit)
            break;
        if (event_wait(&port, 1, deadline) == -ETIMEDOUT)
            return false;
    }
    return true;
}

static void ring_write(const char *bytes, size_t count)
{
    static bool stuck; /* nobody drains the console: drop what does not fit, do not hang the job */

    while (count) {
        if (ring_used() == sizeof ring->out && (stuck || !ring_wait_below(sizeof ring->out))) {
            stuck = true;
            return;
        }
        stuck = false;

        uint32_t produced = ring->out_prod, space = sizeof ring->out - ring_used();
        uint32_t part = (uint32_t)MIN(count, (size_t)space);

        for (uint32_t i = 0; i < part; i++)
            ring->out[MASK_XENCONS_IDX(produced + i, ring->out)] = bytes[i];
        __atomic_store_n(&ring->out_prod, produced + part, __ATOMIC_RELEASE);
        event_notify(port);
        bytes += part;
        count -= part;
    }
}

void console_write(const char *bytes, size_t count)
{
    if (ring) {
        ring_write(bytes, count);
        return;
    }
    while (count) {
        size_t part = MIN(count, (size_t)4096);

        xen_console_io(CONSOLEIO_write, part, bytes);
        bytes += part;
        count -= part;
    }
}

static bool mid_line;

void console_write_stream(const char *bytes, size_t count)
{
    if (!count)
        return;
    console_write(bytes, count);
    mid_line = bytes[count - 1] != '\n';
}

void console_line_start(void)
{
    static const char line_break[] = {CONSOLE_BREAK, '\n'};

    if (mid_line)
        console_write(line_break, sizeof line_break);
    mid_line = false;
}

size_t console_read(char *bytes, size_t size)
{
    if (!ring) {
        int count = xen_console_io(CONSOLEIO_read, size, bytes);

        return count > 0 ? (size_t)count : 0;
    }
    event_take(port);

    uint32_t consumed = ring->in_cons;
    uint32_t filled = __atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE) - consumed;
    uint32_t part = (uint32_t)MIN(size, sizeof ring->in);

    part = MIN(part, filled);

    for (uint32_t i = 0; i < part; i++)
        bytes[i] = ring->in[MASK_XENCONS_IDX(consumed + i, ring->in)];
    if (part) {
        __atomic_store_n(&ring->in_cons, consumed + part, __ATOMIC_RELEASE);
        event_notify(port);
    }
    return part;
}

evtchn_port_t console_port(void)
{
    return port;
}

void console_drain(void)
{
    if (ring)
        ring_wait_below(1);
}
