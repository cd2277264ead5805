/* SPDX-License-Identifier: BSD-2-Clause */
/* The xenstore ring (xen/io/xs_wire.h). One request is on its way at a time; what the store says is
 * bounded before it is used. */
#include "guest/xen/xenstore.h"
#include "guest/boot/boot.h"
#include "guest/mm/page.h"
#include "guest/xen/event.h"
#include "guest/xen/time.h"

#include <xen/io/xs_wire.h>

#define REPLY_TIMEOUT                                                                              \
    (30 * TIME_SECOND) /* xenstored may be busy; half a minute of silence is death */
#define EVENTS_MAX 256

struct watch_event {
    struct watch_event *next;
    size_t token; /* where the token begins in text */
    char text[];  /* path, NUL, token, NUL */
};

static struct xenstore_domain_interface *ring;
static evtchn_port_t port;
static struct watch_event *events, **events_last = &events;
static unsigned event_count;
static bool overflowed, dead;

/* The message being received: a header, then its payload, as far as they have come. */
static struct xsd_sockmsg header;
static size_t header_got, payload_got;
static char payload[XENSTORE_PAYLOAD_MAX + 1];

int xenstore_init(void)
{
    if (ring)
        return 0;
    if (!boot_info->store_evtchn)
        return -ENXIO;
    ring = page_of_mfn(boot_info->store_mfn);
    port = boot_info->store_evtchn;
    return 0;
}

evtchn_port_t xenstore_port(void)
{
    return port;
}

/* Bytes that wait in the response ring; the store's index is not trusted. */
static uint32_t response_filled(void)
{
    uint32_t filled = __atomic_load_n(&ring->rsp_prod, __ATOMIC_ACQUIRE) - ring->rsp_cons;

    return MIN(filled, (uint32_t)XENSTORE_RING_SIZE);
}

static size_t response_take(void *to, size_t size)
{
    uint32_t consumed = ring->rsp_cons, part = response_filled();
    char *bytes = to;

    part = (uint32_t)MIN((size_t)part, size);
    for (uint32_t i = 0; i < part; i++)
        bytes[i] = ring->rsp[MASK_XENSTORE_IDX(consumed + i)];
    if (part) {
        __atomic_store_n(&ring->rsp_cons, consumed + part, __ATOMIC_SEQ_CST);
        event_notify(port);
    }
    return part;
}

static void event_queue(void)
{
    const char *token = memchr(payload, '\0', header.len);
    struct watch_event *event;

    if (!token || !memchr(token + 1, '\0', (size_t)(payload + header.len - token - 1)))
        return; /* not what the protocol says */
    event = event_count < EVENTS_MAX && header.len + sizeof *event <= PAGE_SIZE
                ? heap_alloc(sizeof *event + header.len)
                : NULL;
    if (!event) {
        overflowed = true;
        return;
    }
    memcpy(event->text, payload, header.len);
    event->token = (size_t)(token + 1 - payload);
    *events_last = event;
    events_last = &event->next;
    event_count++;
}

/* Take what has come. True: `header` and `payload` hold a reply; watch events go to the queue. */
static bool receive(void)
{
    for (;;) {
        if (header_got < sizeof header) {
            header_got += response_take((char *)&header + header_got, sizeof header - header_got);
            if (header_got < sizeof header)
                return false;
            if (header.len > XENSTORE_PAYLOAD_MAX) {
                log_error("xenstore sent a message of %u bytes: it is not used any more",
                          header.len);
                dead = true;
                return false;
            }
            payload_got = 0;
        }
        if (payload_got < header.len) {
            payload_got += response_take(payload + payload_got, header.len - payload_got);
            if (payload_got < header.len)
                return false;
        }
        payload[header.len] = '\0';
        header_got = 0;
        if (header.type != XS_WATCH_EVENT)
            return true;
        event_queue();
    }
}

static int wait_ring(uint64_t deadline)
{
    return event_wait(&port, 1, deadline);
}

