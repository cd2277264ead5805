/* SPDX-License-Identifier: BSD-2-Clause */
#include "am/region/region.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "am/region/grant.h"

static int membarrier(int command)
{
    return (int)syscall(SYS_membarrier, command, 0, 0);
}

/* A sender must be registered to be reached by the sleeper's barrier. */
static bool bell_register(void)
{
    return membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) == 0;
}

static size_t bell_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

int bell_create(struct bell *bell)
{
    int result = region_create(&bell->region, bell_size());

    bell->event = -1;
    if (result < 0)
        return result;
    bell->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell->event < 0) {
        result = -errno;
        region_close(&bell->region);
        return result;
    }
    bell->page = bell->region.base;
    bell->registered = bell_register();
    bell->page->fence = !bell->registered;
    bell->fence = false;
    bell_tell_processor(bell);
    return 0;
}

void bell_none(struct bell *bell)
{
    static struct bell_page page;

    *bell = (struct bell){.page = &page, .event = -1, .region = {.fd = -1}};
}

int bell_attach(struct bell *bell, int memory, int event)
{
    int result = region_attach(&bell->region, memory, bell_size());

    if (result < 0 || event < 0) {
        region_close(&bell->region);
        if (event >= 0)
            close(event);
        return result < 0 ? result : -EPROTO;
    }
    bell->event = event;
    bell->page = bell->region.base;
    bell->registered = bell_register();
    bell->fence = bell->page->fence || !bell->registered;
    return 0;
}

void bell_close(struct bell *bell)
{
    if (!bell->page)
        return;
    region_close(&bell->region);
    if (bell->event >= 0)
        close(bell->event);
    bell->page = NULL;
    bell->event = -1;
}

int bell_tell_processor(struct bell *bell)
{
    int processor = sched_getcpu();

    if (bell->page->processor != (uint32_t)(processor + 1))
        __atomic_store_n(&bell->page->processor, (uint32_t)(processor + 1), __ATOMIC_RELAXED);
    return processor;
}

int bell_invited(struct bell *bell)
{
    uint32_t invited = __atomic_load_n(&bell->page->invited, __ATOMIC_RELAXED);

    if (invited != 0)
        __atomic_store_n(&bell->page->invited, 0, __ATOMIC_RELAXED);
    return invited <= CPU_SETSIZE ? (int)invited - 1 : -1;
}

void bell_sleep(struct bell *bell)
{
    __atomic_store_n(&bell->page->asleep, BELL_ASLEEP, __ATOMIC_SEQ_CST);
    if (bell->registered)
        membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void bell_wake(struct bell *bell)
{
    uint64_t count;

    /* Who rang has written, or is about to write, the event: the next sleep may then end at once, and find nothing.
     * Harmless, and rarer than a read at every wake-up. */
    if (__atomic_exchange_n(&bell->page->asleep, BELL_AWAKE, __ATOMIC_SEQ_CST) == BELL_RUNG)
        (void)!read(bell->event, &count, sizeof(count));
    bell_tell_processor(bell);
}

void bell_ring_slow(struct bell *bell)
{
    uint64_t one = 1;
    uint32_t state = BELL_ASLEEP;

    /* One writer per sleep; a full counter (EAGAIN) wakes the sleeper as well. */
    if (!__atomic_compare_exchange_n(&bell->page->asleep, &state, BELL_RUNG, false,
                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return;
    if (bell->grants)
        grants_wake(bell->grants, bell->port);
    else
        (void)!write(bell->event, &one, sizeof(one));
}
