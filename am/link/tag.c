/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The tag of a frame. Hot: tag_siphash36, tag_crc32c.
 */
#include "am/link/tag.h"

#include <string.h>

/* ---- SipHash-2-4 -------------------------------------------------------------------------------- */

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 = rotate(s->v2, 32);
}

static inline struct sip sip_start(const struct tag_key *key)
{
    return (struct sip){
        .v0 = key->word[0] ^ 0x736f6d6570736575,
        .v1 = key->word[1] ^ 0x646f72616e646f6d,
        .v2 = key->word[0] ^ 0x6c7967656e657261,
        .v3 = key->word[1] ^ 0x7465646279746573,
    };
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

static inline uint64_t sip_finish(struct sip *s)
{
    s->v2 ^= 0xff;
    sip_round(s);
    sip_round(s);
    sip_round(s);
    sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

struct tag_key tag_key_from(const uint8_t bytes[16])
{
    struct tag_key key;

    memcpy(key.word, bytes, sizeof(key.word));
    return key;
}

uint64_t tag_siphash(const struct tag_key *key, const void *data, size_t length)
{
    struct sip s = sip_start(key);
    const uint8_t *at = data;
    uint64_t word;

    for (size_t left = length; left >= 8; left -= 8, at += 8) {
        memcpy(&word, at, 8);
        sip_word(&s, word);
    }
    word = (uint64_t)length << 56;
    for (size_t i = 0; i < length % 8; i++)
        word |= (uint64_t)at[i] << 8 * i;
    sip_word(&s, word);
    return sip_finish(&s);
}

uint64_t tag_siphash36(const struct tag_key *key, const uint64_t word[4], uint32_t tail)
{
    struct sip s = sip_start(key);

    sip_word(&s, word[0]);
    sip_word(&s, word[1]);
    sip_word(&s, word[2]);
    sip_word(&s, word[3]);
    sip_word(&s, (uint64_t)36 << 56 | tail);
    return sip_finish(&s);
}

/* ---- CRC-32C ------------------------------------------------------------------------------------ */

#define CRC_POLYNOMIAL 0x82f63b78u /* reflected */

uint32_t tag_crc32c_table(const void *data, size_t length)
{
    static uint32_t table[256];
    const uint8_t *at = data;
    uint32_t crc = ~0u;

    /* Two threads may fill it at once: they write the same values, the last one last. */
    if (!__atomic_load_n(&table[255], __ATOMIC_ACQUIRE)) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t entry = i;

            for (int bit = 0; bit < 8; bit++)
                entry = entry >> 1 ^ (entry & 1 ? CRC_POLYNOMIAL : 0);
            __atomic_store_n(&table[i], entry, __ATOMIC_RELEASE);
        }
    }
    for (size_t i = 0; i < length; i++)
        crc = crc >> 8 ^ table[(crc ^ at[i]) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>

/* crc32q takes three cycles and one can start in each: three interleaved streams over neighbouring stretches keep
 * it busy. A stretch's CRC is then moved over the bytes that follow it: multiplied by x^(8 bytes) modulo the
 * polynomial. As clmul leaves one factor x and crc32q adds x^32, the factor is x^(8 bytes - 33) (Gopal and others, "Fast
 * CRC computation for iSCSI polynomial using CRC32 instruction", Intel, 2011). */
enum {
    CRC_LONG = 480, /* three of them: most of a frame of MTU 1500 */
    CRC_SHORT = 96,
    CRC_SHIFT_480 = (int)0xb3e32c28, /* x^(8 * 480 - 33) */
    CRC_SHIFT_960 = 0x3771e98f,
    CRC_SHIFT_96 = 0x0715ce53,
    CRC_SHIFT_192 = (int)0xab7aff2a,
};

static inline uint64_t load64(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, 8);
    return word;
}

__attribute__((target("sse4.2,pclmul"))) static inline uint32_t crc_move(uint64_t crc,
                                                                         uint32_t shift)
{
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc),
                                           _mm_cvtsi64_si128((long long)shift), 0);

    return (uint32_t)_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

__attribute__((target("sse4.2,pclmul"))) static inline uint64_t
crc_three(uint64_t crc, const uint8_t *at, size_t stretch, uint32_t shift1, uint32_t shift2)
{
    uint64_t second = 0, third = 0;

    for (size_t i = 0; i < stretch; i += 8) {
        crc = _mm_crc32_u64(crc, load64(at + i));
        second = _mm_crc32_u64(second, load64(at + stretch + i));
        third = _mm_crc32_u64(third, load64(at + 2 * stretch + i));
    }
    return crc_move(crc, shift2) ^ crc_move(second, shift1) ^ third;
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t crc32c_hardware(const void *data,
                                                                         size_t length)
{
    const uint8_t *at = data;
    uint64_t crc = UINT32_MAX;

    for (; length >= 3 * CRC_LONG; length -= 3 * CRC_LONG, at += 3 * CRC_LONG)
        crc = crc_three(crc, at, CRC_LONG, (uint32_t)CRC_SHIFT_480, CRC_SHIFT_960);
    for (; length >= 3 * CRC_SHORT; length -= 3 * CRC_SHORT, at += 3 * CRC_SHORT)
        crc = crc_three(crc, at, CRC_SHORT, CRC_SHIFT_96, (uint32_t)CRC_SHIFT_192);
    for (; length >= 8; length -= 8, at += 8)
        crc = _mm_crc32_u64(crc, load64(at));
    for (; length; length--, at++)
        crc = _mm_crc32_u8((uint32_t)crc, *at);
    return ~(uint32_t)crc;
}

typedef uint32_t crc_function(const void *data, size_t length);

static uint32_t crc32c_choose(const void *data, size_t length);
static crc_function *crc32c = crc32c_choose;

/* The first call finds out what the processor has. Two threads may do so at once: with the same result. */
static uint32_t crc32c_choose(const void *data, size_t length)
{
    crc_function *chosen = tag_crc32c_table;

    __builtin_cpu_init();
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"))
        chosen = crc32c_hardware;
    __atomic_store_n(&crc32c, chosen, __ATOMIC_RELAXED);
    return chosen(data, length);
}

uint32_t tag_crc32c(const void *data, size_t length)
{
    return __atomic_load_n(&crc32c, __ATOMIC_RELAXED)(data, length);
}
#else
uint32_t tag_crc32c(const void *data, size_t length)
{
    return tag_crc32c_table(data, length);
}
#endif
