/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/xen/vchan.h"
#include "guest/mm/page.h"
#include "guest/xen/event.h"
#include "guest/xen/grant.h"
#include "guest/xen/xenstore.h"

#include <sys/types.h>
#include <xen/io/libxenvchan.h>

#define DOM0       0
#define ORDER      16 /* of both rings: 64 KiB */
#define RING_SIZE  (1u << ORDER)
#define RING_PAGES (RING_SIZE / PAGE_SIZE)

enum { GONE, LIVE, NOT_YET }; /* cli_live, srv_live */

struct ring {
    struct ring_shared *shared;
    char *bytes;
    uint32_t
        mine; /* our index: only we write it, so what stands in the shared page is never read */
};

static struct vchan_interface *interface;
static struct ring in, out; /* "left" and "right" of the interface */
static int port;
static bool broken;

static int serve_pages(void)
{
    char *pages = page_alloc_row(1 + 2 * RING_PAGES);

    if (!pages)
        return -ENOMEM;
    interface = (struct vchan_interface *)pages;
    in = (struct ring){&interface->left, pages + PAGE_SIZE, 0};
    out = (struct ring){&interface->right, in.bytes + RING_SIZE, 0};
    interface->left_order = interface->right_order = ORDER;
    interface->cli_live = NOT_YET;
    interface->srv_live = LIVE;
    interface->cli_notify = VCHAN_NOTIFY_WRITE;
    for (unsigned i = 0; i < 2 * RING_PAGES; i++) {
        int ref = grant_access(DOM0, in.bytes + i * PAGE_SIZE, false);

        if (ref < 0)
            return ref;
        interface->grants[i] = (uint32_t)ref;
    }
    return grant_access(DOM0, interface, false);
}

static int store_number(const char *path, const char *name, uint64_t number)
{
    char key[128];

    snprintf(key, sizeof key, "%s/%s", path, name);
    return xenstore_write_number(0, key, number);
}

int vchan_serve(const char *path)
{
    int ref = serve_pages(), error = MIN(ref, 0);

    if (!error) {
        port = event_alloc_unbound(DOM0);
        error = MIN(port, 0);
    }
    if (!error)
        error = store_number(path, "ring-ref", (uint64_t)ref);
    if (!error) /* last: who waits for it finds the other */
        error = store_number(path, "event-channel", (uint64_t)port);
    if (error)
        log_error("the control channel cannot be served at %s: error %d", path, error);
    return error;
}

evtchn_port_t vchan_port(void)
{
    return (evtchn_port_t)port;
}

const char *vchan_ended(void)
{
    if (broken)
        return "dom0's end wrote an index that no ring has";
    return READ_ONCE(interface->cli_live) == GONE ? "dom0's end has gone" : NULL;
}

/* Tell the other end, if it has asked to be told: srv_notify holds what the server is to tell of. The exchange is a full barrier: our index is out before its wish is read. */
static void notify(uint8_t what)
{
    if (__atomic_fetch_and(&interface->srv_notify, (uint8_t)~what, __ATOMIC_SEQ_CST) & what)
        event_notify((evtchn_port_t)port);
}

/* How many bytes of a ring are taken, given both indices; more than the ring holds is the other end's doing. Says nothing: the
 * kernel's messages travel on this channel. */
static uint32_t ring_used(uint32_t prod, uint32_t cons)
{
    if (prod - cons <= RING_SIZE)
        return prod - cons;
    broken = true;
    return 0;
}

static uint32_t in_used(void)
{
    return ring_used(__atomic_load_n(&in.shared->prod, __ATOMIC_ACQUIRE), in.mine);
}

static uint32_t out_room(void)
{
    uint32_t used = ring_used(out.mine, __atomic_load_n(&out.shared->cons, __ATOMIC_ACQUIRE));

    return broken ? 0 : RING_SIZE - used;
}

/* The part of a transfer that lies in one piece. */
static uint32_t piece(const struct ring *ring, size_t size, uint32_t limit)
{
    uint32_t straight = MIN(limit, RING_SIZE - ring->mine % RING_SIZE);

    return (uint32_t)MIN(size, (size_t)straight);
}

size_t vchan_read(void *bytes, size_t size)
{
    size_t done = 0;

    for (uint32_t part; (part = piece(&in, size - done, in_used())); done += part) {
        memcpy((char *)bytes + done, in.bytes + in.mine % RING_SIZE, part);
        in.mine += part;
        __atomic_store_n(&in.shared->cons, in.mine, __ATOMIC_RELEASE);
    }
    if (done)
        notify(VCHAN_NOTIFY_READ);
    return done;
}

size_t vchan_write(const void *bytes, size_t size)
{
    size_t done = 0;

    for (uint32_t part; (part = piece(&out, size - done, out_room())); done += part) {
        memcpy(out.bytes + out.mine % RING_SIZE, (const char *)bytes + done, part);
        out.mine += part;
        __atomic_store_n(&out.shared->prod, out.mine, __ATOMIC_RELEASE);
    }
    if (done)
        notify(VCHAN_NOTIFY_WRITE);
    return done;
}

bool vchan_arm(bool writing)
{
    uint8_t wanted = writing ? VCHAN_NOTIFY_WRITE | VCHAN_NOTIFY_READ : VCHAN_NOTIFY_WRITE;

    __atomic_fetch_or(&interface->cli_notify, wanted, __ATOMIC_SEQ_CST);
    return in_used() || (writing && out_room());
}
