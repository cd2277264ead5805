/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/xenlib.h: what a keeper needs of Xen's libraries: the store, and vchans.
 *
 * They are loaded when first needed and not linked: Caravan is of use without Xen, and libxenvchan belongs to one version of Xen,
 * so that a program linked with it would fit one Debian release's Xen only. The version that runs is the one that is loaded
 * (libxenvchan.so.MAJOR.MINOR); the functions used have been the same since Xen 4.2.
 */
#ifndef CARAVAN_XENLIB_H
#define CARAVAN_XENLIB_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct xen;

/* Load the libraries and connect to the store. NULL with one line in `error`. */
struct xen *xen_open(char *error, size_t size);
/* Load the libraries and become the client of the vchan that `domain` serves at `path`, with no connection to the store that
 * would stay: the functions xen_channel_... are then of use, and no other. NULL with one line in `error`. */
struct xen *xen_open_channel(int domain, const char *path, char *error, size_t size);
void xen_close(struct xen *xen);

/* Readable when a domain has ended somewhere, or something has changed below a watched path. */
int xen_store_fd(const struct xen *xen);
/* Take what made it readable. */
void xen_store_clear(struct xen *xen);
bool xen_store_watch(struct xen *xen, const char *path);
/* The value at `path`, the caller's to free; NULL: none. */
char *xen_store_read(struct xen *xen, const char *path);
bool xen_store_write(struct xen *xen, const char *path, const char *value);

/* The number of the domain of that name, or -ENOENT. */
int xen_domain_find(struct xen *xen, const char *name);
/* It runs: it has neither gone nor shut down. */
bool xen_domain_lives(struct xen *xen, int domain);

/* Become the client of the vchan that `domain` serves at `path`. False: there is none yet. */
bool xen_channel_open(struct xen *xen, int domain, const char *path);
int xen_channel_fd(const struct xen *xen);
/* Take what made it readable: then look at both directions again. */
void xen_channel_clear(struct xen *xen);
/* Some bytes, 0 when there are none (or no room) now, -ECONNRESET when the other end has closed and all was read. */
ssize_t xen_channel_read(struct xen *xen, void *bytes, size_t size);
ssize_t xen_channel_write(struct xen *xen, const void *bytes, size_t size);

#endif
