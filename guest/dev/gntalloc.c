/* SPDX-License-Identifier: BSD-2-Clause */
/* /dev/xen/gntalloc, with Linux's calls (xen/gntalloc.h): pages of ours that another domain may map. */
#include "guest/dev/device.h"
#include "guest/linux/user.h"
#include "guest/mm/area.h"
#include "guest/mm/page.h"
#include "guest/mm/vm.h"
#include "guest/xen/event.h"
#include "guest/xen/grant.h"

#include <asm/ioctl.h>
#include <linux/mman.h>
#include <xen/gntalloc.h>

#define COUNT_MAX 1024 /* pages a call */

struct granted {
    struct granted *next;
    uint64_t index; /* the mmap offset that names it */
    void *page;
    grant_ref_t ref;
    unsigned notify_action;
    uint32_t notify_offset;
    evtchn_port_t notify_port;
};

/* Released while still mapped here, or by the other domain: looked at again now and then. A page that
 * the peer never lets go of stays here for ever (XSA-396). */
static struct granted *waiting;

/* Tell the peer, once, that this side is gone. */
static void granted_notify(struct granted *granted)
{
    if (granted->notify_action & UNMAP_NOTIFY_CLEAR_BYTE)
        ((char *)granted->page)[granted->notify_offset] = 0;
    if (granted->notify_action & UNMAP_NOTIFY_SEND_EVENT)
        event_notify(granted->notify_port);
    granted->notify_action = 0;
}

static void waiting_sweep(void)
{
    for (struct granted **link = &waiting; *link;) {
        struct granted *granted = *link;

        if (page_owners(granted->page) == 1) {
            granted_notify(granted);
            if (grant_end(granted->ref) == 0) {
                *link = granted->next;
                page_put(granted->page);
                heap_free(granted);
                continue;
            }
        }
        link = &granted->next;
    }
}

static void granted_release(struct granted *granted)
{
    granted->next = waiting;
    waiting = granted;
    waiting_sweep();
}

static struct granted **granted_find(struct file *file, uint64_t index)
{
    struct granted **link = (struct granted **)&file->state;

    while (*link && (*link)->index != index)
        link = &(*link)->next;
    return link;
}

/* `count` grants from `index` on leave the file's list, which is in the order of the indices. */
static long granted_drop(struct file *file, uint64_t index, uint32_t count)
{
    struct granted **link = granted_find(file, index), *last = *link;

    for (uint32_t i = 1; i < count && last; i++)
        last = last->next && last->next->index == last->index + PAGE_SIZE ? last->next : NULL;
    if (!count || !last)
        return -EINVAL;
    for (uint32_t i = 0; i < count; i++) {
        struct granted *granted = *link;

        *link = granted->next;
        granted_release(granted);
    }
    return 0;
}

static long gntalloc_alloc(struct file *file, struct ioctl_gntalloc_alloc_gref *argument)
{
    static uint64_t next_index;
    struct ioctl_gntalloc_alloc_gref request;
    uint64_t index = next_index;
    long error = 0;
    uint32_t made;

    if (user_read(&request, argument, offsetof(struct ioctl_gntalloc_alloc_gref, gref_ids)))
        return -EFAULT;
    if (!request.count || request.count > COUNT_MAX)
        return -EINVAL;
    if (grant_init())
        return -ENODEV;
    if (request.count > grant_available())
        return -ENOSPC;
    waiting_sweep();
    for (made = 0; made < request.count; made++) {
        struct granted *granted = heap_alloc(sizeof *granted), **last;
        int ref;

        if (!granted || !(granted->page = page_alloc_zeroed())) {
            heap_free(granted);
            error = -ENOMEM;
            break;
        }
        ref = grant_access(request.domid, granted->page, !(request.flags & GNTALLOC_FLAG_WRITABLE));
        if (ref < 0) {
            page_put(granted->page);
            heap_free(granted);
            error = ref;
            break;
        }
        granted->ref = (grant_ref_t)ref;
        granted->index = index + made * PAGE_SIZE;
        for (last = (struct granted **)&file->state; *last; last = &(*last)->next)
            ;
        *last = granted;
        if (user_write(&argument->gref_ids[made], &granted->ref, sizeof granted->ref)) {
            made++;
            error = -EFAULT;
            break;
        }
    }
    if (!error && user_write(&argument->index, &index, sizeof index))
        error = -EFAULT;
    next_index += made * PAGE_SIZE;
    if (error && made)
        granted_drop(file, index, made);
    return error;
}

static long gntalloc_notify(struct file *file, const struct ioctl_gntalloc_unmap_notify *argument)
{
    struct ioctl_gntalloc_unmap_notify request;
    struct granted *granted;

    if (user_read(&request, argument, sizeof request))
        return -EFAULT;
    granted = *granted_find(file, page_down(request.index));
    if (!granted)
        return -ENOENT;
    if (request.action & ~(unsigned)(UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT))
        return -EINVAL;
    granted->notify_action = request.action;
    granted->notify_offset = request.index & (PAGE_SIZE - 1);
    granted->notify_port = request.event_channel_port;
    return 0;
}

static long gntalloc_ioctl(struct file *file, unsigned command, void *argument)
{
    struct ioctl_gntalloc_dealloc_gref dealloc;

    switch (command) {
    case IOCTL_GNTALLOC_ALLOC_GREF:
        return gntalloc_alloc(file, argument);
    case IOCTL_GNTALLOC_DEALLOC_GREF:
        if (user_read(&dealloc, argument, sizeof dealloc))
            return -EFAULT;
        return granted_drop(file, dealloc.index, dealloc.count);
    case IOCTL_GNTALLOC_SET_UNMAP_NOTIFY:
        return gntalloc_notify(file, argument);
    default:
        return -ENOTTY;
    }
}

static int gntalloc_map(struct file *file, struct area *area)
{
    struct granted *granted = *granted_find(file, area->offset);

    if (!area->shared)
        return -EINVAL;
    for (uint64_t va = area->start; va < area->end; va += PAGE_SIZE, granted = granted->next) {
        int error;

        if (!granted || granted->index != area->offset + (va - area->start))
            return -ENOENT;
        error = area_enter(area, va, table_value(granted->page, area->prot & PROT_WRITE, false));
        if (error)
            return error;
        page_ref(granted->page);
    }
    return 0;
}

/* A page that was given back while it was mapped here ends with its last mapping. */
static void gntalloc_unmap(struct file *file, struct area *area)
{
    pages_drop(area->start, area->end);
    waiting_sweep();
}

static void gntalloc_release(struct file *file)
{
    for (struct granted *granted = file->state, *next; granted; granted = next) {
        next = granted->next;
        granted_release(granted);
    }
}

const struct file_ops device_gntalloc_ops = {
    .ioctl = gntalloc_ioctl,
    .mmap = gntalloc_map,
    .unmap = gntalloc_unmap,
    .release = gntalloc_release,
    .stream = true,
};
