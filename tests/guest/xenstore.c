// SPDX-License-Identifier: BSD-2-Clause
/* Intent: a watch event that comes with the answer to a request is found by whoever waits for the port afterwards, whether it stands
 * before the answer in the ring or behind it, though the port's event was taken for the answer; and without one nobody is woken for
 * nothing. The store is played by `store`, which answers when it is notified; a notification while one is pending is lost, as
 * event channels have it.
 *
 * The kernel's own file, on this machine. */
#include "guest/boot/boot.h"
#include "guest/mm/page.h"
#include "guest/xen/event.h"
#include "guest/xen/time.h"
#include "guest/xen/xenstore.h"

#include <xen/io/xs_wire.h>

int printf(const char *format, ...);
void *calloc(size_t count, size_t size);
void free(void *memory);
void exit(int status) __attribute__((noreturn));

enum { PORT = 3 };

static struct xenstore_domain_interface ring;
static const struct start_info info = {.store_evtchn = PORT};
const struct start_info *boot_info = &info;
enum log_level log_level;
static bool pending;
static unsigned before, behind; /* watch events with the next answer */

void log_print(enum log_level level, const char *format, ...)
{
}

void panic(const char *format, ...)
{
    printf("panic: %s\n", format);
    exit(1);
}

void *heap_alloc(size_t size)
{
    return calloc(1, size);
}

void heap_free(void *object)
{
    free(object);
}

void *page_of_mfn(uint64_t mfn)
{
    return &ring;
}

uint64_t time_now(void)
{
    return 0;
}

uint64_t string_number(const char *text, const char **end)
{
    *end = text;
    return 0;
}

bool event_take(evtchn_port_t port)
{
    bool was = pending;

    pending = false;
    return was;
}

bool event_pending(evtchn_port_t port)
{
    return pending;
}

void event_set(evtchn_port_t port)
{
    pending = true;
}

int event_wait(const evtchn_port_t *ports, unsigned count, uint64_t deadline)
{
    if (pending)
        return 0;
    printf("it would sleep for ever\n");
    exit(1);
}

static void say(const void *from, uint32_t size)
{
    const char *bytes = from;

    for (uint32_t i = 0; i < size; i++)
        ring.rsp[MASK_XENSTORE_IDX(ring.rsp_prod++)] = bytes[i];
}

static void say_events(unsigned count)
{
    static const char text[] = "device/vif\0token";
    const struct xsd_sockmsg head = {.type = XS_WATCH_EVENT, .len = sizeof text};

    while (count--) {
        say(&head, sizeof head);
        say(text, sizeof text);
    }
}

/* The store: an answer to a request that is whole, and what is to come with it. */
int event_notify(evtchn_port_t port)
{
    struct xsd_sockmsg head;
    uint32_t used = ring.req_prod - ring.req_cons;

    for (uint32_t i = 0; i < sizeof head && used >= sizeof head; i++)
        ((char *)&head)[i] = ring.req[MASK_XENSTORE_IDX(ring.req_cons + i)];
    if (used < sizeof head || used < sizeof head + head.len)
        return 0;
    ring.req_cons += sizeof head + head.len;
    say_events(before);
    head.len = 1;
    say(&head, sizeof head);
    say("4", 1);
    say_events(behind);
    pending = true;
    return 0;
}

/* A request whose answer comes with so many events, of which each is then found by waiting. */
static void request(unsigned events_before, unsigned events_behind)
{
    char value[8];
    unsigned found = 0;

    before = events_before;
    behind = events_behind;
    if (xenstore_read(0, "state", value, sizeof value) != 1 || strcmp(value, "4") != 0) {
        printf("no answer\n");
        exit(1);
    }
    if (pending != (before + behind > 0)) {
        printf("%u events before the answer, %u behind it: %s\n", before, behind,
               pending ? "woken for nothing" : "slept over");
        exit(1);
    }
    while (pending)
        while (xenstore_watch_next(NULL, 0, NULL, 0) == 0)
            found++;
    if (found != before + behind) {
        printf("%u events of %u\n", found, before + behind);
        exit(1);
    }
}

int main(void)
{
    request(0, 0);
    request(1, 0);
    request(0, 1);
    request(2, 3);
    request(0, 0);
    return 0;
}
