/* SPDX-License-Identifier: BSD-2-Clause */
/* Random numbers: ChaCha20 (RFC 8439) with fast key erasure. Its key is made of all that can be had at start:
 * the processor's generator, a seed from the command line, the clock's low bits over many Xen entries,
 * and what tells this domain from others.
 */
#include "guest/boot/boot.h"
#include "guest/linux/process.h"
#include "guest/mm/page.h"
#include "guest/xen/hypercall.h"
#include "guest/xen/time.h"

static uint32_t key[8];
static uint64_t counter;
static uint8_t block[64];
static size_t block_used = sizeof block;

static uint32_t rotate(uint32_t value, int bits)
{
    return value << bits | value >> (32 - bits);
}

static void quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b, *d = rotate(*d ^ *a, 16);
    *c += *d, *b = rotate(*b ^ *c, 12);
    *a += *b, *d = rotate(*d ^ *a, 8);
    *c += *d, *b = rotate(*b ^ *c, 7);
}

static void chacha(uint32_t out[16], const uint32_t secret[8], uint64_t position)
{
    uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    uint32_t x[16];

    memcpy(start + 4, secret, 32);
    start[12] = (uint32_t)position;
    start[13] = (uint32_t)(position >> 32);
    memcpy(x, start, sizeof x);
    for (int round = 0; round < 10; round++) {
        quarter(&x[0], &x[4], &x[8], &x[12]);
        quarter(&x[1], &x[5], &x[9], &x[13]);
        quarter(&x[2], &x[6], &x[10], &x[14]);
        quarter(&x[3], &x[7], &x[11], &x[15]);
        quarter(&x[0], &x[5], &x[10], &x[15]);
        quarter(&x[1], &x[6], &x[11], &x[12]);
        quarter(&x[2], &x[7], &x[8], &x[13]);
        quarter(&x[3], &x[4], &x[9], &x[14]);
    }
    for (int i = 0; i < 16; i++)
        out[i] = x[i] + start[i];
}

/* Stir 32 bytes at a time into the key: key = first half of the block under key xor input. */
static void absorb(const void *bytes, size_t count)
{
    const uint8_t *input = bytes;
    uint32_t out[16];

    while (count) {
        size_t part = MIN(count, sizeof key);

        for (size_t i = 0; i < part; i++)
            ((uint8_t *)key)[i] ^= input[i];
        chacha(out, key, counter++);
        memcpy(key, out, sizeof key);
        input += part;
        count -= part;
    }
}

static uint64_t ticks(void)
{
    uint32_t low, high;

    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static bool processor_random(uint64_t *value)
{
    for (int attempt = 0; attempt < 10; attempt++) {
        bool ok;

        if (cpu.rdseed)
            asm volatile("rdseed %0; setc %1" : "=r"(*value), "=qm"(ok) : : "cc");
        else
            asm volatile("rdrand %0; setc %1" : "=r"(*value), "=qm"(ok) : : "cc");
        if (ok)
            return true;
    }
    return false;
}

void random_init(const char *seed)
{
    unsigned from_processor = 0;
    uint64_t value;
    xen_domain_handle_t handle;

    absorb(seed, strlen(seed));
    absorb(boot_info, sizeof *boot_info);
    if (xen_version(XENVER_guest_handle, &handle) == 0)
        absorb(&handle, sizeof handle);
    absorb(page_p2m, 512); /* where this domain's pages lie in the machine */
    value = time_wall_offset() + time_now();
    absorb(&value, sizeof value);
    if (cpu.rdrand || cpu.rdseed)
        for (int i = 0; i < 8; i++)
            if (processor_random(&value)) {
                absorb(&value, sizeof value);
                from_processor++;
            }
    /* Without a generator, only timing is left: how long Xen takes to answer, 512 times. */
    for (int i = 0; i < (from_processor >= 4 ? 8 : 512); i++) {
        xen_version(XENVER_version, NULL);
        value = ticks();
        absorb(&value, sizeof value);
    }
    if (from_processor < 4 && !*seed)
        log_warning("random numbers are seeded from timing alone: this processor has no generator "
                    "and the command line no seed=");
}

void random_bytes(void *bytes, size_t count)
{
    uint8_t *to = bytes;

    while (count) {
        size_t part;

        if (block_used == sizeof block) {
            uint32_t out[16];

            chacha(out, key, counter++);
            memcpy(key, out, sizeof key); /* the past cannot be computed from the present */
            memcpy(block, out, sizeof out);
            block_used = sizeof key;
        }
        part = MIN(count, sizeof block - block_used);
        memcpy(to, block + block_used, part);
        memset(block + block_used, 0, part);
        block_used += part;
        to += part;
        count -= part;
    }
}
