/* SPDX-License-Identifier: BSD-2-Clause */
/* /dev/xen/gntdev, with Linux's calls (xen/gntdev.h): pages of other domains, mapped here. */
#include "guest/dev/device.h"
#include "guest/linux/user.h"
#include "guest/mm/table.h"
#include "guest/mm/vm.h"
#include "guest/xen/event.h"
#include "guest/xen/grant.h"

#include <asm/ioctl.h>
#include <linux/mman.h>
#include <xen/gntdev.h>

#define COUNT_MAX 1024       /* pages a call */
#define FORGOTTEN UINT64_MAX /* its name is gone, its mapping not yet */

struct mapping {
    struct mapping *next;
    uint64_t index; /* the mmap offset that names it, or FORGOTTEN */
    uint32_t domain, ref;
    uint32_t first_of; /* for the first page of a call's: how many pages it names */
    bool mapped;
    grant_handle_t handle;
    uint64_t va;
    unsigned notify_action;
    uint32_t notify_offset;
    evtchn_port_t notify_port;
};

static struct mapping **mapping_find(struct file *file, uint64_t index)
{
    struct mapping **link = (struct mapping **)&file->state;

    while (*link && (*link)->index != index)
        link = &(*link)->next;
    return link;
}

static void mapping_end(struct mapping *mapping)
{
    const pte_t *entry;
    int error;

    if (!mapping->mapped)
        return;
    if (mapping->notify_action & UNMAP_NOTIFY_CLEAR_BYTE) {
        char zero = 0;

        user_write((char *)mapping->va + mapping->notify_offset, &zero, 1);
    }
    if (mapping->notify_action & UNMAP_NOTIFY_SEND_EVENT)
        event_notify(mapping->notify_port);
    mapping->notify_action = 0;
    entry = table_entry(mapping->va, false);
    error = grant_unmap(mapping->handle, table_entry_machine(entry));
    if (error)
        log_error("grant %u of domain %u cannot be unmapped: error %d", mapping->ref,
                  mapping->domain, error);
    mapping->mapped = false;
}

static long gntdev_name(struct file *file, struct ioctl_gntdev_map_grant_ref *argument)
{
    static uint64_t next_index;
    struct ioctl_gntdev_map_grant_ref request;
    struct mapping **last = (struct mapping **)&file->state, **first;

    if (user_read(&request, argument, offsetof(struct ioctl_gntdev_map_grant_ref, refs)))
        return -EFAULT;
    if (!request.count || request.count > COUNT_MAX)
        return -EINVAL;
    while (*last)
        last = &(*last)->next;
    first = last;
    request.index = next_index;
    for (uint32_t i = 0; i < request.count; i++, last = &(*last)->next) {
        struct ioctl_gntdev_grant_ref ref;
        struct mapping *mapping = heap_alloc(sizeof *mapping);

        *last = mapping;
        if (!mapping || user_read(&ref, &argument->refs[i], sizeof ref)) {
            long error = mapping ? -EFAULT : -ENOMEM;

            for (mapping = *first; mapping;) {
                struct mapping *next = mapping->next;

                heap_free(mapping);
                mapping = next;
            }
            *first = NULL;
            return error;
        }
        mapping->index = request.index + i * PAGE_SIZE;
        mapping->domain = ref.domid;
        mapping->ref = ref.ref;
        mapping->first_of = i ? 0 : request.count;
    }
    next_index += request.count * PAGE_SIZE;
    return user_write(&argument->index, &request.index, sizeof request.index);
}

/* The names go at once, mappings that exist with their munmap. */
static long gntdev_forget(struct file *file, const struct ioctl_gntdev_unmap_grant_ref *argument)
{
    struct ioctl_gntdev_unmap_grant_ref request;
    struct mapping **link;

    if (user_read(&request, argument, sizeof request))
        return -EFAULT;
    link = mapping_find(file, request.index);
    if (!*link || (*link)->first_of != request.count)
        return -ENOENT;
    for (uint32_t i = 0; i < request.count; i++) {
        struct mapping *mapping = *link;

        mapping->index = FORGOTTEN;
        if (mapping->mapped) {
            link = &mapping->next;
        } else {
            *link = mapping->next;
            heap_free(mapping);
        }
    }
    return 0;
}

