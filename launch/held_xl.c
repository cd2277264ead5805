/* SPDX-License-Identifier: BSD-2-Clause
 *
 * launch/held_xl.c: see held.h.
 */
#include "launch/held.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control/channel.h"
#include "launch/string_list.h"
#include "launch/xenlib.h"
#include "launch/xl.h"

enum {
    CREATE_MS = 60000,
    DESTROY_MS = 20000,
};

#define SHUTDOWN_PATH "/local/domain/%d/control/shutdown"

struct held_xl {
    struct held held;
    struct xen *xen;
    int domain; /* -1: none yet */
    char path[HELD_MAX_PATH];
    bool connect, connected;
    bool made;   /* by xl: it is to be destroyed */
    bool unsure; /* whether xl has made it: it did not get to say so */
};

static struct held_xl *of(const struct held *held)
{
    return (struct held_xl *)held;
}

/* What xl said of a failure, in one line: what it calls an error, or all of it. */
static void xl_error(char *output, int status)
{
    char kept[1024] = "", *place = NULL;
    bool errors = strstr(output, "error") != NULL;
    size_t length = 0;

    for (char *line = strtok_r(output, "\n", &place); line && length < sizeof(kept) - 1;
         line = strtok_r(NULL, "\n", &place))
        if (!errors || strstr(line, "error"))
            length += (size_t)snprintf(kept + length, sizeof(kept) - length, "%s%s",
                                       length ? "; " : "", line);
    if (length == 0)
        snprintf(kept, sizeof(kept),
                 status > 128 ? "xl was killed by signal %d"
                              : "xl says nothing, and %d is its exit status",
                 status > 128 ? status - 128 : status);
    strcpy(output, kept);
}

/* The configuration is a file without a name: nobody else reads it, and none is left. */
static int write_config(const struct domain *domain)
{
    char config[4096];
    int result = domain_config(domain, config, sizeof(config));
    int fd = result < 0 ? result : memfd_create("caravan-domain", MFD_CLOEXEC);

    if (result == 0 && fd < 0)
        return -errno;
    if (result == 0 && write(fd, config, strlen(config)) != (ssize_t)strlen(config)) {
        close(fd);
        return -EIO;
    }
    return fd;
}

static bool xl_make(struct held *held, const struct domain *domain, char *error, size_t size)
{
    struct held_xl *xl = of(held);
    char path[64], shutdown[HELD_MAX_PATH], output[4096];
    const char *arguments[] = {"create", "-q", path, NULL};
    int config = write_config(domain), result;

    if (domain->name)
        snprintf(held->name, sizeof(held->name), "%s", domain->name);
    else
        domain_name(held->name, domain->job, domain->process);
    if (config < 0) {
        snprintf(error, size, "domain %s: its configuration: %s", held->name, strerror(-config));
        return false;
    }
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), config);
    xl->made = true;
    result = xl_run(arguments, CREATE_MS, output, sizeof(output));
    close(config);
    if (result != 0) {
        xl->unsure = result < 0;
        xl_error(output, result);
        snprintf(error, size, "domain %s could not be made: %.900s", held->name,
                 result < 0 ? strerror(-result) : output);
        return false;
    }
    xl->domain = xen_domain_find(xl->xen, held->name);
    if (xl->domain < 0)
        return true; /* and gone again: the first look tells */
    snprintf(xl->path, sizeof(xl->path), HELD_CHANNEL_PATH, xl->domain);
    xen_store_watch(xl->xen, xl->path);
    snprintf(shutdown, sizeof(shutdown), SHUTDOWN_PATH, xl->domain);
    xen_store_watch(xl->xen, shutdown);
    return true;
}

static int xl_number(const struct held *held)
{
    return of(held)->domain;
}

static int xl_fd(const struct held *held)
{
    return xen_store_fd(of(held)->xen);
}

static bool serves(const struct held_xl *xl)
{
    char path[HELD_MAX_PATH + 32], *event;

    /* The last of the keys that the guest writes. */
    snprintf(path, sizeof(path), "%s/event-channel", xl->path);
    event = xen_store_read(xl->xen, path);
    free(event);
    return event;
}