static int send(const void *from, size_t size, uint64_t deadline)
{
    const char *bytes = from;

    while (size) {
        uint32_t produced = ring->req_prod;
        uint32_t used = produced - __atomic_load_n(&ring->req_cons, __ATOMIC_ACQUIRE);
        uint32_t space = XENSTORE_RING_SIZE - MIN(used, (uint32_t)XENSTORE_RING_SIZE);
        uint32_t part = (uint32_t)MIN((size_t)space, size);

        if (!part) {
            event_take(port);
            used = produced - __atomic_load_n(&ring->req_cons, __ATOMIC_ACQUIRE);
            if (used >= XENSTORE_RING_SIZE && wait_ring(deadline))
                return -ETIMEDOUT;
            continue;
        }
        for (uint32_t i = 0; i < part; i++)
            ring->req[MASK_XENSTORE_IDX(produced + i)] = bytes[i];
        __atomic_store_n(&ring->req_prod, produced + part, __ATOMIC_SEQ_CST);
        event_notify(port);
        bytes += part;
        size -= part;
    }
    return 0;
}

struct part {
    const void *bytes;
    size_t size;
};

static int error_number(void)
{
    static const struct {
        int number;
        const char *name;
    } errors[] = {
        {EINVAL, "EINVAL"}, {EACCES, "EACCES"},   {EEXIST, "EEXIST"}, {EISDIR, "EISDIR"},
        {ENOENT, "ENOENT"}, {ENOMEM, "ENOMEM"},   {ENOSPC, "ENOSPC"}, {EIO, "EIO"},
        {EROFS, "EROFS"},   {EBUSY, "EBUSY"},     {EAGAIN, "EAGAIN"}, {EPERM, "EPERM"},
        {E2BIG, "E2BIG"},   {EISCONN, "EISCONN"}, {EDQUOT, "EQUOTA"}, {ENOTEMPTY, "ENOTEMPTY"},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(errors); i++)
        if (strcmp(errors[i].name, payload) == 0)
            return -errors[i].number;
    return -EIO;
}

/* One request and its reply, which is then in `payload`. Its length, or a negative errno. */
static int exchange(uint32_t type, uint32_t transaction, const struct part *parts, unsigned count)
{
    static uint32_t number;
    uint64_t deadline = time_now() + REPLY_TIMEOUT;
    struct xsd_sockmsg message = {.type = type, .req_id = ++number, .tx_id = transaction};
    int error = xenstore_init();

    if (error || dead)
        return error ? error : -EIO;
    for (unsigned i = 0; i < count; i++)
        message.len += (uint32_t)parts[i].size;
    if (message.len > XENSTORE_PAYLOAD_MAX)
        return -E2BIG;
    error = send(&message, sizeof message, deadline);
    for (unsigned i = 0; i < count && !error; i++)
        error = send(parts[i].bytes, parts[i].size, deadline);
    while (!error) {
        event_take(port);
        if (receive()) {
            if (header.req_id != number)
                continue; /* the answer to a request that was given up */
            if (header.type == XS_ERROR)
                return error_number();
            return header.type == type ? (int)header.len : -EIO;
        }
        error = dead ? -EIO : wait_ring(deadline);
    }
    log_error("xenstore does not answer: it is not used any more");
    dead = true;
    return error;
}

/* One event may have told of the reply and of watch events before and behind it: whoever waits for these is to find it pending. */
static int request(uint32_t type, uint32_t transaction, const struct part *parts, unsigned count)
{
    int result = exchange(type, transaction, parts, count);

    if (port && !dead && (events || response_filled()))
        event_set(port);
    return result;
}

static struct part text_part(const char *text)
{
    return (struct part){text, strlen(text) + 1};
}

static int path_request(uint32_t type, uint32_t transaction, const char *path)
{
    struct part part = text_part(path);

    return request(type, transaction, &part, 1);
}

