/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/xen/event.h"
#include "guest/xen/hypercall.h"
#include "guest/xen/shared.h"
#include "guest/xen/time.h"

#define PORTS (8 * sizeof shared_info.evtchn_pending) /* the 2-level ABI: 4096 */

int event_alloc_unbound(domid_t peer)
{
    struct evtchn_alloc_unbound op = {.dom = DOMID_SELF, .remote_dom = peer};
    int error = xen_event_channel_op(EVTCHNOP_alloc_unbound, &op);

    return error ? error : (int)op.port;
}

int event_bind_interdomain(domid_t peer, evtchn_port_t remote)
{
    struct evtchn_bind_interdomain op = {.remote_dom = peer, .remote_port = remote};
    int error = xen_event_channel_op(EVTCHNOP_bind_interdomain, &op);

    return error ? error : (int)op.local_port;
}

int event_bind_virq(unsigned virq)
{
    struct evtchn_bind_virq op = {.virq = virq};
    int error = xen_event_channel_op(EVTCHNOP_bind_virq, &op);

    return error ? error : (int)op.port;
}

int event_close(evtchn_port_t port)
{
    struct evtchn_close op = {.port = port};
    int error = xen_event_channel_op(EVTCHNOP_close, &op);

    if (!error)
        event_take(port);
    return error;
}

int event_notify(evtchn_port_t port)
{
    struct evtchn_send op = {.port = port};

    return xen_event_channel_op(EVTCHNOP_send, &op);
}

bool event_pending(evtchn_port_t port)
{
    xen_ulong_t word = READ_ONCE(shared_info.evtchn_pending[port / 64]);

    return port < PORTS && word >> port % 64 & 1;
}

bool event_take(evtchn_port_t port)
{
    if (!event_pending(port))
        return false;
    __atomic_fetch_and(&shared_info.evtchn_pending[port / 64], ~(1ul << port % 64),
                       __ATOMIC_SEQ_CST);
    return true;
}

void event_set(evtchn_port_t port)
{
    if (port < PORTS)
        __atomic_fetch_or(&shared_info.evtchn_pending[port / 64], 1ul << port % 64,
                          __ATOMIC_SEQ_CST);
}

int event_wait(const evtchn_port_t *ports, unsigned count, uint64_t deadline)
{
    struct sched_poll op = {
        .nr_ports = count,
        .timeout = deadline == TIME_NEVER ? 0 : MAX(deadline, (uint64_t)1),
    };

    if (count > EVENT_WAIT_MAX)
        return -EINVAL;
    set_xen_guest_handle(op.ports, (evtchn_port_t *)ports);
    for (;;) {
        for (unsigned i = 0; i < count; i++)
            if (event_pending(ports[i]))
                return 0;
        if (deadline != TIME_NEVER && time_now() >= deadline)
            return -ETIMEDOUT;

        int error = xen_sched_op(SCHEDOP_poll, &op);

        if (error)
            return error;
    }
}
