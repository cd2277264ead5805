/* SPDX-License-Identifier: BSD-2-Clause */
/* guest/xen/xenstore.h: a client of Xen's directory of domains and devices.
 *
 * Paths are relative to the domain's own (/local/domain/<id>) unless they begin with '/'. A call writes
 * its request to the ring and waits for the reply; watch events that arrive in between are queued. In
 * dom0 without a store every call returns -ENXIO. Transaction 0 is no transaction.
 */
#ifndef GUEST_XEN_XENSTORE_H
#define GUEST_XEN_XENSTORE_H

#include "guest/kernel.h"

#include <xen/xen.h>
#include <xen/event_channel.h>

#define XENSTORE_PATH_MAX  3072
#define XENSTORE_VALUE_MAX 4096

/* Find the ring of start_info. -ENXIO where the domain has no store. */
int xenstore_init(void);

/* The value at `path`, NUL-terminated in `value`. Its length, -ENOENT, -E2BIG when it does not fit, or
 * another negative errno. */
int xenstore_read(uint32_t transaction, const char *path, char *value, size_t size);

/* The unsigned decimal number at `path`; -EINVAL where it is none. */
int xenstore_read_number(uint32_t transaction, const char *path, uint64_t *number);

int xenstore_write(uint32_t transaction, const char *path, const char *value);
int xenstore_write_number(uint32_t transaction, const char *path, uint64_t number);
int xenstore_remove(uint32_t transaction, const char *path);

/* Let domain `peer` read the node (which stays ours). */
int xenstore_allow_read(uint32_t transaction, const char *path, domid_t peer);

/* The names under `path`, each ended by a NUL, one after the other. The bytes written, -E2BIG where
 * they do not fit. */
int xenstore_directory(uint32_t transaction, const char *path, char *names, size_t size);

/* Begin a transaction; end it. xenstore_commit returns -EAGAIN when somebody changed what it read:
 * begin again. */
int xenstore_begin(uint32_t *transaction);
int xenstore_commit(uint32_t transaction);
int xenstore_abort(uint32_t transaction);

/* Watch `path` and what is below it. The event for a new watch fires at once, by the protocol. */
int xenstore_watch(const char *path, const char *token);
int xenstore_unwatch(const char *path, const char *token);

/* The next watch event: the token in `token`, the path that changed in `path` (either may be NULL).
 * -EAGAIN when there is none. Does not sleep. Events that found the queue full are dropped, which is
 * told once: -EOVERFLOW, after which everything watched has to be read again. */
int xenstore_watch_next(char *path, size_t path_size, char *token, size_t token_size);

/* The port to wait on for watch events (event_wait), and its event is to be taken by
 * xenstore_watch_next only. 0 without a store. */
evtchn_port_t xenstore_port(void);

#endif
