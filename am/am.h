/* SPDX-License-Identifier: BSD-2-Clause
 *
 * caravan/am.h: active messages between the processes of one job.
 *
 * A *request* names a peer process, a handler and a few 64-bit arguments, and may carry a payload. The
 * handler runs in the peer's am_poll. That is all there is: no connection to set up, no receive to
 * post, no rank and no tag. MPI is one program above this header; examples/ holds two smaller ones.
 *
 * What is promised
 *   Delivery is exactly once and in order per ordered pair of processes, whatever link the pair uses,
 *   or the peer is declared down: every call that names it then returns -EHOSTDOWN and the function set
 *   by am_on_peer_down runs once. Nothing is dropped silently and nothing is delivered twice.
 *   Requests and replies of one process to another share one order. A put or get is ordered only by
 *   its completion: the handler that it names runs after its last byte is in place.
 *
 * What is not
 *   No call blocks except am_wait, am_fence, am_drain and am_close. "No room" is an answer (-EAGAIN),
 *   not an error: poll and try again. A process that does not call am_poll takes no messages; its peers
 *   wait for it, however long it computes, and do not take its silence for death.
 *
 * Errors are negative errno values. Calls return 0 or a count on success.
 *   -EAGAIN      no room now; nothing was sent; call am_poll or am_wait, then again
 *   -EHOSTDOWN   the peer was declared down
 *   -EINVAL      no such process, handler or memory; too many arguments
 *   -EMSGSIZE    a payload longer than am_max_medium()
 *
 * Threads: one thread uses an endpoint at a time, unless it was opened with AM_THREADS; then callers
 * bracket their use of it with am_lock and am_unlock.
 *
 * Times are nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef CARAVAN_AM_H
#define CARAVAN_AM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AM_API __attribute__((visibility("default")))

/* One process's membership of a job. Several may exist in one process (the tests have thousands). */
struct am;

enum {
    AM_MAX_ARGS = 6,     /* 64-bit arguments that a request carries */
    AM_HANDLERS = 192,   /* handler indices are 0 .. AM_HANDLERS - 1 */
    AM_MAX_REPLY = 1024, /* payload bytes of a reply, at most */
    AM_TOLD = 32,        /* lines that tell what a process is doing */
};

#define AM_FOREVER UINT64_MAX

/* ---- joining and leaving ---------------------------------------------------------------------- */

enum am_flags {
    AM_THREADS = 1 << 0, /* several threads use the endpoint, under am_lock */
};

struct am_options {
    unsigned flags; /* of enum am_flags */
};

/* Join the job that started this process, as its environment says: PMI_FD for a launcher that speaks
 * PMI-1 (mpirun, hydra); nothing at all for a job of one. `options` may be NULL.
 * On failure *am is NULL and one line on standard error says what failed and what to do. */
AM_API int am_open(struct am **am, const struct am_options *options);

/* Leave: drain, wait until every process of the job has (serving them meanwhile), tell the launcher, free everything.
 * Collective. The endpoint is gone even when this fails. */
AM_API int am_close(struct am *am);

/* This process's number, and how many processes the job was started with (0 .. size - 1). */
AM_API uint32_t am_self(const struct am *am);
AM_API uint32_t am_size(const struct am *am);

/* The node of a process (nodes count from 0 in the launcher's order) and its host's name. Two nodes are two
 * launcher agents and may be one machine. The name lives as long as the endpoint. */
AM_API uint32_t am_node(const struct am *am, uint32_t process);
AM_API const char *am_host(const struct am *am, uint32_t process);

/* Which program of an `mpirun A : B` this process runs, from 0. */
AM_API uint32_t am_program(const struct am *am);

/* ---- requests ------------------------------------------------------------------------------------ */

/* What a handler is given. Everything it points to is valid until the handler returns. */
struct am_message {
    uint32_t source; /* the sending process */
    uint32_t nargs;
    const uint64_t *args; /* `nargs` of them */
    const void *payload;  /* 8-byte aligned */
    size_t length;        /* bytes at `payload` */
    uint64_t token;       /* for am_reply; 0: this request wants none */
};

/* Runs in am_poll. It may call am_reply once where the token is not 0, am_defer, am_expose, am_conceal
 * and am_get/am_put; it may not send requests (defer that) and not block. */
typedef void am_handler(struct am *am, const struct am_message *message, void *context);