/* What `xl shutdown` and `xl reboot` write there is taken by emptying it, which they wait for. `suspend`, of `xl save`, stays: to take it
 * would be a promise, and xl gives up without. */
static void look_for_shutdown(struct held_xl *xl)
{
    static const char *const wanted[] = {"poweroff", "halt", "reboot"};
    char path[HELD_MAX_PATH], *request;

    snprintf(path, sizeof(path), SHUTDOWN_PATH, xl->domain);
    request = xen_store_read(xl->xen, path);
    for (size_t i = 0; request && i < sizeof(wanted) / sizeof(*wanted); i++)
        if (strcmp(request, wanted[i]) == 0) {
            xl->held.shutdown = true;
            xen_store_write(xl->xen, path, "");
        }
    free(request);
}

static enum held_state xl_look(struct held *held, char *error, size_t size)
{
    struct held_xl *xl = of(held);

    xen_store_clear(xl->xen);
    if (xl->domain < 0)
        return HELD_ENDED;
    if (!xl->connected && serves(xl)) {
        xl->connected = !xl->connect || xen_channel_open(xl->xen, xl->domain, xl->path);
        if (!xl->connected && xen_domain_lives(xl->xen, xl->domain)) {
            snprintf(error, size,
                     "domain %s: its control channel cannot be opened: %s (are the modules"
                     " xen-gntdev and xen-evtchn loaded?)",
                     held->name, strerror(errno));
            return HELD_FAILED;
        }
    }
    look_for_shutdown(xl);
    /* One that has just ended may have said its last words: its channel is there to read them. */
    if (!xen_domain_lives(xl->xen, xl->domain))
        return HELD_ENDED;
    return xl->connected ? HELD_SERVES : HELD_BOOTS;
}

static int xl_channel_fd(const struct held *held)
{
    return xen_channel_fd(of(held)->xen);
}

static void xl_clear(struct held *held)
{
    xen_channel_clear(of(held)->xen);
}

static ssize_t xl_read(struct held *held, void *bytes, size_t size)
{
    return xen_channel_read(of(held)->xen, bytes, size);
}

static ssize_t xl_write(struct held *held, const void *bytes, size_t size)
{
    return xen_channel_write(of(held)->xen, bytes, size);
}

static bool xl_destroy(struct held *held, char *error, size_t size)
{
    struct held_xl *xl = of(held);
    const char *const arguments[] = {"destroy", held->name, NULL};
    char output[1024];

    error[0] = '\0';
    if (!xl->made || (xl->domain >= 0 && !xen_domain_lives(xl->xen, xl->domain)))
        return true;
    for (int tries = 0; tries < 3; tries++) {
        if (xl_run(arguments, DESTROY_MS, output, sizeof(output)) == 0)
            return true;
        /* It has ended by itself in the meantime, or xl has removed what it could not make. One that xl had no time to
         * name is found by its UUID, by the reaper or the root agent. */
        if (!xl->unsure && xen_domain_find(xl->xen, held->name) < 0 &&
            (xl->domain < 0 || !xen_domain_lives(xl->xen, xl->domain)))
            return true;
    }
    if (!xl->unsure)
        snprintf(error, size, "domain %s cannot be destroyed: %.900s", held->name, output);
    return false;
}

static void xl_close(struct held *held)
{
    xen_close(of(held)->xen);
    free(held);
}

static const struct held_ops by_xl = {
    .make = xl_make,
    .number = xl_number,
    .fd = xl_fd,
    .look = xl_look,
    .channel_fd = xl_channel_fd,
    .clear = xl_clear,
    .read = xl_read,
    .write = xl_write,
    .destroy = xl_destroy,
    .close = xl_close,
};

struct held *held_by_xl(bool connect, char *error, size_t size)
{
    struct held_xl *xl = memory_zeroed(1, sizeof(*xl));

    xl->held.ops = &by_xl;
    xl->domain = -1;
    xl->connect = connect;
    xl->xen = xen_open(error, size);
    if (!xl->xen) {
        free(xl);
        return NULL;
    }
    return &xl->held;
}
