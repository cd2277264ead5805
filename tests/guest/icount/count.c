// SPDX-License-Identifier: BSD-2-Clause
/* What things cost in the guest, in instructions: the emulator runs with -icount shift=0, where the time stamp
 * counter counts instructions, Xen's included. Each figure is the least of many rounds, since Xen's own timer
 * adds to some of them; the cost of the loop around it is taken off.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ethq.h"

#define ROUNDS 16
#define TIMES  64 /* repetitions in a round */

#define DOMID_SELF_NUMBER 0x7ff0

static struct ethq queue __attribute__((aligned(4096)));
static int doorbell_file;
static struct {
    unsigned port;
} doorbell_port;
static char *memory;
static size_t touched;

static uint64_t instructions(void)
{
    uint32_t low, high;

    asm volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

static void nothing(void)
{
    asm volatile("" ::: "memory");
}

static void null_call(void)
{
    long result;

    asm volatile("syscall" : "=a"(result) : "a"(SYS_getppid) : "rcx", "r11", "memory");
}

static void clock_vdso(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
}

static void doorbell(void)
{
    ioctl(doorbell_file, 4 | 'E' << 8 | sizeof doorbell_port << 16, &doorbell_port);
}

/* Touches are so far apart that each brings in one window of pages. */
static void page_fault(void)
{
    *(volatile char *)(memory + touched) = 1;
    touched += 1 << 20;
}

/* A walk through fresh memory: what a page costs when faults take in more and more of them. */
static void page_walked(void)
{
    *(volatile char *)(memory + touched) = 1;
    touched += 4096;
}

static void frame_sent(void)
{
    static const char frame[64] = "to and from whom, and what is sent";
    void *space = ethq_tx_reserve(&queue);

    if (!space)
        abort();
    memcpy(space, frame, sizeof frame);
    if (ethq_tx_commit(&queue, sizeof frame))
        abort();
    ethq_flush(&queue);
}

static void frame_received(void)
{
    size_t length;
    const void *frame = ethq_rx_next(&queue, &length);
    char copy[64];

    if (!frame || length != sizeof copy)
        abort();
    memcpy(copy, frame, sizeof copy);
    asm volatile("" ::"r"(copy) : "memory");
    ethq_rx_release(&queue);
}

/* The backend's side, between rounds: answer what was sent; deliver TIMES frames. It stays awake, so that it
 * wants no doorbell: req_event lies behind. */
static void backend(void)
{
    struct ethq_tx_ring *tx = &queue.tx_ring;
    struct ethq_rx_ring *rx = &queue.rx_ring;

    while (tx->index.rsp_prod != tx->index.req_prod) {
        uint32_t slot = tx->index.rsp_prod++ % ETHQ_SLOTS;
        uint16_t id = tx->slot[slot].req.id;

        tx->slot[slot].rsp = (struct netif_tx_response){.id = id, .status = NETIF_RSP_OKAY};
    }
    tx->index.req_event = tx->index.req_prod - 1;
    for (int i = 0; i < TIMES && rx->index.rsp_prod != rx->index.req_prod; i++) {
        uint32_t slot = rx->index.rsp_prod++ % ETHQ_SLOTS;
        uint16_t id = rx->slot[slot].req.id;

        rx->slot[slot].rsp = (struct netif_rx_response){.id = id, .status = 64};
    }
    ethq_flush(&queue);
}

static uint64_t least(void (*what)(void), void (*before)(void))
{
    uint64_t best = UINT64_MAX;

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start, end;

        before();
        start = instructions();
        for (int i = 0; i < TIMES; i++)
            what();
        end = instructions();
        if (end - start < best)
            best = end - start;
    }
    return best;
}

static void measure(const char *name, void (*what)(void), void (*before)(void))
{
    uint64_t with = least(what, before), without = least(nothing, nothing);

    printf("%-36s %lu\n", name, (with - without + TIMES / 2) / TIMES);
}

static void fresh(void)
{
    touched = 0;
    munmap(memory, 66 << 20);
    memory = mmap((void *)0x200000000, 66 << 20, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

int main(void)
{
    struct {
        unsigned remote_domain, remote_port;
    } peer = {DOMID_SELF_NUMBER, 0};
    struct {
        unsigned remote_domain;
    } own = {DOMID_SELF_NUMBER};
    int port;

    doorbell_file = open("/dev/xen/evtchn", O_RDWR);
    port = ioctl(doorbell_file, 2 | 'E' << 8 | sizeof own << 16, &own);
    if (port < 0) {
        perror("no event channel");
        return 1;
    }
    peer.remote_port = (unsigned)port;
    port = ioctl(doorbell_file, 1 | 'E' << 8 | sizeof peer << 16, &peer);
    if (port < 0) {
        perror("no event channel to oneself");
        return 1;
    }
    doorbell_port.port = (unsigned)port;

    ethq_init(&queue);
    queue.link.mtu = 1500;
    ethq_reset(&queue);
    ethq_link_up(&queue, 1);

    measure("null system call", null_call, nothing);
    measure("doorbell", doorbell, nothing);
    measure("clock_gettime through the vDSO", clock_vdso, nothing);
    measure("page fault, 16 pages filled", page_fault, fresh);
    measure("page, walking through memory", page_walked, fresh);
    measure("frame of 64 B sent, no doorbell", frame_sent, backend);
    measure("frame of 64 B received, polling", frame_received, backend);
    return 0;
}
