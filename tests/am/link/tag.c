/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: the tag is SipHash-2-4 and CRC-32C as published, by every way of computing them.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "am/link/frame.h"
#include "am/link/tag.h"

START_TEST(siphash_as_published)
{
    /* The authors' vectors (github.com/veorq/SipHash, vectors.h): key 00..0f, input 00, 01, ... */
    static const struct {
        size_t length;
        uint8_t output[8];
    } vectors[] = {
        {0, {0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72}},
        {1, {0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74}},
        {8, {0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93}},
        {15, {0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1}},
    };
    uint8_t bytes[64];
    struct tag_key key;

    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    key = tag_key_from(bytes);
    for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
        uint64_t expected;

        memcpy(&expected, vectors[i].output, 8);
        ck_assert_uint_eq(tag_siphash(&key, bytes, vectors[i].length), expected);
    }
}
END_TEST

START_TEST(siphash36_is_siphash)
{
    struct tag_key key = {{0x0123456789abcdef, 0xfedcba9876543210}};

    for (unsigned round = 0; round < 100; round++) {
        uint64_t word[5];

        for (int i = 0; i < 5; i++)
            word[i] = (uint64_t)random() << 33 ^ (uint64_t)random();
        ck_assert_uint_eq(tag_siphash36(&key, word, (uint32_t)word[4]),
                          tag_siphash(&key, word, 36));
    }
}
END_TEST

START_TEST(crc_as_published)
{
    uint8_t bytes[32];

    ck_assert_uint_eq(tag_crc32c("123456789", 9), 0xe3069283);
    memset(bytes, 0, sizeof(bytes));
    ck_assert_uint_eq(tag_crc32c(bytes, sizeof(bytes)), 0x8a9136aa); /* RFC 3720, B.4 */
    memset(bytes, 0xff, sizeof(bytes));
    ck_assert_uint_eq(tag_crc32c(bytes, sizeof(bytes)), 0x62a8ab43);
    ck_assert_uint_eq(tag_crc32c_table("123456789", 9), 0xe3069283);
}
END_TEST

START_TEST(crc_by_instruction_is_crc_by_table)
{
    static uint8_t bytes[9300];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)random();
    for (size_t length = 0; length < 9200; length += length < 3100 ? 1 : 61) {
        size_t from = (size_t)random() % 64;

        ck_assert_uint_eq(tag_crc32c(bytes + from, length), tag_crc32c_table(bytes + from, length));
    }
}
END_TEST

START_TEST(pair_key_is_the_same_from_both_sides)
{
    struct tag_key job = {{1, 2}};
    struct tag_key a = frame_pair_key(&job, 3, 1000, 9, 2000);
    struct tag_key b = frame_pair_key(&job, 9, 2000, 3, 1000);
    struct tag_key other = frame_pair_key(&job, 3, 1001, 9, 2000);

    ck_assert_mem_eq(&a, &b, sizeof(a));
    ck_assert_mem_ne(&a, &other, sizeof(a));
}
END_TEST

START_TEST(sequences_extend_over_the_end_of_the_low_half)
{
    ck_assert_uint_eq(frame_extend(0x1fffffff0, 0x00000005), 0x200000005);
    ck_assert_uint_eq(frame_extend(0x200000005, 0xfffffff0), 0x1fffffff0);
    ck_assert_uint_eq(frame_extend(0x200000005, 0x00000005), 0x200000005);
}
END_TEST

START_TEST(frames_are_parsed_within_their_length)
{
    uint8_t frame[128] = {0};
    struct frame_header header;
    struct frame_message lead;

    frame[12] = 0x88;
    frame[13] = 0xb5;
    frame[PORT_HEADER + 22] = FRAME_DATA;
    for (size_t length = 0; length < FRAME_PAYLOAD; length++)
        ck_assert_int_eq(frame_parse(frame, length, 0x88b5, &header), -EBADMSG);
    ck_assert_int_eq(frame_parse(frame, FRAME_PAYLOAD, 0x88b5, &header), 0);
    ck_assert_int_eq(frame_parse(frame, FRAME_PAYLOAD, 0x88b6, &header), -ENOMSG);
    frame[PORT_HEADER + 20] = 10; /* payload bytes */
    ck_assert_int_eq(frame_parse(frame, FRAME_PAYLOAD + 9, 0x88b5, &header), -EBADMSG);
    ck_assert_int_eq(frame_parse(frame, FRAME_PAYLOAD + 10, 0x88b5, &header), 0);
    ck_assert_int_eq(frame_parse(frame, 60, 0x88b5, &header), 0); /* padded */
    frame[PORT_HEADER + 22] = FRAME_RESET + 1;
    ck_assert_int_eq(frame_parse(frame, 60, 0x88b5, &header), -EBADMSG);

    lead = (struct frame_message){.header = {.length = 8, .flags = 1}};
    memcpy(frame, &lead, sizeof(lead));
    ck_assert_int_eq(frame_parse_message(frame, 7, &lead), -EBADMSG);
    ck_assert_int_eq(frame_parse_message(frame, 8, &lead), -EBADMSG); /* no byte of sixteen */
    ck_assert_int_eq(frame_parse_message(frame, 24, &lead), 0);
    ck_assert_int_eq(frame_parse_message(frame, 25, &lead), -EBADMSG);
    frame[3] = 7; /* arguments */
    ck_assert_int_eq(frame_parse_message(frame, 24, &lead), -EBADMSG);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tag and frame");
    TCase *cases = tcase_create("tag and frame");
    SRunner *runner;
    int failed;

    tcase_add_test(cases, siphash_as_published);
    tcase_add_test(cases, siphash36_is_siphash);
    tcase_add_test(cases, crc_as_published);
    tcase_add_test(cases, crc_by_instruction_is_crc_by_table);
    tcase_add_test(cases, pair_key_is_the_same_from_both_sides);
    tcase_add_test(cases, sequences_extend_over_the_end_of_the_low_half);
    tcase_add_test(cases, frames_are_parsed_within_their_length);
    suite_add_tcase(suite, cases);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