int xenstore_read(uint32_t transaction, const char *path, char *value, size_t size)
{
    int length = path_request(XS_READ, transaction, path);

    if (length < 0)
        return length;
    if ((size_t)length >= size)
        return -E2BIG;
    memcpy(value, payload, (size_t)length + 1);
    return length;
}

int xenstore_read_number(uint32_t transaction, const char *path, uint64_t *number)
{
    char text[32];
    const char *end;
    int length = xenstore_read(transaction, path, text, sizeof text);

    if (length < 0)
        return length;
    *number = string_number(text, &end);
    return *text && !*end ? 0 : -EINVAL;
}

int xenstore_write(uint32_t transaction, const char *path, const char *value)
{
    struct part parts[] = {text_part(path), {value, strlen(value)}};
    int result = request(XS_WRITE, transaction, parts, 2);

    return MIN(result, 0);
}

int xenstore_write_number(uint32_t transaction, const char *path, uint64_t number)
{
    char text[24];

    snprintf(text, sizeof text, "%lu", number);
    return xenstore_write(transaction, path, text);
}

int xenstore_remove(uint32_t transaction, const char *path)
{
    return MIN(path_request(XS_RM, transaction, path), 0);
}

int xenstore_allow_read(uint32_t transaction, const char *path, domid_t peer)
{
    uint64_t own;
    char owner[16], reader[16];
    int error = xenstore_read_number(0, "domid", &own);

    if (error)
        return error;
    snprintf(owner, sizeof owner, "n%lu", own); /* the first names the owner, and what others may */
    snprintf(reader, sizeof reader, "r%u", peer);

    struct part parts[] = {text_part(path), text_part(owner), text_part(reader)};

    return MIN(request(XS_SET_PERMS, transaction, parts, 3), 0);
}

int xenstore_directory(uint32_t transaction, const char *path, char *names, size_t size)
{
    int length = path_request(XS_DIRECTORY, transaction, path);

    if (length < 0)
        return length;
    if ((size_t)length > size)
        return -E2BIG;
    memcpy(names, payload, (size_t)length);
    if (length && names[length - 1])
        return -EIO;
    return length;
}

int xenstore_begin(uint32_t *transaction)
{
    int length = path_request(XS_TRANSACTION_START, 0, "");
    const char *end;

    if (length < 0)
        return length;
    *transaction = (uint32_t)string_number(payload, &end);
    return *payload && !*end ? 0 : -EIO;
}

int xenstore_commit(uint32_t transaction)
{
    return MIN(path_request(XS_TRANSACTION_END, transaction, "T"), 0);
}

int xenstore_abort(uint32_t transaction)
{
    return MIN(path_request(XS_TRANSACTION_END, transaction, "F"), 0);
}

static int watch_request(uint32_t type, const char *path, const char *token)
{
    struct part parts[] = {text_part(path), text_part(token)};

    return MIN(request(type, 0, parts, 2), 0);
}

int xenstore_watch(const char *path, const char *token)
{
    return watch_request(XS_WATCH, path, token);
}

int xenstore_unwatch(const char *path, const char *token)
{
    return watch_request(XS_UNWATCH, path, token);
}

static void text_copy(char *to, size_t size, const char *from)
{
    if (to && size)
        snprintf(to, size, "%s", from);
}

int xenstore_watch_next(char *path, size_t path_size, char *token, size_t token_size)
{
    struct watch_event *event;

    if (!ring || dead)
        return -EAGAIN;
    event_take(port);
    while (receive())
        ; /* late answers to requests that were given up */
    if (overflowed) {
        overflowed = false;
        return -EOVERFLOW;
    }
    event = events;
    if (!event)
        return -EAGAIN;
    events = event->next;
    if (!events)
        events_last = &events;
    event_count--;
    text_copy(path, path_size, event->text);
    text_copy(token, token_size, event->text + event->token);
    heap_free(event);
    return 0;
}
