/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: domains are named and configured as they should be, and a host that cannot have them says why, with figures. `xl`
 * is a script here that answers as its file says; the real one is used in tests/xen.
 */
#include "launch/domain.h"

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64], sys[80];
static char error[1024];

static void write_file(const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", root, name);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
    chmod(path, 0755);
}

static void set_up(void)
{
    char path[128];

    strcpy(root, "/tmp/caravan-test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    snprintf(sys, sizeof(sys), "%s/sys", root);
    snprintf(path, sizeof(path), "%s:/usr/bin:/bin", root);
    setenv("PATH", path, 1);
    write_file("sys/hypervisor/type", "xen\n");
    write_file("sys/hypervisor/uuid", "00000000-0000-0000-0000-000000000000\n");
    write_file("sys/class/net/eth0/mtu", "1500\n");
    write_file("xl", "#!/bin/sh\n[ \"$1\" = info ] || exit 9\n"
                     "echo 'total_memory           : 2047'\n"
                     "echo 'free_memory            : 300'\n");
}

static void tear_down(void)
{
    char command[128];

    setenv("PATH", "/usr/bin:/bin", 1);
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    ck_assert_int_eq(system(command), 0);
}

static void is_refused(int code, int wanted, const char *words)
{
    ck_assert_int_eq(code, wanted);
    ck_assert_msg(strstr(error, words), "no \"%s\" in: %s", words, error);
}

static unsigned host_processors;

static int check(unsigned count, unsigned memory, uint64_t initrd)
{
    error[0] = '\0';

    int result = domain_host_check(sys, error, sizeof(error));

    if (result == 0)
        result = domain_memory_check(memory, initrd, error, sizeof(error));
    return result ? result
                  : domain_host_memory(count, memory, &host_processors, error, sizeof(error));
}

START_TEST(names)
{
    static const char *const others[] = {
        "63617261-7661-6e00-00c0-ffee0000000",   "63617261-7661-6e00-00c0-ffee0000000g",
        "63617261-7661-6e00-00C0-FFEE00000001",  "63617261-7661-6e01-00c0-ffee00000001",
        "63617261-7661-6e00-00c0-ffee000000011", ""};
    char name[DOMAIN_MAX_NAME], uuid[DOMAIN_MAX_UUID];
    uint32_t job, process;
    uint64_t token;

    domain_name(name, 0xc0ffee, 65535);
    ck_assert_str_eq(name, "caravan-00c0ffee-65535");
    domain_name(name, UINT32_MAX, UINT32_MAX);
    ck_assert_str_eq(name, "caravan-ffffffff-4294967295");
    domain_uuid(uuid, 0x12c0ffee, 0xffff);
    ck_assert_str_eq(uuid, "63617261-7661-6e00-12c0-ffee0000ffff");
    ck_assert(domain_uuid_parse(uuid, &job, &process));
    ck_assert_uint_eq(job, 0x12c0ffee);
    ck_assert_uint_eq(process, 0xffff);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        ck_assert_msg(!domain_uuid_parse(others[i], &job, &process), "%s", others[i]);
    domain_user_name(name, UINT32_MAX, DOMAIN_MAX_RANK, UINT32_MAX);
    ck_assert_str_eq(name, "caravan-ffffffff-65535.4294967295");
    domain_token_uuid(uuid, UINT64_C(0xfedcba9876543210));
    ck_assert_str_eq(uuid, "63617261-7661-6e01-fedc-ba9876543210");
    ck_assert(domain_token_parse(uuid, &token));
    ck_assert_uint_eq(token, UINT64_C(0xfedcba9876543210));
    ck_assert(!domain_uuid_parse(uuid, &job, &process));
    domain_uuid(uuid, 1, 1);
    ck_assert(!domain_token_parse(uuid, &token));
}
END_TEST

static void found(void *context, unsigned id, const char *uuid)
{
    char *text = context;
    uint32_t job, process;

    if (domain_uuid_parse(uuid, &job, &process))
        sprintf(text + strlen(text), "%u:%x:%u ", id, job, process);
}

START_TEST(domains_of_ours)
{
    char seen[256] = "";

    write_file(
        "xl",
        "#!/bin/sh\n[ \"$*\" = 'list -v' ] || exit 9\ncat <<END\n"
        "Name         ID   Mem VCPUs      State   Time(s)   UUID Reason-Code\n"
        "Domain-0      0   512     1     r-----     5.8 00000000-0000-0000-0000-000000000000 -\n"
        "caravan-00000007-1  3  64  1     --p---     0.0 63617261-7661-6e00-0000-000700000001 -\n"
        "other        4    64     1     -b----     0.0 63617261-7661-6e00-0000-0007000000zz -\n"
        "(null)       5    64     1     -b----     0.0 63617261-7661-6e00-0000-000800000000 -\n"
        "END\n");
    ck_assert_int_eq(domain_host_list(found, seen, error, sizeof(error)), 0);
    ck_assert_str_eq(seen, "3:7:1 5:8:0 ");
    write_file("xl", "#!/bin/sh\necho no >&2; exit 1\n");
    is_refused(domain_host_list(found, seen, error, sizeof(error)), geteuid() ? -EPERM : -EIO,
               "no");
}
END_TEST

START_TEST(addresses)
{
    uint8_t a[6], b[6];

    domain_mac(a, 0x12345678, 0x1234);
    ck_assert_int_eq(memcmp(a, "\x06\x34\x56\x78\x12\x34", 6), 0);
    ck_assert_uint_eq(a[0] & 3, 2); /* locally administered, and no group */
    domain_mac(b, 0x12345678, 0x1235);
    ck_assert_int_ne(memcmp(a, b, 6), 0);
}
END_TEST

START_TEST(processors)
{
    static const char *const wrong[] = {"",   ",",  "1,",  "a",     "3-1",
                                        "1-", "-1", "1 2", "99999", "0x1"};

    ck_assert_int_eq(domain_cpu("3", 7), 3);
    ck_assert_int_eq(domain_cpu("1-3,6", 0), 1);
    ck_assert_int_eq(domain_cpu("1-3,6", 2), 3);
    ck_assert_int_eq(domain_cpu("1-3,6", 3), 6);
    ck_assert_int_eq(domain_cpu("1-3,6", 4), 1);
    ck_assert_uint_eq(domain_cpu_count("1-3,6"), 4);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        ck_assert_int_eq(domain_cpu(wrong[i], 0), -EINVAL);
}
END_TEST

START_TEST(configuration)
{
    char text[4096], extra[DOMAIN_MAX_EXTRA + 2];
    struct domain domain = {.job = 0xabc,
                            .process = 5,
                            .local = 1,
                            .memory = 64,
                            .cpus = "2,4",
                            .bridge = "xenbr0",
                            .mtu = 1500,
                            .kernel = "/usr/lib/caravan/caravan-guest",
                            .ramdisk = "/tmp/it's \"quoted\"\n",
                            .extra = "file=/caravan/options"};

    ck_assert_int_eq(domain_config(&domain, text, sizeof(text)), 0);
    ck_assert_str_eq(text, "name=\"caravan-00000abc-5\"\n"
                           "uuid=\"63617261-7661-6e00-0000-0abc00000005\"\n"
                           "type=\"pv\"\nvcpus=1\nmemory=64\n"
                           "kernel=\"/usr/lib/caravan/caravan-guest\"\n"
                           "ramdisk=\"/tmp/it\\x27s \\x22quoted\\x22\\x0a\"\n"
                           "extra=\"file=/caravan/options\"\n"
                           "tsc_mode=\"native\"\n"
                           "on_poweroff=\"destroy\"\non_reboot=\"destroy\"\non_crash=\"destroy\"\n"
                           "cpus=\"4\"\n"
                           "vif=[\"mac=06:00:0a:bc:00:05,bridge=xenbr0,mtu=1500\"]\n");
    ck_assert_int_eq(domain_config(&domain, text, 100), -EMSGSIZE);
    memset(extra, 'x', sizeof(extra) - 1);
    extra[sizeof(extra) - 1] = '\0';
    domain.extra = extra;
    ck_assert_int_eq(domain_config(&domain, text, sizeof(text)), -E2BIG);
}
END_TEST

START_TEST(a_good_host)
{
    ck_assert_int_eq(check(2, 128, 10 << 20), 0);
}
END_TEST

START_TEST(no_xen)
{
    write_file("sys/hypervisor/uuid", "6b0e8a3c-0000-0000-0000-000000000001\n");
    is_refused(check(1, 64, 0), -EPERM, "not dom0");
    write_file("sys/hypervisor/type", "kvm\n");
    is_refused(check(1, 64, 0), -ENODEV, "says kvm");
    snprintf(sys, sizeof(sys), "/nonexistent");
    is_refused(check(1, 64, 0), -ENODEV, "no Xen here (/nonexistent/hypervisor/type is missing)");
}
END_TEST

START_TEST(no_tools_or_rights)
{
    write_file("xl",
               "#!/bin/sh\necho 'xencall: error: Could not obtain handle: Permission denied' >&2\n"
               "exit 1\n");
    /* root has the rights, so the reason is another */
    is_refused(check(1, 64, 0), geteuid() ? -EPERM : -EIO, "Permission denied");
    write_file("xl", "#!/bin/sh\nkill -9 $$\n");
    is_refused(check(1, 64, 0), geteuid() ? -EPERM : -EIO, "`xl info`");
    setenv("PATH", "/nonexistent", 1);
    is_refused(check(1, 64, 0), -ENOENT, "no `xl` in PATH");
}
END_TEST

START_TEST(too_little_memory)
{
    is_refused(check(3, 128, 0), -ENOMEM,
               "3 domains of 128 MiB need 390 MiB, and Xen has 300 MiB free of 2047");
    is_refused(check(1, 16, 20 << 20), -ENOMEM, "at least --mem 25");
    ck_assert_int_eq(check(1, 25, 20 << 20), 0);
    ck_assert_int_eq(check(1, 298, 0), 0);
    is_refused(check(1, 299, 0), -ENOMEM, "1 domain of 299 MiB needs 301 MiB");
    write_file("xl", "#!/bin/sh\necho 'free_memory_of_nobody : 4000'\n");
    is_refused(check(1, 64, 0), -EPROTO, "does not tell");
}
END_TEST

START_TEST(bridges)
{
    char name[16];
    unsigned mtu;

#define look(wanted) domain_host_bridge(sys, wanted, name, &mtu, error, sizeof(error))
    is_refused(look(NULL), -ENODEV, "no bridge here");
    is_refused(look("eth0"), -ENODEV, "no bridge here to be called eth0");
    write_file("sys/class/net/br7/bridge/x", "");
    write_file("sys/class/net/br7/mtu", "9000\n");
    ck_assert_int_eq(look(NULL), 0);
    ck_assert_str_eq(name, "br7");
    ck_assert_uint_eq(mtu, DOMAIN_MTU);
    is_refused(look("eth0"), -ENODEV,
               "there is no bridge eth0; name one of these with --bridge: br7");
    write_file("sys/class/net/br8/bridge/x", "");
    write_file("sys/class/net/br8/mtu", "1500\n");
    is_refused(look(NULL), -ENODEV, "which bridge; name one of these");
    ck_assert_int_eq(look("br8"), 0);
    ck_assert_uint_eq(mtu, 1500);
    write_file("sys/class/net/xenbr0/bridge/x", "");
    ck_assert_int_eq(look(NULL), 0);
    ck_assert_str_eq(name, "xenbr0");
    ck_assert(domain_bridge_is_name("br-0.1") && !domain_bridge_is_name("a/b") &&
              !domain_bridge_is_name("..") && !domain_bridge_is_name("") &&
              !domain_bridge_is_name("sixteencharacter"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch domain");
    TCase *tests = tcase_create("domain");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, names);
    tcase_add_test(tests, domains_of_ours);
    tcase_add_test(tests, addresses);
    tcase_add_test(tests, processors);
    tcase_add_test(tests, configuration);
    tcase_add_test(tests, a_good_host);
    tcase_add_test(tests, no_xen);
    tcase_add_test(tests, no_tools_or_rights);
    tcase_add_test(tests, too_little_memory);
    tcase_add_test(tests, bridges);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
