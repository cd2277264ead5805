// SPDX-License-Identifier: BSD-2-Clause
#include <immintrin.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <sys/syscall.h>

static void handler(int signal)
{
    asm volatile("vpcmpeqd %%ymm0, %%ymm0, %%ymm0; vpcmpeqd %%ymm5, %%ymm5, %%ymm5;"
                 "vpcmpeqd %%ymm15, %%ymm15, %%ymm15" ::
                     : "xmm0", "xmm5", "xmm15");
}

/* All sixteen registers loaded, something done, all sixteen compared. */
#define ROUND(pattern, result, asm_between, ...)                                                   \
    asm volatile("vbroadcastsd (%1), %%ymm0; vaddpd %%ymm0, %%ymm0, %%ymm5;"                       \
                 "vaddpd %%ymm5, %%ymm0, %%ymm15;" asm_between                                     \
                 "vmovupd %%ymm0, (%2); vmovupd %%ymm5, 32(%2); vmovupd %%ymm15, 64(%2)"           \
                 : "=&a"(unused)                                                                   \
                 : "r"(pattern), "r"(result), ##__VA_ARGS__                                        \
                 : "memory", "rcx", "r11", "xmm0", "xmm5", "xmm15")

static int check(const double *result, double pattern)
{
    int wrong = 0;

    for (int i = 0; i < 4; i++)
        wrong += result[i] != pattern || result[4 + i] != 2 * pattern ||
                 result[8 + i] != 3 * pattern;
    return wrong;
}

int main(void)
{
    double result[12], pattern = 1.25;
    long unused, wrong = 0;
    char *memory = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    printf("avx2 %d fma %d\n", __builtin_cpu_supports("avx2") != 0,
           __builtin_cpu_supports("fma") != 0);
    for (int i = 0; i < 1000; i++, pattern += 0.5) {
        ROUND(&pattern, result, "mov %[nr], %%eax; syscall;", [nr] "i"(SYS_getppid));
        wrong += check(result, pattern);
    }
    printf("after system calls: %ld wrong\n", wrong);
    wrong = 0;
    for (int i = 0; i < 500; i++, pattern += 0.5) {
        ROUND(&pattern, result, "movb $1, (%[page]);", [page] "r"(memory + i * (128 << 10)));
        wrong += check(result, pattern);
    }
    printf("after page faults: %ld wrong\n", wrong);
    wrong = 0;
    signal(SIGUSR1, handler);
    for (int i = 0; i < 200; i++, pattern += 0.5) {
        ROUND(&pattern, result, "mov %[nr], %%eax; syscall;", [nr] "i"(SYS_tgkill),
              "D"((long)getpid()), "S"((long)getpid()), "d"((long)SIGUSR1));
        wrong += check(result, pattern);
    }
    printf("after signals: %ld wrong\n", wrong);

    static float a[1000], b[1000];
    __m256 total = _mm256_setzero_ps();
    float lanes[8], sum = 0;
    for (int i = 0; i < 1000; i++) {
        a[i] = 1.41421356f;
        b[i] = 2.0f;
    }
    for (int i = 0; i < 1000; i += 8)
        total = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), total);
    _mm256_storeu_ps(lanes, total);
    for (int i = 0; i < 8; i++)
        sum += lanes[i];
    printf("sum %.8e\n", (double)sum);
    return 0;
}
