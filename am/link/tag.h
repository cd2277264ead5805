/* SPDX-License-Identifier: BSD-2-Clause
 *
 * am/link/tag.h: the check on every frame: SipHash-2-4 over the header and the CRC-32C of the payload.
 *
 * It keeps out damage, other jobs and earlier lives of this one. A CRC under a keyed hash is no defence
 * against someone who forges payloads on the wire with intent.
 */
#ifndef CARAVAN_TAG_H
#define CARAVAN_TAG_H

#include <stddef.h>
#include <stdint.h>

struct tag_key {
    uint64_t word[2];
};

/* A key from its 16 bytes, as they travel on the control stream. */
struct tag_key tag_key_from(const uint8_t bytes[16]);

/* SipHash-2-4 (Aumasson and Bernstein, 2012) of `length` bytes. */
uint64_t tag_siphash(const struct tag_key *key, const void *data, size_t length);

/* The same of exactly 36 bytes: four words and a tail, little-endian. */
uint64_t tag_siphash36(const struct tag_key *key, const uint64_t word[4], uint32_t tail);

/* CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `length` bytes. */
uint32_t tag_crc32c(const void *data, size_t length);

/* The same without the processor's instructions; for machines that lack them, and for tests. */
uint32_t tag_crc32c_table(const void *data, size_t length);

#endif
