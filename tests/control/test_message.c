/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: a line is taken apart exactly as control/control.h says, whatever its bytes, and what one side escapes
 * the other decodes.
 */
#include "control/control.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char line[CONTROL_MAX_LINE + 1];
static struct control_message message;

static int parse(const char *text)
{
    snprintf(line, sizeof(line), "%s", text);
    return control_parse(line, &message);
}

START_TEST(takes_words_apart)
{
    ck_assert_int_eq(parse("cmd=put kvsname=job_1  key=P0 value=a=b "), 0);
    ck_assert_str_eq(message.command, "put");
    ck_assert_uint_eq(message.words, 3);
    ck_assert_str_eq(control_get(&message, "kvsname"), "job_1");
    ck_assert_str_eq(control_get(&message, "value"), "a=b");
    ck_assert_ptr_null(control_get(&message, "cmd"));
    ck_assert_ptr_null(control_get(&message, "alue"));
    ck_assert_int_eq(control_take_fd(&message, 0), -1);
}
END_TEST

START_TEST(accepts_empty_values_and_mcmd)
{
    ck_assert_int_eq(parse("mcmd=spawn preput="), 0);
    ck_assert_str_eq(message.command, "spawn");
    ck_assert_str_eq(control_get(&message, "preput"), "");
}
END_TEST

START_TEST(refuses_what_is_not_a_line)
{
    static const char *const bad[] = {
        "",
        " ",
        "put",
        "key=1 cmd=put",
        "cmd=put word",
        "cmd=put =value",
        "cmd=caravan_x a=%",
        "cmd=caravan_x a=%4",
        "cmd=caravan_x a=%4g",
        "cmd=caravan_x a=%00",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_msg(parse(bad[i]) == -EPROTO, "\"%s\" was accepted", bad[i]);
}
END_TEST

START_TEST(bounds_the_words)
{
    size_t length = (size_t)snprintf(line, sizeof(line), "cmd=x");

    for (int i = 0; i < CONTROL_MAX_WORDS; i++)
        length += (size_t)snprintf(line + length, sizeof(line) - length, " k%d=%d", i, i);

    char *copy = strdup(line);

    ck_assert_int_eq(control_parse(line, &message), 0);
    ck_assert_uint_eq(message.words, CONTROL_MAX_WORDS);
    ck_assert_str_eq(control_get(&message, "k63"), "63");
    snprintf(line, sizeof(line), "%s last=1", copy);
    ck_assert_int_eq(control_parse(line, &message), -EPROTO);
    free(copy);
}
END_TEST

/* PMI-1 values are opaque; only Caravan's lines and abort's message are escaped. */
START_TEST(decodes_its_own_lines_only)
{
    ck_assert_int_eq(parse("cmd=put key=a%20b value=100%"), 0);
    ck_assert_str_eq(control_get(&message, "key"), "a%20b");
    ck_assert_str_eq(control_get(&message, "value"), "100%");
    ck_assert_int_eq(parse("cmd=caravan_report text=a%20b%3D%25%0a"), 0);
    ck_assert_str_eq(control_get(&message, "text"), "a b=%\n");
    ck_assert_int_eq(parse("cmd=abort exitcode=3 message=no%20room"), 0);
    ck_assert_str_eq(control_get(&message, "message"), "no room");
}
END_TEST

START_TEST(escapes_every_byte)
{
    char all[256], escaped[3 * 256];

    for (int i = 1; i < 256; i++)
        all[i - 1] = (char)i;
    all[255] = '\0';

    int length = control_escape(escaped, sizeof(escaped), all);

    ck_assert_int_eq(length, (int)strlen(escaped));
    ck_assert_uint_eq(strcspn(escaped, " =\n\t"), (size_t)length);
    snprintf(line, sizeof(line), "cmd=caravan_x all=%s next=1", escaped);
    ck_assert_int_eq(control_parse(line, &message), 0);
    ck_assert_str_eq(control_get(&message, "all"), all);
    ck_assert_str_eq(control_get(&message, "next"), "1");
}
END_TEST

START_TEST(escape_says_when_there_is_no_room)
{
    char text[8];

    ck_assert_int_eq(control_escape(text, sizeof(text), "1234567"), 7);
    ck_assert_str_eq(text, "1234567");
    ck_assert_int_eq(control_escape(text, sizeof(text), "12345678"), -EMSGSIZE);
    ck_assert_int_eq(control_escape(text, sizeof(text), "12345 "), -EMSGSIZE);
    ck_assert_int_eq(control_escape(text, sizeof(text), "1234 "), 7);
    ck_assert_int_eq(control_escape(text, 1, ""), 0);
    ck_assert_int_eq(control_escape(text, 0, ""), -EMSGSIZE);
}
END_TEST

START_TEST(reads_numbers)
{
    static const struct {
        const char *text;
        uint64_t most;
        int result;
        uint64_t number;
    } cases[] = {
        {"0", 0, 0, 0},
        {"17", 17, 0, 17},
        {"18", 17, -EPROTO, 0},
        {"0x1F", 31, 0, 31},
        {"18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, -EPROTO, 0},
        {"0xffffffffffffffff", UINT64_MAX, 0, UINT64_MAX},
        {"0x10000000000000000", UINT64_MAX, -EPROTO, 0},
        {"", 1, -EPROTO, 0},
        {"0x", 1, -EPROTO, 0},
        {"-1", UINT64_MAX, -EPROTO, 0},
        {"+1", UINT64_MAX, -EPROTO, 0},
        {"1a", UINT64_MAX, -EPROTO, 0},
        {"1.", UINT64_MAX, -EPROTO, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint64_t number = 0;

        snprintf(line, sizeof(line), "cmd=x n=%s", cases[i].text);
        ck_assert_int_eq(control_parse(line, &message), 0);
        ck_assert_msg(control_get_number(&message, "n", cases[i].most, &number) == cases[i].result,
                      "\"%s\"", cases[i].text);
        ck_assert_msg(number == cases[i].number, "\"%s\"", cases[i].text);
    }

    uint64_t number;

    ck_assert_int_eq(control_get_number(&message, "m", 1, &number), -ENOENT);
}
END_TEST

START_TEST(reads_and_writes_bytes)
{
    unsigned char bytes[3] = {0};
    char text[7];

    ck_assert_int_eq(parse("cmd=x key=00fFa5"), 0);
    ck_assert_int_eq(control_get_bytes(&message, "key", bytes, 3), 0);
    ck_assert_mem_eq(bytes, "\x00\xff\xa5", 3);
    control_write_bytes(text, bytes, 3);
    ck_assert_str_eq(text, "00ffa5");
    ck_assert_int_eq(control_get_bytes(&message, "key", bytes, 2), -EPROTO);
    ck_assert_int_eq(control_get_bytes(&message, "no", bytes, 2), -EPROTO);
    ck_assert_int_eq(parse("cmd=x key=00fg"), 0);
    ck_assert_int_eq(control_get_bytes(&message, "key", bytes, 2), -EPROTO);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control message");
    TCase *tests = tcase_create("message");

    tcase_add_test(tests, takes_words_apart);
    tcase_add_test(tests, accepts_empty_values_and_mcmd);
    tcase_add_test(tests, refuses_what_is_not_a_line);
    tcase_add_test(tests, bounds_the_words);
    tcase_add_test(tests, decodes_its_own_lines_only);
    tcase_add_test(tests, escapes_every_byte);
    tcase_add_test(tests, escape_says_when_there_is_no_room);
    tcase_add_test(tests, reads_numbers);
    tcase_add_test(tests, reads_and_writes_bytes);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
