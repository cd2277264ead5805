/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Long messages: memory that peers may reach, and copies to and from it.
 *
 * A get is the only primitive. Where the link copies by itself (one process reading another's memory), it is that one
 * copy. Elsewhere the getter sends CORE_GET; the owner of the memory streams it, in the link's bulk frames or in
 * pieces (CORE_CHUNK); the getter then sends CORE_GOT, which runs the handler at the owner. A put asks the peer to
 * get: CORE_PUT carries the handler along, and CORE_PUT_DONE comes back.
 *
 * One copy need not be the fastest. For each page the kernel looks it up and pins it, and one processor does it all; streamed through a
 * ring that stays in the caches, the bytes are copied twice, by two processors at once. Or each of the two copies half: CORE_GET brings
 * the getter's runs of memory, and the owner writes there and says so (CORE_WRITTEN). docs/ring.md has what was measured, and way.c
 * finds out. But the owner has to poll: so this is for memory that is AM_ATTENDED, and anybody else's is copied while he computes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "am/core.h"
#include "am/way.h"

/* The handler that runs in the peer when a transfer has ended; travels as a payload. */
struct finish {
    uint32_t handler;
    uint32_t nargs;
    uint64_t args[AM_MAX_ARGS];
};

enum {
    RUNS_MOST = 16,
    RUN_LEAST = 4096, /* bytes: what a peer copies in shorter runs it gets faster packed, */
    RUN_ALONE =
        16384, /* and into shorter ones, if each takes a call of its own, through a piece of memory */
    BOTH_LEAST = 32768,   /* bytes that are worth the words between two who copy half each, */
    BOTH_ROUND = 4096,    /* and where to part them */
    WRITE_MOST = 1 << 20, /* bytes that the owner writes in one poll */
};

enum entry_kind {
    ENTRY_FREE,
    ENTRY_NEW, /* a get or a put that is being asked for: only its caller is told how that ends */
    ENTRY_EXPOSED, /* memory a peer may reach */
    ENTRY_GET,     /* we get, and wait for the bytes */
    ENTRY_PUT,     /* we put, and wait for the peer to have got them */
    ENTRY_STREAM,  /* we stream to a getter */
    ENTRY_MESSAGE, /* a message that found no room: sent when there is some */
};

struct entry {
    enum entry_kind kind;
    uint32_t peer;
    uint32_t generation; /* of this place in the table: a name that is out of date does not match */
    uint32_t index;
    uint32_t next_free;

    uint8_t *base; /* NULL: not in a row, use `pack` or `unpack` */
    size_t length;
    am_pack *pack;
    am_unpack *unpack;
    void *data;        /* of those two */
    size_t first;      /* of the packed bytes */
    void *staged;      /* all of them in a row, for a link that wants that; or NULL */
    size_t done_bytes; /* arrived, or streamed */
    unsigned access;
    size_t lent; /* its part of am->lent, of an ENTRY_EXPOSED alone */

    struct am_work work; /* ENTRY_STREAM, ENTRY_MESSAGE */
    struct am *am;
    am_done *done;
    void *context;
    struct finish finish;

    /* ENTRY_EXPOSED: where it is, for the peer to copy it, or for us to write it there; ENTRY_STREAM: where the getter has it, for us to
     * write (none: stream it) */
    struct iovec runs[RUNS_MOST];
    unsigned nruns;

    /* ENTRY_EXPOSED: the streams that serve it; ENTRY_STREAM: the next of them */
    struct entry *streams;

    /* ENTRY_STREAM */
    uint32_t transfer; /* the getter's name of it */
    bool acknowledged; /* the source is ours again */
    bool got;          /* the getter has it all */

    /* ENTRY_MESSAGE */
    uint8_t handler;
    uint32_t nargs;
    uint64_t args[AM_MAX_ARGS];

    uint64_t key; /* of the exposure that an ENTRY_GET, ENTRY_PUT or ENTRY_STREAM reads */

    /* ENTRY_GET: the peer's name for the put that this get serves */
    uint64_t put_name;
    bool for_put;
    bool measured;     /* ENTRY_GET: which way it comes is our choice */
    struct ways *ways; /* then: which will be told of */
    enum way way;      /* this one, */
    size_t whole;      /* of a transfer of so many bytes; */
    uint64_t began;    /* by stream_time */
    uint64_t spent;    /* ns, in taking it */
    /* WAY_BOTH: the owner writes these bytes; so many in front of them, which we could not read, are to be got next; and these begin at
     * `from` of what is exposed. */
    bool to_write;
    size_t before;
    uint64_t from;
};

/* A table of entries that are named by (index, generation) in 32 bits. */
enum {
    INDEX_BITS = 20,
    INDEX_MASK = (1 << INDEX_BITS) - 1,
};

#define NONE UINT32_MAX /* no entry; no handler */

/* In the key of an exposure, above its name: its owner attends to it, and would stream it; and how many runs are listed at its base (0:
 * the bytes are there themselves). */
#define KEY_ATTENDED   (UINT64_C(1) << 32)
#define KEY_RUNS_SHIFT 33

struct am_table {
    struct entry **entry;
    uint32_t count;
    uint32_t free;
};

static uint32_t entry_name(const struct entry *entry)
{
    return entry->index | entry->generation << INDEX_BITS;
}

static struct entry *entry_find(struct am *am, uint64_t name, enum entry_kind kind, uint32_t peer)
{
    uint32_t index = name & INDEX_MASK;
    struct entry *entry;

    if (name > UINT32_MAX || index >= am->transfers->count)
        return NULL;
    entry = am->transfers->entry[index];
    if (entry->kind != kind || entry->peer != peer || entry_name(entry) != name)
        return NULL;
    return entry;
}

static struct entry *entry_new(struct am *am, enum entry_kind kind, uint32_t peer)
{
    struct am_table *table = am->transfers;
    struct entry *entry;

    if (table->free == NONE) {
        uint32_t capacity = table->count ? 2 * table->count : 64;
        struct entry **grown;

        if (capacity > INDEX_MASK)
            return NULL;
        grown = realloc(table->entry, capacity * sizeof(struct entry *));
        if (!grown)
            return NULL;
        table->entry = grown;
        while (table->count < capacity) {
            entry = calloc(1, sizeof(*entry));
            if (!entry)
                break;
            entry->index = table->count;
            entry->am = am;
            entry->next_free = table->free;
            table->free = entry->index;
            table->entry[table->count++] = entry;
        }
        if (table->free == NONE)
            return NULL;
    }
    entry = table->entry[table->free];
    table->free = entry->next_free;
    entry->kind = kind;
    entry->peer = peer;
    entry->done_bytes = 0;
    entry->acknowledged = entry->got = entry->for_put = false;
    entry->measured = false;
    entry->before = 0;
    entry->to_write = false;
    entry->first = 0;
    entry->nruns = 0;
    entry->streams = NULL;
    entry->pack = NULL;
    entry->unpack = NULL;
    return entry;
}

/* The peer has been asked: from now on its end is told. */
static void entry_ask(struct entry *entry, enum entry_kind kind)
{
    entry->kind = kind;
    entry->am->gets += kind == ENTRY_GET;
}

/* Time as a stream has it that shares us with others: of k at once each takes a k-th. */
static uint64_t stream_time(struct am *am, uint64_t now)
{
    if (am->streams)
        am->stream_time += (now - am->stream_seen) / am->streams;
    am->stream_seen = now;
    return am->stream_time;
}

/* While a stream waits for the owner's turn, others use the core: what counts is then what he and we spend on it, which is about the same. */
static bool shares_core(const struct am *am)
{
    return am->job.ranks > am->job.cores;
}

/* The stream begins; and has ended, well or not, after so many ns of ours. */
static void stream_begin(struct am *am, struct entry *get, struct ways *ways, enum way way,
                         size_t whole, uint64_t now)
{
    get->measured = true;
    get->ways = ways;
    get->way = way;
    get->whole = whole;
    get->spent = 0;
    get->began = stream_time(am, now);
    am->streams++;
}

static uint64_t stream_took(struct am *am, struct entry *get)
{
    uint64_t took = stream_time(am, am_now(am)) - get->began;

    get->measured = false;
    am->streams--;
    return shares_core(am) ? 2 * get->spent : took;
}

static void entry_free(struct entry *entry)
{
    struct am_table *table = entry->am->transfers;

    if (entry->measured)
        stream_took(entry->am, entry);

    entry->am->gets -= entry->kind == ENTRY_GET;
    entry->am->lent -= entry->lent;
    entry->lent = 0;
    free(entry->staged);
    entry->staged = NULL;
    entry->kind = ENTRY_FREE;
    entry->generation = (entry->generation + 1) & (UINT32_MAX >> INDEX_BITS);
    entry->next_free = table->free;
    table->free = entry->index;
}

int transfer_open(struct am *am)
{
    const char *copy = getenv("CARAVAN_SINGLE_COPY");

    am->transfers = calloc(1, sizeof(struct am_table));
    if (!am->transfers)
        return -ENOMEM;
    am->always_copies = copy && strcmp(copy, "yes") == 0;
    am->transfers->free = NONE;
    return 0;
}

void transfer_close(struct am *am)
{
    if (!am->transfers)
        return;
    for (uint32_t i = 0; i < am->transfers->count; i++) {
        free(am->transfers->entry[i]->staged);
        free(am->transfers->entry[i]);
    }
    free(am->transfers->entry);
    free(am->transfers);
}

/* ---- where bytes are ------------------------------------------------------------------------------------ */

/* Where the bytes of a transfer go or come from, here: in a row at `base`; or (NULL) through `unpack`, or where `run` says, and then they
 * begin at `first` of the packed bytes. */
struct place {
    void *base;
    am_unpack *unpack;
    am_run *run;
    void *data;
    size_t first;
};

/* The runs of a place; 0: they are too many or too short. */
static unsigned place_runs(const struct place *place, size_t length, struct iovec *runs)
{
    size_t offset = 0, part = length;
    unsigned count = 0;

    for (; offset < length; offset += part) {
        void *at = place->base  ? place->base
                   : place->run ? place->run(place->data, place->first + offset, &part)
                                : NULL;

        part = part < length - offset ? part : length - offset;
        if (!at || count == RUNS_MOST || (part < RUN_LEAST && offset + part < length))
            return 0;
        runs[count++] = (struct iovec){at, part};
    }
    return count;
}

/* Of `count` runs those that are `length` bytes (at least one) from `offset` on. Returns how many; 0: they end before. */
static unsigned runs_part(const struct iovec *runs, unsigned count, size_t offset, size_t length,
                          struct iovec *part)
{
    unsigned parts = 0;

    for (; count > 0 && length > 0; runs++, count--) {
        size_t size = runs->iov_len > offset ? runs->iov_len - offset : 0;

        size = size < length ? size : length;
        if (size)
            part[parts++] = (struct iovec){(void *)((uintptr_t)runs->iov_base + offset), size};
        offset -= size ? offset : runs->iov_len;
        length -= size;
    }
    return length ? 0 : parts;
}

/* ---- exposed memory ---------------------------------------------------------------------------------- */

enum { STREAM_MOST = 4 << 20 }; /* bytes that a peer gets no faster by itself */

/* A peer may copy from `base`, bytes or a list of `runs`. 0 tells it that there is nothing to copy by itself. */
static void lend(struct am *am, struct entry *entry, void *base, uint64_t runs,
                 struct am_memory *memory)
{
    uint32_t peer = entry->peer;
    bool self = peer == am_self(am);
    bool streams = entry->access & AM_ATTENDED && entry->length <= STREAM_MOST && !self;
    bool copies = !streams || !(am->slow_clock || am->peers[peer].no_read); /* as we would */

    if (base && copies && !am->job.domu && !self && am_node(am, peer) == am->job.node)
        am->lent += entry->lent = entry->length;
    memory->base = (uintptr_t)base;
    memory->key = entry_name(entry) | (streams ? KEY_ATTENDED : 0) | runs << KEY_RUNS_SHIFT;
}

static int expose(struct am *am, uint32_t peer, void *base, size_t length, unsigned access,
                  struct entry **made)
{
    bool attended = access == (AM_READ | AM_ATTENDED);
    struct entry *entry;

    if (unlikely(peer >= am->job.size || (access & ~(unsigned)(AM_READ | AM_WRITE) && !attended)))
        return -EINVAL;
    entry = entry_new(am, ENTRY_EXPOSED, peer);
    if (unlikely(!entry))
        return -ENOMEM;
    entry->base = base;
    entry->length = length;
    entry->access = access;
    *made = entry;
    return 0;
}

int am_expose(struct am *am, uint32_t peer, void *base, size_t length, unsigned access,
              struct am_memory *memory)
{
    struct entry *entry;
    int result = expose(am, peer, base, length, access, &entry);

    if (likely(result == 0))
        lend(am, entry, base, 0, memory);
    return result;
}

int am_expose_packed(struct am *am, uint32_t peer, am_pack *pack, am_run *run, void *data,
                     size_t length, unsigned access, struct am_memory *memory)
{
    struct entry *entry;
    int result = access & AM_WRITE ? -EINVAL : expose(am, peer, NULL, length, access, &entry);

    if (unlikely(result < 0))
        return result;
    entry->pack = pack;
    entry->data = data;
    entry->nruns = place_runs(&(struct place){.run = run, .data = data}, length, entry->runs);
    lend(am, entry, entry->nruns ? entry->runs : NULL, entry->nruns, memory);
    return 0;
}

/* The exposure that a peer names, if it may reach those bytes; NULL: it may not. */
static struct entry *exposed(struct am *am, uint32_t peer, uint64_t key, uint64_t offset,
                             uint64_t length, unsigned access)
{
    struct entry *entry = entry_find(am, key, ENTRY_EXPOSED, peer);

    if (!entry || !(entry->access & access) || offset > entry->length ||
        length > entry->length - offset)
        return NULL;
    return entry;
}

/* ---- messages of the core's own: sent now, or from deferred work ------------------------------------- */

static int core_send(struct am *am, uint32_t peer, unsigned handler, const uint64_t *args,
                     unsigned nargs, const void *payload, size_t length)
{
    struct am_link *link;
    int result = am_link_to(am, peer, &link);
    struct am_outgoing message = {
        .header = {.length = (uint16_t)length,
                   .handler = (uint8_t)handler,
                   .flags = (uint8_t)nargs},
        .args = args,
        .head = payload,
        .head_length = length,
    };

    return result < 0 ? result : link->ops->send(link, &message);
}

static int message_run(struct am *am, struct am_work *work)
{
    struct entry *entry = (struct entry *)((char *)work - offsetof(struct entry, work));
    bool finish = entry->handler == CORE_GOT;
    int result = core_send(am, entry->peer, entry->handler, entry->args, entry->nargs,
                           finish ? &entry->finish : NULL, finish ? sizeof(entry->finish) : 0);

    if (result != -EAGAIN)
        entry_free(entry);
    return result;
}

/* Send a message that must not be lost. It may overtake nothing that matters: transfers are ordered by their
 * completion only. */
static int message_send(struct am *am, uint32_t peer, unsigned handler, const uint64_t *args,
                        unsigned nargs, const struct finish *finish)
{
    struct entry *entry = entry_new(am, ENTRY_MESSAGE, peer);

    if (!entry)
        return -ENOMEM;
    entry->handler = (uint8_t)handler;
    entry->nargs = nargs;
    memcpy(entry->args, args, nargs * sizeof(*args));
    if (finish)
        entry->finish = *finish;
    entry->work.run = message_run;
    am_defer(am, &entry->work);
    return 0;
}

static struct finish finish_of(unsigned handler, const uint64_t *args, unsigned nargs)
{
    struct finish finish = {.handler = handler, .nargs = nargs};

    if (nargs)
        memcpy(finish.args, args, nargs * sizeof(*args));
    return finish;
}

/* From a peer: is this a handler that a peer may name? */
static bool finish_valid(const struct finish *finish)
{
    return (finish->handler < AM_HANDLERS || finish->handler == NONE) &&
           finish->nargs <= AM_MAX_ARGS;
}

/* Run the handler that ends a transfer here, as if `peer` had sent it. -EAGAIN: nobody has set it yet. */
static int finish_run(struct am *am, uint32_t peer, const struct finish *finish)
{
    struct am_header header = {.handler = (uint8_t)finish->handler,
                               .flags = (uint8_t)finish->nargs};

    return finish->handler == NONE ? 0 : am_deliver(am, peer, header, finish->args, NULL);
}

/* Have it run in the peer. */
static int finish_send(struct am *am, uint32_t peer, const struct finish *finish)
{
    int result;

    if (finish->handler == NONE)
        return 0;
    result = core_send(am, peer, finish->handler, finish->args, finish->nargs, NULL, 0);
    if (result == -EAGAIN)
        result = message_send(am, peer, finish->handler, finish->args, finish->nargs, NULL);
    return result;
}

/* ---- one copy ------------------------------------------------------------------------------------------ */

/* Copy by oneself, where the link can. -EOPNOTSUPP: it cannot. */
static int copy_now(struct am *am, struct am_link *link, uint64_t remote, void *local,
                    size_t length, bool write)
{
    struct peer *peer = &am->peers[link->peer];
    bool *no = write ? &peer->no_write : &peer->no_read;
    int result = -EOPNOTSUPP;

    if (*no)
        return -EOPNOTSUPP;
    if (write && link->ops->write)
        result = link->ops->write(link, remote, local, length);
    else if (!write && link->ops->read)
        result = link->ops->read(link, remote, local, length);
    *no = result == -EOPNOTSUPP;
    return result;
}

/* The same with as many bytes of ours in runs as of the peer's. -EOPNOTSUPP: not at one go. */
static int runs_copy(struct am *am, struct am_link *link, const struct iovec *there,
                     unsigned theirs, const struct iovec *here, unsigned ours, bool write)
{
    if (theirs == 1 && ours == 1)
        return copy_now(am, link, (uintptr_t)there->iov_base, here->iov_base, here->iov_len, write);
    return link->ops->copy_runs ? link->ops->copy_runs(link, there, theirs, here, ours, write)
                                : -EOPNOTSUPP;
}

/* ---- the side that streams ---------------------------------------------------------------------------- */

static int stream_finish_run(struct am *am, struct am_work *work)
{
    struct entry *stream = (struct entry *)((char *)work - offsetof(struct entry, work));
    int result = finish_run(am, stream->peer, &stream->finish);

    if (result != -EAGAIN)
        entry_free(stream);
    return result;
}

/* The stream has ended when its source is ours again and the getter has said that it has all. */
static void stream_end(struct am *am, struct entry *stream)
{
    if (!stream->acknowledged || !stream->got)
        return;
    stream->work.run = stream_finish_run;
    am_defer(am, &stream->work);
}

void am_conceal(struct am *am, const struct am_memory *memory)
{
    uint32_t index = memory->key & INDEX_MASK;
    struct entry *entry = index < am->transfers->count ? am->transfers->entry[index] : NULL;

    if (!entry || entry->kind != ENTRY_EXPOSED || entry_name(entry) != (uint32_t)memory->key)
        return;
    /* Streams that nobody can name any more end by themselves. */
    while (entry->streams) {
        struct entry *stream = entry->streams;

        entry->streams = stream->streams;
        stream->finish.handler = NONE;
        stream->got = true;
        stream->pack = NULL;
        if (!stream->staged)
            stream->base = NULL;
        stream_end(am, stream);
    }
    entry_free(entry);
}

void *am_segment_take(struct am *am, size_t size)
{
    return am->job.ranks > 2 ? ring_segment_take(am->ring, size) : NULL;
}

void am_segment_give(struct am *am)
{
    ring_segment_give(am->ring);
}

/* It will not end well: nothing refers to it any more. */
static void stream_drop(struct am *am, struct entry *stream)
{
    struct entry *source = entry_find(am, stream->key, ENTRY_EXPOSED, stream->peer);

    for (struct entry **at = source ? &source->streams : NULL; at && *at; at = &(*at)->streams) {
        if (*at == stream) {
            *at = stream->streams;
            break;
        }
    }
    entry_free(stream);
}

static void stream_done(struct am *am, void *context, int status)
{
    struct entry *stream = context;

    stream->acknowledged = true;
    if (status < 0)
        stream_drop(am, stream);
    else
        stream_end(am, stream);
}

/* The link sends from one place, perhaps more than once: pack all there. */
static void stream_stage(struct am *am, struct entry *stream)
{
    stream->staged = malloc(stream->length);
    if (!stream->staged) {
        char text[100];

        snprintf(text, sizeof(text), "out of memory: %zu bytes to pack a message in",
                 stream->length);
        am_abort(am, 1, text);
    }
    stream->pack(stream->data, stream->first, stream->staged, stream->length);
    stream->base = stream->staged;
}

/* Where we have those of its bytes. Returns how many runs; 0: not in a few. */
static unsigned stream_runs(struct am *am, const struct entry *stream, size_t offset, size_t length,
                            struct iovec *runs)
{
    struct entry *source;

    if (stream->base) {
        runs[0] = (struct iovec){stream->base + offset, length};
        return 1;
    }
    source = entry_find(am, stream->key, ENTRY_EXPOSED, stream->peer);
    return source ? runs_part(source->runs, source->nruns, stream->first + offset, length, runs)
                  : 0;
}

/* Write it where the getter has it, a part at a time, and say so. -EOPNOTSUPP: from now on it is to be streamed. */
static int stream_write(struct am *am, struct am_link *link, struct entry *stream)
{
    uint64_t args[] = {stream->transfer, stream->length};
    size_t offset = stream->done_bytes, left = stream->length - offset;
    size_t part = left < WRITE_MOST ? left : WRITE_MOST;
    struct iovec here[RUNS_MOST], there[RUNS_MOST];

    if (part) {
        unsigned theirs = runs_part(stream->runs, stream->nruns, offset, part, there);
        unsigned ours = theirs ? stream_runs(am, stream, offset, part, here) : 0;

        if (!ours || runs_copy(am, link, there, theirs, here, ours, true) < 0) {
            stream->nruns = 0;
            stream->done_bytes = 0;
            return -EOPNOTSUPP;
        }
    }
    stream->done_bytes += part;
    return part < left ? -EAGAIN : core_send(am, stream->peer, CORE_WRITTEN, args, 2, NULL, 0);
}

static int chunk_send(struct am_link *link, const struct entry *stream, size_t length)
{
    uint64_t args[] = {stream->transfer, stream->done_bytes};
    struct am_outgoing message = {
        .header = {.length = (uint16_t)length, .handler = CORE_CHUNK, .flags = 2},
        .args = args,
        .body_length = length,
    };

    if (stream->base) {
        message.body = stream->base + stream->done_bytes;
    } else {
        message.pack = stream->pack;
        message.data = stream->data;
        message.offset = stream->first + stream->done_bytes;
    }
    return link->ops->send(link, &message);
}

static int stream_run(struct am *am, struct am_work *work)
{
    struct entry *stream = (struct entry *)((char *)work - offsetof(struct entry, work));
    struct am_link *link;
    int result = am_link_to(am, stream->peer, &link);

    /* Concealed meanwhile: there is nothing to pack any more. */
    if (!stream->base && !stream->pack) {
        stream_done(am, stream, result);
        return 0;
    }
    if (result == 0 && stream->nruns) {
        result = stream_write(am, link, stream);
        if (result != -EOPNOTSUPP) {
            if (result != -EAGAIN)
                stream_done(am, stream, result);
            return result;
        }
        result = 0;
    }
    if (result == 0 && link->ops->bulk && !stream->base)
        stream_stage(am, stream);
    if (result == 0 && link->ops->bulk) {
        result = link->ops->bulk(link, stream->transfer, 0, stream->base, stream->length,
                                 stream_done, stream);
        if (result == 0)
            return 0;
    }
    while (result == 0 && stream->done_bytes < stream->length) {
        size_t left = stream->length - stream->done_bytes;
        /* One piece alone would not be read while it is written. */
        size_t most = stream->length > link->ops->chunk ? link->ops->chunk : AM_MAX_MEDIUM;
        size_t piece = left < most ? left : most;

        result = chunk_send(link, stream, piece);
        if (result == 0)
            stream->done_bytes += piece;
    }
    if (result != -EAGAIN)
        stream_done(am, stream, result);
    return result;
}

/* CORE_GET: key, offset, length, the getter's name for it; payload: `nruns` runs of the getter's, to write it there. */
static int on_get(struct am *am, uint32_t peer, const uint64_t *args, const void *runs,
                  unsigned nruns)
{
    struct entry *source = exposed(am, peer, args[0], args[1], args[2], AM_READ);
    struct entry *stream;

    if (!source || args[3] > UINT32_MAX)
        return message_send(am, peer, CORE_REFUSED, &args[3], 1, NULL);
    stream = entry_new(am, ENTRY_STREAM, peer);
    if (!stream)
        return -ENOMEM;
    stream->base = source->base ? source->base + args[1] : NULL;
    stream->pack = source->pack;
    stream->data = source->data;
    stream->first = args[1];
    stream->length = args[2];
    stream->transfer = (uint32_t)args[3];
    /* Nobody has us copy more than we would stream. */
    if (nruns && source->access & AM_ATTENDED && source->length <= STREAM_MOST) {
        stream->nruns = nruns;
        memcpy(stream->runs, runs, nruns * sizeof(struct iovec));
    }
    stream->key = args[0];
    stream->streams = source->streams;
    source->streams = stream;
    stream->work.run = stream_run;
    am_defer(am, &stream->work);
    return 0;
}

/* CORE_GOT: key, the getter's name; payload: what to run. */
static int on_got(struct am *am, uint32_t peer, const uint64_t *args, const struct finish *finish)
{
    struct entry *source = entry_find(am, args[0], ENTRY_EXPOSED, peer);
    struct entry **at, *stream;

    if (!source || !finish_valid(finish))
        return -EPROTO;
    for (at = &source->streams; (stream = *at) != NULL; at = &stream->streams)
        if (stream->transfer == args[1])
            break;
    if (!stream)
        return -EPROTO;
    /* The bytes are there, but the link may not know yet and send some again: the source is not its owner's before. */
    if (!stream->acknowledged)
        return -EAGAIN;
    *at = stream->streams;
    stream->streams = NULL;
    stream->finish = *finish;
    stream->got = true;
    stream_end(am, stream);
    return 0;
}

/* ---- the side that gets ---------------------------------------------------------------------------------- */

/* A get through messages that is about to be asked for. NULL: no memory. */
static struct entry *get_new(struct am *am, uint32_t peer, uint32_t key, const struct place *target,
                             size_t length)
{
    struct entry *get = entry_new(am, ENTRY_NEW, peer);

    if (!get)
        return NULL;
    get->base = target->base;
    get->unpack = target->unpack;
    get->data = target->data;
    get->first = target->first;
    get->length = length;
    get->key = key;
    /* A link that has bulk frames puts them in a row. So may the peer's, where we have changed to another already. */
    if (!get->base &&
        (am->peers[peer].link->ops->bulk || (am->job.beside && am->job.beside[peer]))) {
        get->base = get->staged = malloc(length);
        if (!get->staged) {
            entry_free(get);
            return NULL;
        }
    }
    return get;
}

static int get_close(struct am *am, struct entry *get, int status)
{
    uint64_t args[] = {get->key, entry_name(get)};
    uint64_t put_args[] = {get->put_name, (uint64_t)-status};
    uint32_t peer = get->peer;
    struct finish finish = get->finish;
    bool for_put = get->for_put;
    am_done *done = get->done;
    void *context = get->context;
    int result = 0;

    if (get->staged && status == 0)
        get->unpack(get->data, get->first, get->staged, get->length);
    if (get->measured && status == 0)
        way_took(get->ways, get->whole, get->way, stream_took(am, get));
    entry_free(get);
    if (status != -EHOSTDOWN) {
        struct finish nothing = {.handler = NONE};

        if (status == 0)
            result = message_send(am, peer, CORE_GOT, args, 2, for_put ? &nothing : &finish);
        if (result == 0 && for_put) {
            result = message_send(am, peer, CORE_PUT_DONE, put_args, 2, NULL);
            if (status == 0)
                finish_run(am, peer, &finish);
        }
    }
    if (done)
        done(am, context, status);
    return result;
}

/* The bytes before those that this get has brought are still to come: by a stream, and then it has ended. */
static void get_before(struct am *am, struct entry *get)
{
    struct place place = {.base = get->unpack ? NULL : get->base - get->before,
                          .unpack = get->unpack,
                          .data = get->data,
                          .first = get->first - get->before};
    struct entry *rest = get_new(am, get->peer, get->key, &place, get->before);

    if (!rest)
        am_abort(am, 1, "out of memory: no entry for the rest of a message");
    if (message_send(
            am, get->peer, CORE_GET,
            (uint64_t[]){rest->key, get->from - get->before, rest->length, entry_name(rest)}, 4,
            NULL) < 0)
        am_abort(am, 1, "out of memory: no entry to ask for the rest of a message");
    rest->finish = get->finish;
    rest->done = get->done;
    rest->context = get->context;
    rest->measured = get->measured;
    rest->ways = get->ways;
    rest->way = get->way;
    rest->whole = get->whole;
    rest->began = get->began;
    rest->spent = get->spent;
    get->measured = false;
    get->finish = (struct finish){.handler = NONE};
    get->done = NULL;
    entry_ask(rest, ENTRY_GET);
}

/* The bytes of a get are here, or will never be. */
static int get_end(struct am *am, struct entry *get, int status)
{
    if (status == 0 && unlikely(get->before))
        get_before(am, get);
    return get_close(am, get, status);
}

void *am_transfer_place(struct am *am, uint32_t peer, uint32_t transfer, uint64_t offset,
                        size_t length)
{
    struct entry *get = entry_find(am, transfer, ENTRY_GET, peer);

    if (!get || !get->base || offset > get->length || length > get->length - offset)
        return NULL;
    return get->base + offset;
}

void am_transfer_arrived(struct am *am, uint32_t peer, uint32_t transfer, size_t length)
{
    struct entry *get = entry_find(am, transfer, ENTRY_GET, peer);

    if (!get || length > get->length - get->done_bytes)
        return;
    get->done_bytes += length;
    if (get->done_bytes == get->length)
        get_end(am, get, 0);
}

/* CORE_CHUNK: our name, offset; payload: the bytes. */
static int on_chunk(struct am *am, uint32_t peer, const uint64_t *args, const void *bytes,
                    size_t length)
{
    struct entry *get = entry_find(am, args[0], ENTRY_GET, peer);
    uint64_t began;
    bool timed;

    if (!get || args[1] > get->length || length > get->length - args[1])
        return -EPROTO;
    timed = get->measured && shares_core(am);
    began = timed ? am_now(am) : 0;
    if (get->base)
        memcpy(get->base + args[1], bytes, length);
    else
        get->unpack(get->data, get->first + args[1], bytes, length);
    if (timed)
        get->spent += am_now(am) - began;
    am_transfer_arrived(am, peer, (uint32_t)args[0], length);
    return 0;
}

/* CORE_WRITTEN: our name, length. */
static int on_written(struct am *am, uint32_t peer, const uint64_t *args)
{
    struct entry *get = entry_find(am, args[0], ENTRY_GET, peer);

    if (!get || args[1] > get->length - get->done_bytes)
        return -EPROTO;
    if (get->staged) {
        free(get->staged);
        get->base = get->staged = NULL;
    }
    am_transfer_arrived(am, peer, (uint32_t)args[0], args[1]);
    return 0;
}

static int on_refused(struct am *am, uint32_t peer, const uint64_t *args)
{
    struct entry *get = entry_find(am, args[0], ENTRY_GET, peer);

    return get ? get_end(am, get, -EFAULT) : -EPROTO;
}

/* Where the bytes of a transfer are at the peer: at `base` (0: not to be reached), or in so many runs of which a list is there, from `offset` on. */
struct remote {
    uint64_t base;
    unsigned runs;
    size_t offset;
};

/* Read the same into a place: straight into its longer runs, through a piece of memory into the others. */
static int place_copy(struct am *am, struct am_link *link, uint64_t remote,
                      const struct place *local, size_t offset, size_t length)
{
    enum { PIECE = 64 << 10 }; /* it stays in the cache until it is unpacked */
    char *piece = NULL;
    int result = 0;

    if (local->base)
        return copy_now(am, link, remote, (char *)local->base + offset, length, false);
    for (size_t end = offset + length, part; offset < end && result == 0;
         offset += part, remote += part) {
        void *at = local->run ? local->run(local->data, local->first + offset, &part) : NULL;

        if (!at || (part < RUN_ALONE && part < end - offset)) {
            piece = piece ? piece : malloc(PIECE);
            at = piece;
            part = PIECE;
        }
        part = part < end - offset ? part : end - offset;
        result = at ? copy_now(am, link, remote, at, part, false) : -EOPNOTSUPP;
        if (result == 0 && at == piece)
            local->unpack(local->data, local->first + offset, piece, part);
    }
    free(piece);
    return result;
}

/* The peer's runs, as far as they are wanted. Its list may say what it likes: then nothing, or something else, is read of its own
 * memory. Returns how many; -EFAULT: they are too few. */
static int remote_runs(struct am *am, struct am_link *link, const struct remote *remote,
                       size_t length, struct iovec *there)
{
    struct iovec runs[RUNS_MOST];
    int count, result;

    if (remote->runs == 0) {
        there[0] = (struct iovec){(void *)(uintptr_t)(remote->base + remote->offset), length};
        return 1;
    }
    if (remote->runs > RUNS_MOST)
        return -EFAULT;
    result = copy_now(am, link, remote->base, runs, remote->runs * sizeof(*runs), false);
    if (result < 0)
        return result;
    count = (int)runs_part(runs, remote->runs, remote->offset, length, there);
    return count ? count : -EFAULT;
}

/* What is not in a row at both ends: at one go, where the runs are few. */
static int pieces_copy(struct am *am, struct am_link *link, const struct remote *remote,
                       const struct place *local, size_t length)
{
    struct iovec there[RUNS_MOST], here[RUNS_MOST];
    int theirs = remote_runs(am, link, remote, length, there), result = -EOPNOTSUPP;
    unsigned ours;
    size_t done = 0;

    if (theirs < 0)
        return theirs;
    ours = place_runs(local, length, here);
    if (ours)
        result = runs_copy(am, link, there, (unsigned)theirs, here, ours, false);
    if (result != -EOPNOTSUPP)
        return result;
    result = 0;
    for (int i = 0; i < theirs && result == 0; i++) {
        result = place_copy(am, link, (uintptr_t)there[i].iov_base, local, done, there[i].iov_len);
        done += there[i].iov_len;
    }
    return result;
}

/* The whole transfer, where the link copies by itself (or there is nothing to copy). -EOPNOTSUPP: it does not. */
static int transfer_now(struct am *am, struct am_link *link, const struct remote *remote,
                        const struct place *local, size_t length, bool write,
                        const struct finish *finish, am_done *done, void *context)
{
    int result = 0, sent;

    if (length && remote->base == 0)
        return -EOPNOTSUPP;
    if (length && (remote->runs || !local->base))
        result = pieces_copy(am, link, remote, local, length);
    else if (length)
        result = copy_now(am, link, remote->base + remote->offset, local->base, length, write);
    /* What the kernel cannot reach there, the owner perhaps can. */
    if (result == -EOPNOTSUPP || (result == -EFAULT && !write))
        return -EOPNOTSUPP;
    sent = result == 0 ? finish_send(am, link->peer, finish) : 0;
    if (sent < 0 && sent != -EHOSTDOWN)
        return sent;
    done(am, context, result);
    return 0;
}

/* What a get and a put have in common: the arguments are checked, *finish is filled in, and the link copies if it can.
 * -EOPNOTSUPP: messages must do it. */
static int transfer_begin(struct am *am, uint32_t peer, const struct remote *remote,
                          const struct place *local, size_t length, bool write, unsigned handler,
                          const uint64_t *args, unsigned nargs, struct finish *finish,
                          am_done *done, void *context)
{
    struct am_link *link;
    int result;

    if (unlikely(handler >= AM_HANDLERS || nargs > AM_MAX_ARGS))
        return -EINVAL;
    result = am_link_to(am, peer, &link);
    if (unlikely(result < 0))
        return result;
    *finish = finish_of(handler, args, nargs);
    return transfer_now(am, link, remote, local, length, write, finish, done, context);
}

/* Start a get of at least one byte through messages. The owner is to write it into these runs if it can, or (none) to stream it. */
static int get_start(struct am *am, uint32_t peer, const struct am_memory *source, size_t offset,
                     const struct place *target, size_t length, const struct iovec *runs,
                     unsigned nruns, struct entry **started)
{
    struct am_link *link;
    int result = am_link_to(am, peer, &link);
    struct entry *get = result == 0 ? get_new(am, peer, (uint32_t)source->key, target, length)
                                    : NULL;

    if (result < 0)
        return result;
    if (!get)
        return -ENOMEM;
    result = core_send(am, peer, CORE_GET, (uint64_t[]){get->key, offset, length, entry_name(get)},
                       4, runs, nruns * sizeof(*runs));
    if (result < 0) {
        entry_free(get);
        return result;
    }
    entry_ask(get, ENTRY_GET);
    *started = get;
    return 0;
}

/* How to get `length` bytes of what the peer attends to. *ways will be told what it took; NULL: there is no
 * choice. Nor is there one where a look at the clock takes longer than what it would gain. */
static enum way way_of(struct am *am, struct peer *peer, const struct remote *remote,
                       const struct place *local, size_t length, struct ways **ways)
{
    struct iovec runs[RUNS_MOST];
    bool both;

    *ways = NULL;
    if (am->always_copies)
        return WAY_COPY;
    if (peer->no_read || am->slow_clock)
        return WAY_STREAM;
    if (unlikely(!peer->ways))
        peer->ways = calloc(2, sizeof(*peer->ways));
    if (unlikely(!peer->ways))
        return WAY_STREAM;
    both = length >= BOTH_LEAST && !peer->no_write && !shares_core(am) &&
           place_runs(local, length, runs) > 0;
    *ways = &peer->ways[local->base && remote->runs == 0]; /* in a row at both ends, or not */
    return way_next(*ways, length, both ? WAYS : WAY_BOTH);
}

/* The owner writes the second half, and we read the first one meanwhile. */
static int get_half(struct am *am, uint32_t peer, const struct am_memory *source,
                    const struct remote *remote, const struct place *target, size_t length,
                    struct entry **started)
{
    size_t first = length / 2 & ~(size_t)(BOTH_ROUND - 1), offset = remote->offset;
    struct iovec all[RUNS_MOST], here[RUNS_MOST], there[RUNS_MOST];
    unsigned count = place_runs(target, length, all);
    unsigned ours = runs_part(all, count, first, length - first, here);
    struct place second = *target;
    struct am_link *link;
    int result;

    second.base = target->base ? (char *)target->base + first : NULL;
    second.first = first;
    result = get_start(am, peer, source, offset + first, &second, length - first, here, ours,
                       started);
    if (result < 0)
        return result;
    (*started)->to_write = true;
    ours = runs_part(all, count, 0, first, here);
    result = am_link_to(am, peer, &link);
    if (result == 0)
        result = remote_runs(am, link, remote, first, there);
    if (result >= 0)
        result = runs_copy(am, link, there, (unsigned)result, here, ours, false);
    if (result < 0) {
        (*started)->before = first;
        (*started)->from = offset + first;
    }
    return 0;
}

static int get(struct am *am, uint32_t peer, const struct am_memory *source, size_t offset,
               const struct place *target, size_t length, unsigned handler, const uint64_t *args,
               unsigned nargs, am_done *done, void *context)
{
    struct remote remote = {source->base, (unsigned)(source->key >> KEY_RUNS_SHIFT), offset};
    struct remote nowhere = {.base = 0};
    uint64_t began = 0;
    enum way way = WAY_COPY;
    struct ways *ways = NULL;
    struct finish finish;
    struct entry *started;
    int result;

    if (remote.base && length && source->key & KEY_ATTENDED && likely(peer < am->job.size))
        way = way_of(am, &am->peers[peer], &remote, target, length, &ways);
    if (ways)
        began = am_now(am);
    result = transfer_begin(am, peer, way == WAY_COPY ? &remote : &nowhere, target, length, false,
                            handler, args, nargs, &finish, done, context);
    if (result != -EOPNOTSUPP) {
        if (result == 0 && ways)
            way_took(ways, length, WAY_COPY, am_now(am) - began);
        return result;
    }
    if (ways && way == WAY_COPY)
        way_took(ways, length, WAY_COPY, UINT32_MAX); /* in vain */
    if (way == WAY_BOTH)
        result = get_half(am, peer, source, &remote, target, length, &started);
    else
        result = get_start(am, peer, source, offset, target, length, NULL, 0, &started);
    if (result < 0)
        return result;
    started->finish = finish;
    started->done = done;
    started->context = context;
    if (ways && way != WAY_COPY)
        stream_begin(am, started, ways, way, length, began);
    return 0;
}

int am_get(struct am *am, uint32_t peer, const struct am_memory *source, size_t offset,
           void *target, size_t length, unsigned handler, const uint64_t *args, unsigned nargs,
           am_done *done, void *context)
{
    int result;

    am_enter(am);
    result = get(am, peer, source, offset, &(struct place){.base = target}, length, handler, args,
                 nargs, done, context);
    am_leave(am);
    return result;
}

int am_get_unpacked(struct am *am, uint32_t peer, const struct am_memory *source, size_t offset,
                    am_unpack *unpack, am_run *run, void *data, size_t length, unsigned handler,
                    const uint64_t *args, unsigned nargs, am_done *done, void *context)
{
    struct place target = {.unpack = unpack, .run = run, .data = data};
    int result;

    am_enter(am);
    result = get(am, peer, source, offset, &target, length, handler, args, nargs, done, context);
    am_leave(am);
    return result;
}

/* ---- puts ---------------------------------------------------------------------------------------------- */

static int put(struct am *am, uint32_t peer, const struct am_memory *target, size_t offset,
               const void *source, size_t length, unsigned handler, const uint64_t *args,
               unsigned nargs, am_done *done, void *context)
{
    void *bytes = (void *)(uintptr_t)source; /* exposed for reading only */
    struct am_memory exposure;
    struct finish finish;
    struct entry *started;
    int result = transfer_begin(am, peer, &(struct remote){.base = target->base, .offset = offset},
                                &(struct place){.base = bytes}, length, true, handler, args, nargs,
                                &finish, done, context);

    if (result != -EOPNOTSUPP)
        return result;
    started = entry_new(am, ENTRY_NEW, peer);
    if (!started)
        return -ENOMEM;
    result = am_expose(am, peer, bytes, length, AM_READ, &exposure);
    if (result == 0) {
        uint64_t words[] = {target->key,   offset,       length,
                            exposure.base, exposure.key, entry_name(started)};

        result = core_send(am, peer, CORE_PUT, words, 6, &finish, sizeof(finish));
        if (result < 0)
            am_conceal(am, &exposure);
    }
    if (result < 0) {
        entry_free(started);
        return result;
    }
    entry_ask(started, ENTRY_PUT);
    started->key = exposure.key;
    started->done = done;
    started->context = context;
    return 0;
}

int am_put(struct am *am, uint32_t peer, const struct am_memory *target, size_t offset,
           const void *source, size_t length, unsigned handler, const uint64_t *args,
           unsigned nargs, am_done *done, void *context)
{
    int result;

    am_enter(am);
    result = put(am, peer, target, offset, source, length, handler, args, nargs, done, context);
    am_leave(am);
    return result;
}

/* CORE_PUT: key and offset here, length, base and key there, the putter's name; payload: what to run here. */
static int on_put(struct am *am, uint32_t peer, const uint64_t *args, const struct finish *finish)
{
    struct entry *target = exposed(am, peer, args[0], args[1], args[2], AM_WRITE);
    struct am_memory source = {.base = args[3], .key = args[4]};
    uint64_t refusal[] = {args[5], EFAULT};
    struct entry *get;
    int result;

    if (!finish_valid(finish))
        return -EPROTO;
    if (!target || args[2] == 0)
        return message_send(am, peer, CORE_PUT_DONE, refusal, 2, NULL);
    result = get_start(am, peer, &source, 0, &(struct place){.base = target->base + args[1]},
                       args[2], NULL, 0, &get);
    if (result < 0)
        return result; /* -EAGAIN: the link keeps the message and comes again */
    get->finish = *finish;
    get->done = NULL;
    get->for_put = true;
    get->put_name = args[5];
    return 0;
}

/* CORE_PUT_DONE: our name, 0 or an errno. */
static int on_put_done(struct am *am, uint32_t peer, const uint64_t *args)
{
    struct entry *put = entry_find(am, args[0], ENTRY_PUT, peer);
    struct am_memory exposure;
    am_done *done;
    void *context;

    if (!put)
        return -EPROTO;
    exposure = (struct am_memory){.key = put->key};
    done = put->done;
    context = put->context;
    entry_free(put);
    am_conceal(am, &exposure);
    done(am, context, args[1] ? -EFAULT : 0);
    return 0;
}

/* ---- from the links ------------------------------------------------------------------------------------- */

int transfer_deliver(struct am *am, uint32_t peer, struct am_header header, const uint64_t *args,
                     const void *payload)
{
    static const struct {
        uint8_t nargs;
        bool finish;
    } shape[CORE_HANDLERS - CORE_GET] = {
        [CORE_GET - CORE_GET] = {4, false},      [CORE_CHUNK - CORE_GET] = {2, false},
        [CORE_WRITTEN - CORE_GET] = {2, false},  [CORE_REFUSED - CORE_GET] = {1, false},
        [CORE_GOT - CORE_GET] = {2, true},       [CORE_PUT - CORE_GET] = {6, true},
        [CORE_PUT_DONE - CORE_GET] = {2, false},
    };
    struct finish finish;

    if (header.handler >= CORE_HANDLERS ||
        (header.flags & AM_NARGS) != shape[header.handler - CORE_GET].nargs)
        return -EPROTO;
    if (shape[header.handler - CORE_GET].finish) {
        if (header.length != sizeof(finish))
            return -EPROTO;
        memcpy(&finish, payload, sizeof(finish));
    }
    switch (header.handler) {
    case CORE_GET:
        if (header.length > RUNS_MOST * sizeof(struct iovec) ||
            header.length % sizeof(struct iovec) != 0)
            return -EPROTO;
        return on_get(am, peer, args, payload, header.length / sizeof(struct iovec));
    case CORE_CHUNK:
        return on_chunk(am, peer, args, payload, header.length);
    case CORE_WRITTEN:
        return on_written(am, peer, args);
    case CORE_REFUSED:
        return on_refused(am, peer, args);
    case CORE_GOT:
        return on_got(am, peer, args, &finish);
    case CORE_PUT:
        return on_put(am, peer, args, &finish);
    default:
        return on_put_done(am, peer, args);
    }
}

/* The peer was asked to write into memory that is about to be the program's again: it must be gone. */
static void see_that_it_is_gone(struct am *am, const struct entry *get)
{
    struct am_link *link = am->peers[get->peer].link;

    if (get->to_write && link->ops->reaches_us && link->ops->reaches_us(link))
        am_abort(am, 1,
                 "a process that is down is still there, and may yet write into this one's memory");
}

void transfer_peer_down(struct am *am, uint32_t peer)
{
    struct am_table *table = am->transfers;

    /* Streams and messages end in their own work, or in the link that carries them. */
    for (uint32_t i = 0; i < table->count; i++) {
        struct entry *entry = table->entry[i];

        if (entry->peer != peer)
            continue;
        if (entry->kind == ENTRY_GET) {
            see_that_it_is_gone(am, entry);
            get_end(am, entry, -EHOSTDOWN);
        } else if (entry->kind == ENTRY_PUT) {
            am_done *done = entry->done;
            void *context = entry->context;

            entry_free(entry);
            done(am, context, -EHOSTDOWN);
        } else if (entry->kind == ENTRY_STREAM && entry->acknowledged && !entry->got) {
            stream_drop(am, entry); /* only its getter was still to answer */
        }
    }
}
