// SPDX-License-Identifier: BSD-2-Clause
/* frames COUNT PEER-MAC: exchange COUNT raw frames each way with the same program in another domU.
 *
 * Runs on the guest kernel and touches the rings of /dev/ethq0 itself. Every frame has a number, a
 * length and contents that follow from the number, and tells how far its sender has received; that
 * is the window. There is no retransmission: what does not arrive in time is given up, and counted
 * by the receiver as a gap. Ends when both sides have said that they are through, or with an error
 * when nothing arrives for a long time.
 *
 * Progress lines (`frames: 10 %`) are for the scenario, which makes trouble meanwhile. The last
 * line tells all; exit status 1: a frame was damaged, came twice or out of order, or the numbers do
 * not add up.
 */
#include "ethq.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ETHERTYPE 0x88b5          /* IEEE's first one for experiments */
#define WINDOW    120             /* frames; a queue pair has buffers for 128 */
#define SPIN_NS   20000           /* look again for so long before sleeping */
#define GIVE_UP   500000000ull    /* ns without progress: what is on its way is lost */
#define SILENCE   120000000000ull /* ns without any frame: the other side is gone */
#define FAREWELLS 20              /* last frames, in case some are lost */

enum kind { DATA, ACK, DONE };

struct frame {
    uint8_t to[6], from[6];
    uint16_t type; /* big endian */
    uint16_t kind;
    uint16_t length; /* of the whole frame */
    uint64_t number; /* of this frame: 0, 1, ... COUNT - 1 */
    uint64_t next;   /* the number that its sender waits for */
    uint8_t bytes[];
} __attribute__((packed));

static struct ethq *q;
static int device;
static uint8_t peer[6];
static uint64_t count;
static unsigned mtu; /* at first: both sides must compute the same lengths */

static uint64_t sent, acknowledged, given_up;   /* numbers; a sum of numbers not waited for */
static uint64_t expected, received, gaps, told; /* of the peer's */
static uint64_t damaged, repeated, strange, stalls, outages;
static bool peer_done;
static uint64_t last_progress, last_frame;

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

/* Lengths from the shortest to the longest frame of the MTU, most of them short, as messages
 * are. */
static size_t length_of(uint64_t number)
{
    uint64_t mix = number * 0x9e3779b97f4a7c15u;
    size_t most = mix >> 60 ? 64 : mtu + ETHQ_FRAME_MIN - sizeof(struct frame);

    return sizeof(struct frame) + (mix >> 32) % (most + 1);
}

static uint64_t word_of(uint64_t number, size_t at)
{
    return (number + 1) * 0xd1342543de82ef95u + at;
}

static void fill(uint8_t *bytes, size_t length, uint64_t number)
{
    for (size_t at = 0; at < length; at += 8) {
        uint64_t word = word_of(number, at);

        memcpy(bytes + at, &word, length - at < 8 ? length - at : 8);
    }
}

/* The first byte that is wrong, or `length`. */
static size_t wrong_at(const uint8_t *bytes, size_t length, uint64_t number)
{
    for (size_t at = 0; at < length; at += 8) {
        uint64_t word = word_of(number, at);

        if (memcmp(bytes + at, &word, length - at < 8 ? length - at : 8))
            return at;
    }
    return length;
}

static bool whole(const struct frame *frame, size_t length)
{
    uint64_t number = frame->number, got = 0;
    size_t at = 0;

    if (number < count && frame->length == length && length == length_of(number)) {
        at = wrong_at(frame->bytes, length - sizeof *frame, number);
        if (at == length - sizeof *frame)
            return true;
        memcpy(&got, frame->bytes + at, 8);
    }
    if (damaged++ < 10)
        printf("frames: damaged: number %" PRIu64 " (expected %" PRIu64 "), %zu bytes (said %u), "
               "at byte %zu there is %" PRIx64 "\n",
               number, expected, length, frame->length, sizeof *frame + at, got);
    return false;
}

static void progress(uint64_t before, uint64_t after)
{
    if (after * 10 / count != before * 10 / count)
        printf("frames: %" PRIu64 " %%\n", after * 100 / count);
}

static bool send_one(enum kind kind, uint64_t number)
{
    struct frame *frame = ethq_tx_reserve(q);
    size_t length = kind == DATA ? length_of(number) : sizeof *frame;

    if (!frame)
        return false;
    memcpy(frame->to, peer, 6);
    memcpy(frame->from, q->link.mac, 6);
    frame->type = __builtin_bswap16(ETHERTYPE);
    frame->kind = kind;
    frame->length = length;
    frame->number = number;
    frame->next = expected;
    fill(frame->bytes, length - sizeof *frame, number);
    if (ethq_tx_commit(q, length) < 0)
        return false;
    told = expected;
    return true;
}

/* `length` is at least that of our header. Nothing else writes to a page of ours while dom0 is in
 * its right mind, so the contents are checked in place. */
static void take(const struct frame *frame, size_t length)
{
    uint64_t next = frame->next, number = frame->number;

    last_frame = now();
    if (next > acknowledged && next <= sent) {
        acknowledged = next;
        last_progress = last_frame;
    }
    if (frame->kind == DONE)
        peer_done = true;
    if (frame->kind != DATA)
        return;
    if (!whole(frame, length))
        return;
    if (number < expected) {
        repeated++;
    } else {
        gaps += number - expected;
        progress(expected, number + 1);
        expected = number + 1;
        received++;
    }
}