/* Give `index` its handler. A request that arrives for an index without one is held back, with
 * everything after it from that peer, until there is one. */
AM_API int am_set_handler(struct am *am, unsigned index, am_handler *handler, void *context);

/* The longest payload of a request, in bytes; the same for every peer. */
AM_API size_t am_max_medium(const struct am *am);

/* Send a request: *short* with length 0, *medium* otherwise. Arguments and payload are copied before
 * this returns. To oneself is allowed and takes the same way through am_poll. */
AM_API int am_request(struct am *am, uint32_t peer, unsigned handler, const uint64_t *args,
                      unsigned nargs, const void *payload, size_t length);

/* The same, with the payload gathered from two places: `head` first, then `body`. */
AM_API int am_request2(struct am *am, uint32_t peer, unsigned handler, const uint64_t *args,
                       unsigned nargs, const void *head, size_t head_length, const void *body,
                       size_t body_length);

/* A request whose handler will reply exactly once, with at most AM_MAX_REPLY bytes. The reply's room is
 * reserved here (-EAGAIN without), so that am_reply never fails for want of it. */
AM_API int am_request_reply(struct am *am, uint32_t peer, unsigned handler, const uint64_t *args,
                            unsigned nargs, const void *payload, size_t length);

/* From a handler, once, or later with the token it was given: answer `message`'s sender. */
AM_API int am_reply(struct am *am, uint32_t peer, uint64_t token, unsigned handler,
                    const uint64_t *args, unsigned nargs, const void *payload, size_t length);

/* ---- deferred work ---------------------------------------------------------------------------- */

/* Work that a handler leaves behind. am_poll runs it after the handlers, in the order it was deferred;
 * it may send requests. Returning -EAGAIN keeps it, at its place in the order, for the next poll; any other
 * value ends it. The storage is the caller's, untouched from am_defer until `run` ends it. */
struct am_work {
    int (*run)(struct am *am, struct am_work *work);
    struct am_work *next; /* private */
};

AM_API void am_defer(struct am *am, struct am_work *work);

/* ---- long messages ------------------------------------------------------------------------------ */

/* Memory that one process lets one peer reach: send the two words to that peer, by value. */
struct am_memory {
    uint64_t base;
    uint64_t key;
};

enum am_access {
    AM_READ = 1 << 0,  /* the peer may am_get from it */
    AM_WRITE = 1 << 1, /* the peer may am_put into it */
    /* With AM_READ alone: this process polls until the peer has got it all. The peer then has the bytes streamed where that is faster
     * than to copy them by itself. */
    AM_ATTENDED = 1 << 2,
};

/* Expose `length` bytes at `base` to `peer` until am_conceal. Cheap: no system call, nothing pinned. -ENOMEM. */
AM_API int am_expose(struct am *am, uint32_t peer, void *base, size_t length, unsigned access,
                     struct am_memory *memory);

/* End it. The caller says so after the transfer's handler has run; a later access by the peer is refused. */
AM_API void am_conceal(struct am *am, const struct am_memory *memory);

/* A long message ended here: `status` is 0, or -EHOSTDOWN, or -EFAULT (the peer refused: concealed or out of
 * bounds). Runs in am_poll, or in am_put/am_get itself before that returns. Same rules as a handler. */
typedef void am_done(struct am *am, void *context, int status);

/* Copy `length` bytes (0 is allowed) from `source` to `offset` in the peer's `target`, then run `handler` there.
 * `done` runs here when `source` may be reused. -EAGAIN: nothing happened and `done` will not run. */
AM_API int am_put(struct am *am, uint32_t peer, const struct am_memory *target, size_t offset,
                  const void *source, size_t length, unsigned handler, const uint64_t *args,
                  unsigned nargs, am_done *done, void *context);

/* Copy `length` bytes (0 is allowed) from `offset` in the peer's `source` to `target`; run `done` here when the last
 * byte is in place, and then `handler` in the peer. */
AM_API int am_get(struct am *am, uint32_t peer, const struct am_memory *source, size_t offset,
                  void *target, size_t length, unsigned handler, const uint64_t *args,
                  unsigned nargs, am_done *done, void *context);

/* Data that are not in a row, by their packed form: copy its bytes `offset` .. `offset + length` - 1 to `packed`, or from
 * there into place. Any piece may be asked for at any time, in any order and more than once. Calls nothing of this header. */