static long gntdev_offset(struct file *file, struct ioctl_gntdev_get_offset_for_vaddr *argument)
{
    struct ioctl_gntdev_get_offset_for_vaddr request;

    if (user_read(&request, argument, sizeof request))
        return -EFAULT;
    for (struct mapping *mapping = file->state; mapping; mapping = mapping->next)
        if (mapping->mapped && mapping->va == request.vaddr && mapping->first_of) {
            request.offset = mapping->index;
            request.count = mapping->first_of;
            return user_write(argument, &request, sizeof request);
        }
    return -EINVAL;
}

static long gntdev_notify(struct file *file, const struct ioctl_gntdev_unmap_notify *argument)
{
    struct ioctl_gntdev_unmap_notify request;
    struct mapping *mapping;

    if (user_read(&request, argument, sizeof request))
        return -EFAULT;
    if (request.action & ~(unsigned)(UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT))
        return -EINVAL;
    mapping = *mapping_find(file, page_down(request.index));
    if (!mapping)
        return -ENOENT;
    mapping->notify_action = request.action;
    mapping->notify_offset = request.index & (PAGE_SIZE - 1);
    mapping->notify_port = request.event_channel_port;
    return 0;
}

static long gntdev_ioctl(struct file *file, unsigned command, void *argument)
{
    switch (command) {
    case IOCTL_GNTDEV_MAP_GRANT_REF:
        return gntdev_name(file, argument);
    case IOCTL_GNTDEV_UNMAP_GRANT_REF:
        return gntdev_forget(file, argument);
    case IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR:
        return gntdev_offset(file, argument);
    case IOCTL_GNTDEV_SET_MAX_GRANTS:
        return 0;
    case IOCTL_GNTDEV_SET_UNMAP_NOTIFY:
        return gntdev_notify(file, argument);
    default:
        return -ENOTTY;
    }
}

static void gntdev_unmap(struct file *file, struct area *area)
{
    for (struct mapping **link = (struct mapping **)&file->state; *link;) {
        struct mapping *mapping = *link;

        if (mapping->mapped && mapping->va >= area->start && mapping->va < area->end) {
            mapping_end(mapping);
            if (mapping->index == FORGOTTEN) {
                *link = mapping->next;
                heap_free(mapping);
                continue;
            }
        }
        link = &mapping->next;
    }
}

static int gntdev_map(struct file *file, struct area *area)
{
    struct mapping *mapping = *mapping_find(file, area->offset);

    if (!area->shared)
        return -EINVAL;
    for (uint64_t va = area->start; va < area->end; va += PAGE_SIZE, mapping = mapping->next) {
        const pte_t *entry;
        int error = -ENOENT;

        if (mapping && mapping->index == area->offset + (va - area->start))
            error = mapping->mapped ? -EBUSY : 0;
        if (!error) {
            entry = table_entry(va, true);
            error = entry ? grant_map((domid_t)mapping->domain, mapping->ref,
                                      table_entry_machine(entry), !(area->prot & PROT_WRITE),
                                      &mapping->handle)
                          : -ENOMEM;
        }
        if (error) {
            gntdev_unmap(file, area);
            return error;
        }
        mapping->mapped = true;
        mapping->va = va;
    }
    return 0;
}

static void gntdev_release(struct file *file)
{
    for (struct mapping *mapping = file->state, *next; mapping; mapping = next) {
        next = mapping->next;
        mapping_end(mapping); /* an area holds the file, so nothing is mapped any more */
        heap_free(mapping);
    }
}

const struct file_ops device_gntdev_ops = {
    .ioctl = gntdev_ioctl,
    .mmap = gntdev_map,
    .unmap = gntdev_unmap,
    .release = gntdev_release,
    .stream = true,
};
