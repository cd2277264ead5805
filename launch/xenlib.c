/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/xenlib.c: see xenlib.h.
 */
#include "launch/xenlib.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launch/string_list.h"

/* The functions, as xenstore.h and libxenvchan.h declare them; a handle of theirs is a pointer to us. */
struct xen {
    struct {
        void *(*xs_open)(unsigned long flags);
        void (*xs_close)(void *store);
        int (*xs_fileno)(void *store);
        bool (*xs_watch)(void *store, const char *path, const char *token);
        char **(*xs_check_watch)(void *store);
        void *(*xs_read)(void *store, unsigned transaction, const char *path, unsigned *length);
        char **(*xs_directory)(void *store, unsigned transaction, const char *path,
                               unsigned *count);
        bool (*xs_write)(void *store, unsigned transaction, const char *path, const void *value,
                         unsigned length);
        bool (*xs_is_domain_introduced)(void *store, unsigned domain);
    } store;
    struct {
        void *(*client_init)(void *logger, int domain, const char *path);
        void (*close)(void *channel);
        int (*fd_for_select)(void *channel);
        int (*wait)(void *channel);
        int (*is_open)(void *channel);
        int (*data_ready)(void *channel);
        int (*buffer_space)(void *channel);
        int (*read)(void *channel, void *bytes, size_t size);
        int (*write)(void *channel, const void *bytes, size_t size);
    } vchan;
    void *store_library, *vchan_library;
    void *handle;  /* of the store */
    void *channel; /* NULL: none yet */
};

static bool find(void *library, const char *name, void *function, char *error, size_t size)
{
    void *found = dlsym(library, name);

    if (!found) {
        snprintf(error, size, "Xen's libraries have no function %s", name);
        return false;
    }
    memcpy(function, &found, sizeof(found));
    return true;
}

static void *load(const char *name, char *error, size_t size)
{
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);

    if (!library)
        snprintf(error, size, "%s (Debian: libxenstore4, libxenmisc4.NN)", dlerror());
    return library;
}

static int version_part(const char *name)
{
    char path[64];
    FILE *file;
    int value = -1;

    snprintf(path, sizeof(path), "/sys/hypervisor/version/%s", name);
    file = fopen(path, "re");
    if (file && fscanf(file, "%d", &value) != 1)
        value = -1;
    if (file)
        fclose(file);
    return value;
}

static bool load_all(struct xen *xen, char *error, size_t size)
{
    char name[64];

    snprintf(name, sizeof(name), "libxenvchan.so.%d.%d", version_part("major"),
             version_part("minor"));
    xen->store_library = load("libxenstore.so.4", error, size);
    xen->vchan_library = xen->store_library ? load(name, error, size) : NULL;
    if (!xen->vchan_library)
        return false;
#define STORE(function) find(xen->store_library, #function, &xen->store.function, error, size)
#define VCHAN(function)                                                                            \
    find(xen->vchan_library, "libxenvchan_" #function, &xen->vchan.function, error, size)
    return STORE(xs_open) && STORE(xs_close) && STORE(xs_fileno) && STORE(xs_watch) &&
           STORE(xs_check_watch) && STORE(xs_read) && STORE(xs_directory) && STORE(xs_write) &&
           STORE(xs_is_domain_introduced) && VCHAN(client_init) && VCHAN(close) &&
           VCHAN(fd_for_select) && VCHAN(wait) && VCHAN(is_open) && VCHAN(data_ready) &&
           VCHAN(buffer_space) && VCHAN(read) && VCHAN(write);
}

struct xen *xen_open(char *error, size_t size)
{
    struct xen *xen = memory_zeroed(1, sizeof(*xen));

    if (load_all(xen, error, size)) {
        xen->handle = xen->store.xs_open(0);
        /* The store tells of every domain that ends under this name. */
        if (xen->handle && xen->store.xs_watch(xen->handle, "@releaseDomain", "end"))
            return xen;
        snprintf(error, size, "no connection to xenstored: %s", strerror(errno));
    }
    xen_close(xen);
    return NULL;
}

struct xen *xen_open_channel(int domain, const char *path, char *error, size_t size)
{
    struct xen *xen = memory_zeroed(1, sizeof(*xen));

    if (load_all(xen, error, size)) {
        if (xen_channel_open(xen, domain, path))
            return xen;
        snprintf(error, size, "the control channel of domain %d cannot be opened: %s", domain,
                 strerror(errno));
    }
    xen_close(xen);
    return NULL;
}

void xen_close(struct xen *xen)
{
    if (!xen)
        return;
    if (xen->channel)
        xen->vchan.close(xen->channel);
    if (xen->handle)
        xen->store.xs_close(xen->handle);
    if (xen->vchan_library)
        dlclose(xen->vchan_library);
    if (xen->store_library)
        dlclose(xen->store_library);
    free(xen);
}

int xen_store_fd(const struct xen *xen)
{
    return xen->store.xs_fileno(xen->handle);
}

void xen_store_clear(struct xen *xen)
{
    char **event;

    while ((event = xen->store.xs_check_watch(xen->handle)))
        free(event);
}

bool xen_store_watch(struct xen *xen, const char *path)
{
    return xen->store.xs_watch(xen->handle, path, "change");
}

char *xen_store_read(struct xen *xen, const char *path)
{
    unsigned length;

    return xen->store.xs_read(xen->handle, 0, path, &length);
}

bool xen_store_write(struct xen *xen, const char *path, const char *value)
{
    return xen->store.xs_write(xen->handle, 0, path, value, (unsigned)strlen(value));
}

int xen_domain_find(struct xen *xen, const char *name)
{
    unsigned count = 0;
    char **list = xen->store.xs_directory(xen->handle, 0, "/local/domain", &count);
    int found = -ENOENT;

    for (unsigned i = 0; list && i < count && found < 0; i++) {
        char *path = text_format("/local/domain/%s/name", list[i]);
        char *its = xen_store_read(xen, path);

        if (its && strcmp(its, name) == 0)
            found = atoi(list[i]);
        free(its);
        free(path);
    }
    free(list);
    return found;
}

bool xen_domain_lives(struct xen *xen, int domain)
{
    return xen->store.xs_is_domain_introduced(xen->handle, (unsigned)domain);
}

bool xen_channel_open(struct xen *xen, int domain, const char *path)
{
    xen->channel = xen->vchan.client_init(NULL, domain, path);
    return xen->channel;
}

int xen_channel_fd(const struct xen *xen)
{
    return xen->vchan.fd_for_select(xen->channel);
}

void xen_channel_clear(struct xen *xen)
{
    xen->vchan.wait(xen->channel);
}

ssize_t xen_channel_read(struct xen *xen, void *bytes, size_t size)
{
    /* Looked at first: what was written before the close is there when the close is seen. */
    bool open = xen->vchan.is_open(xen->channel) == 1;
    int got = xen->vchan.data_ready(xen->channel) > 0 ? xen->vchan.read(xen->channel, bytes, size)
                                                      : 0;

    if (got < 0 || (got == 0 && !open))
        return -ECONNRESET;
    return got;
}

ssize_t xen_channel_write(struct xen *xen, const void *bytes, size_t size)
{
    int written = xen->vchan.write(xen->channel, bytes, size);

    return written < 0 ? -ECONNRESET : written;
}