static int receive_all(void)
{
    int frames = 0;
    size_t length;
    const struct frame *frame;

    while (frames < WINDOW && (frame = ethq_rx_next(q, &length))) {
        if (length >= sizeof *frame && frame->type == __builtin_bswap16(ETHERTYPE))
            take(frame, length);
        else
            strange++; /* dom0's own: neighbours, routers */
        ethq_rx_release(q);
        frames++;
    }
    return frames;
}

static int call_wait(bool ring, uint64_t deadline)
{
    uint32_t port = q->link.port;
    struct ethq_wait wait = {
        .deadline = deadline,
        .ring = (uintptr_t)&port,
        .rings = ring,
        .wait = (uintptr_t)&port,
        .waits = deadline && q->link.up,
    };

    return ioctl(device, ETHQ_WAIT, &wait);
}

/* Sleep until something comes, at most for a while. */
static void idle(void)
{
    static uint32_t generation = 1;
    static bool down;
    uint64_t start = now();

    while (now() - start < SPIN_NS)
        if (receive_all())
            return;
    bool ring = ethq_flush(q);

    if (!ethq_arm(q) && call_wait(ring, now() + 100000000) < 0) {
        perror("frames: ETHQ_WAIT");
        exit(1);
    }
    if (!q->link.up && !down) {
        down = true;
        outages++;
        printf("frames: link down at %" PRIu64 " sent, %" PRIu64 " received\n", sent, received);
    }
    if (q->link.generation != generation) {
        generation = q->link.generation;
        down = false;
        printf("frames: link up again, MTU %u\n", q->link.mtu);
    }
}

static void flush(void)
{
    if (ethq_flush(q))
        call_wait(true, 0);
}

static void exchange(void)
{
    last_progress = last_frame = now();
    while (!peer_done || acknowledged < sent || sent < count) {
        int frames = receive_all();

        while (sent < count && sent - acknowledged < WINDOW && send_one(DATA, sent))
            sent++;
        /* Half a window unanswered, or nothing of our own to say it with. */
        if (expected - told >= WINDOW / 2 || (frames == 0 && expected != told))
            send_one(sent == count && expected == count ? DONE : ACK, 0);
        flush();
        if (frames)
            continue;
        if (now() - last_progress > GIVE_UP) {
            /* Whatever is on its way is lost, or the answer to it: go on, and tell where we are. */
            stalls++;
            given_up += sent - acknowledged;
            acknowledged = sent;
            last_progress = now();
            send_one(sent == count ? DONE : ACK, 0);
        }
        if (now() - last_frame > SILENCE) {
            printf("frames: nothing received for %llu s\n", SILENCE / 1000000000);
            exit(1);
        }
        idle();
    }
    for (int i = 0; i < FAREWELLS; i++) {
        uint64_t until = now() + 20000000;

        send_one(DONE, 0);
        flush();
        while (now() < until)
            receive_all();
    }
}

static int report(uint64_t elapsed)
{
    uint64_t missing = count - received;
    bool good = !damaged && !repeated && received + gaps == expected && !q->count.breaks;

    printf("frames: sent %" PRIu64 " received %" PRIu64 " lost %" PRIu64 " damaged %" PRIu64
           " repeated %" PRIu64 " strange %" PRIu64 " stalls %" PRIu64 " outages %" PRIu64
           " connections %u\n",
           sent, received, missing, damaged, repeated, strange, stalls, outages,
           q->link.generation);
    printf("frames: queue: tx %" PRIu64 " full %" PRIu64 " errors %" PRIu64 " lost %" PRIu64
           "; rx %" PRIu64 " errors %" PRIu64 " bounds %" PRIu64 " chained %" PRIu64
           " lost %" PRIu64 "; doorbells %" PRIu64 " breaks %" PRIu64 "\n",
           q->count.tx_frames, q->count.tx_full, q->count.tx_errors, q->count.tx_lost,
           q->count.rx_frames, q->count.rx_errors, q->count.rx_bounds, q->count.rx_chained,
           q->count.rx_lost, q->count.doorbells, q->count.breaks);
    printf("frames: %" PRIu64 " ns a frame each way\n", elapsed / count);
    printf("frames: %s\n", good ? "good" : "bad");
    return !good;
}

int main(int argc, char **argv)
{
    uint64_t start;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 3 || !(count = strtoull(argv[1], NULL, 10)) ||
        sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &peer[0], &peer[1], &peer[2], &peer[3],
               &peer[4], &peer[5]) != 6) {
        fprintf(stderr, "usage: frames COUNT PEER-MAC\n");
        return 2;
    }
    device = open("/dev/ethq0", O_RDWR);
    if (device < 0) {
        perror("frames: /dev/ethq0");
        return 1;
    }
    q = mmap(NULL, sizeof *q, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
    if (q == MAP_FAILED) {
        perror("frames: mmap");
        return 1;
    }
    if (q->link.magic != ETHQ_MAGIC) {
        printf("frames: the queue says %x\n", q->link.magic);
        return 1;
    }
    mtu = q->link.mtu;
    printf("frames: ready, MTU %u\n", mtu);
    /* The other one may not be there yet. */
    for (start = now(); !last_frame; receive_all()) {
        if (now() - start > SILENCE) {
            printf("frames: the other side does not come\n");
            return 1;
        }
        send_one(ACK, 0);
        flush();
        idle();
    }
    start = now();
    exchange();
    return report(now() - start);
}
