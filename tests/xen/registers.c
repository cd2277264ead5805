/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tests/xen/registers.c: the vector registers of a process are its own, whoever else runs on the processor.
 *
 *   registers SECONDS   holds random values in %xmm0 to %xmm15, is interrupted, and compares
 *
 * Prints what was lost and exits with 1 if anything was. SSE2 is enough: what loses these loses AVX's too.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    REGISTERS = 16,
    TURNS = 1 << 20, /* some milliseconds, emulated: a time slice now and then */
};

typedef struct {
    uint64_t half[2];
} __attribute__((aligned(16))) vector;

#define EACH(of)                                                                                   \
    of(0) of(1) of(2) of(3) of(4) of(5) of(6) of(7) of(8) of(9) of(10) of(11) of(12) of(13) of(14) \
        of(15)
#define LOAD(n)  "movdqa " #n "*16(%1), %%xmm" #n "\n"
#define STORE(n) "movdqa %%xmm" #n ", " #n "*16(%2)\n"
#define CLOBBERED                                                                                  \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",       \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

static void hold(const vector before[REGISTERS], vector after[REGISTERS])
{
    long turns = TURNS;

    __asm__ volatile(EACH(LOAD) "1: dec %0\n jnz 1b\n" EACH(STORE)
                     : "+r"(turns)
                     : "r"(before), "r"(after)
                     : "memory", "cc", CLOBBERED);
}

int main(int argc, char **argv)
{
    time_t end = time(NULL) + (argc == 2 ? atoi(argv[1]) : 5);
    uint64_t seed = (uint64_t)getpid() << 32;
    long lost = 0;

    while (time(NULL) < end) {
        vector before[REGISTERS], after[REGISTERS];

        for (int i = 0; i < REGISTERS * 2; i++)
            before[i / 2].half[i % 2] = seed += UINT64_C(0x9e3779b97f4a7c15);
        hold(before, after);
        /* Not memcmp, which has vector registers itself. */
        for (int i = 0; i < REGISTERS; i++)
            lost += before[i].half[0] != after[i].half[0] || before[i].half[1] != after[i].half[1];
    }
    if (lost > 0)
        printf("registers: %ld did not hold what was put into them\n", lost);
    return lost > 0;
}
