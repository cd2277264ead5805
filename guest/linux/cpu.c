/* SPDX-License-Identifier: BSD-2-Clause */
/* What the processor has, and switching on what programs may use of it. */
#include "guest/linux/process.h"

#define CR4_FSGSBASE (1ul << 16)
#define CR4_OSXSAVE  (1ul << 18)

/* x87, SSE, AVX, the three of AVX-512: state that belongs to the program alone. */
#define XSAVE_WANTED 0xe7ul

struct cpu cpu;

/* Xen's answer, not the processor's: behind this prefix a PV guest sees what it may use. */
static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    asm volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; cpuid"
                 : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                 : "a"(leaf), "c"(subleaf));
}

static void cr4_set(uint64_t bits)
{
    uint64_t cr4;

    asm volatile("mov %%cr4, %0" : "=r"(cr4)); /* Xen emulates both */
    asm volatile("mov %0, %%cr4" : : "r"(cr4 | bits));
}

static void xsave_enable(void)
{
    uint32_t out[4], low;

    cr4_set(CR4_OSXSAVE);
    cpuid(0xd, 0, out);
    cpu.xsave_mask = out[0] & XSAVE_WANTED;
    if ((cpu.xsave_mask & 0xe0) != 0xe0)
        cpu.xsave_mask &= ~0xe0ul; /* AVX-512's parts come together or not at all */
    low = (uint32_t)cpu.xsave_mask;
    asm volatile("xsetbv" : : "a"(low), "d"(0), "c"(0));
    cpuid(0xd, 0, out);
    cpu.xsave_size = out[1];
    cpu.xsave = true;
}

void cpu_init(void)
{
    uint32_t out[4], most, control = 0x1f80;

    cpuid(0, 0, out);
    most = out[0];
    memcpy(cpu.vendor, &out[1], 4);
    memcpy(cpu.vendor + 4, &out[3], 4);
    memcpy(cpu.vendor + 8, &out[2], 4);
    cpuid(1, 0, out);
    cpu.hwcap = out[3];
    cpu.rdrand = out[2] >> 30 & 1;
    cpu.family = (out[0] >> 8 & 15) + ((out[0] >> 8 & 15) == 15 ? out[0] >> 20 & 255 : 0);
    cpu.model = (out[0] >> 4 & 15) | (out[0] >> 12 & 0xf0);
    cpu.stepping = out[0] & 15;

    bool xsave = out[2] >> 26 & 1;

    if (most >= 7) {
        cpuid(7, 0, out);
        cpu.fsgsbase = out[1] & 1;
        cpu.rdseed = out[1] >> 18 & 1;
    }
    for (uint32_t i = 0; i < 3; i++)
        cpuid(0x80000002 + i, 0, (uint32_t *)(cpu.brand + 16 * i));

    asm volatile("fninit; ldmxcsr %0" : : "m"(control));
    if (cpu.fsgsbase)
        cr4_set(CR4_FSGSBASE);
    if (xsave && most >= 0xd)
        xsave_enable();
    log_info("processor: %s, state 0x%lx of %u bytes", cpu.brand, cpu.xsave_mask, cpu.xsave_size);
}