typedef void am_pack(void *data, size_t offset, void *packed, size_t length);
typedef void am_unpack(void *data, size_t offset, const void *packed, size_t length);

/* Where byte `offset` of the packed form lies, and how many follow it there in a row: *length, at least 1. So may longer runs be copied from
 * and to their places. */
typedef void *am_run(void *data, size_t offset, size_t *length);

/* Expose `length` packed bytes of `data` to `peer`, which may am_get them, until am_conceal. They are packed as they are
 * sent: `data` and what it stands for stay as they are till then. `access` is AM_READ, perhaps with AM_ATTENDED; `run` may be NULL. */
AM_API int am_expose_packed(struct am *am, uint32_t peer, am_pack *pack, am_run *run, void *data,
                            size_t length, unsigned access, struct am_memory *memory);

/* am_get into `data`, through `unpack` (with offsets from 0 on), or to where `run` says, which may be NULL. */
AM_API int am_get_unpacked(struct am *am, uint32_t peer, const struct am_memory *source,
                           size_t offset, am_unpack *unpack, am_run *run, void *data, size_t length,
                           unsigned handler, const uint64_t *args, unsigned nargs, am_done *done,
                           void *context);

/* Some memory of this process's *segment*, which its peers on the same node map: what is exposed there they copy without the
 * kernel, which is worth a copy of one's own where several of them get the same bytes. NULL: these are too many, the one piece
 * that there is was taken, or there is no such memory. It is on a page of its own. */
AM_API void *am_segment_take(struct am *am, size_t size);
/* Give it back: nothing in it is exposed any more. */
AM_API void am_segment_give(struct am *am);

/* ---- progress --------------------------------------------------------------------------------- */

/* Take what has arrived: run its handlers, then deferred work. Never blocks. Returns how many messages were
 * handled and pieces of work ended (0: nothing happened), or the error that broke the endpoint (-ECONNRESET: the
 * launcher is gone). */
AM_API int am_poll(struct am *am);

/* Like am_poll, but wait for something to happen until `deadline` (AM_FOREVER: without end): spin for 50 us (yielding
 * the core when the node has more ranks than cores), then sleep on every source at once. Returns what am_poll
 * returned; 0 at the deadline, and after a signal handler ran. */
AM_API int am_wait(struct am *am, uint64_t deadline);

/* Wait until every frame this process sent was acknowledged, serving others meanwhile. 0 or an error. */
AM_API int am_drain(struct am *am);

/* Wait until every process of the job is here, serving others meanwhile. Collective. -EHOSTDOWN: one is down, and the launcher, which is
 * not ours, does not know of it. */
AM_API int am_fence(struct am *am);

/* Mutual exclusion for AM_THREADS; nothing otherwise. am_wait releases the lock while it sleeps, and wakes when
 * another thread's poll handled something. */
AM_API void am_lock(struct am *am);
AM_API void am_unlock(struct am *am);

/* ---- failure ---------------------------------------------------------------------------------- */

/* `reason` is one line without a newline: which process, host and address, and what was observed. */
typedef void am_peer_down(struct am *am, uint32_t process, const char *reason, void *context);
AM_API void am_on_peer_down(struct am *am, am_peer_down *function, void *context);

/* End the whole job with this exit status and a line of explanation; does not return. */
AM_API void am_abort(struct am *am, int status, const char *text) __attribute__((noreturn));

/* ---- looking at it ------------------------------------------------------------------------------ */

/* One line about the way to `process`: link, address, sequence numbers, what is unacknowledged. Returns what
 * snprintf would. */
AM_API int am_describe(struct am *am, uint32_t process, char *text, size_t size);

/* Counters of this endpoint since am_open; names and values, in a fixed order. Returns how many there
 * are; *name is NULL past the end. */
AM_API uint64_t am_counter(const struct am *am, unsigned index, const char **name);

/* Somebody asks mpirun what the processes of the job are doing. `function` runs in am_poll or am_wait; it may call nothing
 * of this header but am_tell, am_describe and am_counter. It returns whether this process waits for others. */
typedef bool am_query(struct am *am, void *context);
AM_API void am_on_query(struct am *am, am_query *function, void *context);

/* From such a function: a line of at most 255 bytes, in printf's format. The first one says what the process is doing, and processes
 * whose first lines are alike are told together; the others are details. At most AM_TOLD lines are told. */
AM_API void am_tell(struct am *am, const char *format, ...) __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif
#endif
