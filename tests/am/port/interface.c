/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Intent: the interface that carries the frames is the one that was named, or the only one that can be meant; otherwise
 * the error says which there are.
 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "am/port/interface.h"

static struct interface usable(const char *name)
{
    struct interface interface = {
        .index = 2, .mac = {2}, .mtu = 1500, .ethernet = true, .up = true, .connected = true};

    strcpy(interface.name, name);
    return interface;
}

static struct interface of_kind(const char *name, const char *kind)
{
    struct interface interface = usable(name);

    strcpy(interface.kind, kind);
    return interface;
}

static struct interface port_of(const char *name, const char *kind)
{
    struct interface interface = usable(name);

    strcpy(interface.port_of, kind);
    return interface;
}

static struct interface chosen;
static char text[512];

static int choose(const struct interface *list, size_t count, const char *name)
{
    text[0] = 0;
    return interface_choose_from(list, count, name, &chosen, text, sizeof(text));
}

START_TEST(the_only_one)
{
    struct interface lo = {.name = "lo", .up = true, .connected = true, .loopback = true};
    struct interface down = usable("eth1");
    struct interface unplugged = usable("eth2");

    down.up = false;
    unplugged.connected = false;
    ck_assert_int_eq(
        choose((struct interface[]){lo, down, unplugged, usable("eth0"),
                                    of_kind("docker0", "bridge"), of_kind("virbr0", "bridge"),
                                    of_kind("tap0", "tun"), port_of("eth3", "bridge"),
                                    usable("vif1.0"), of_kind("veth12", "veth")},
               10, NULL),
        0);
    ck_assert_str_eq(chosen.name, "eth0");
}
END_TEST

START_TEST(a_bridge_of_the_administrators)
{
    ck_assert_int_eq(
        choose((struct interface[]){port_of("eth0", "bridge"), of_kind("xenbr0", "bridge")}, 2,
               NULL),
        0);
    ck_assert_str_eq(chosen.name, "xenbr0");
}
END_TEST

START_TEST(a_container_has_only_its_veth)
{
    struct interface lo = {.name = "lo", .up = true, .connected = true, .loopback = true};

    ck_assert_int_eq(choose((struct interface[]){lo, of_kind("eth0", "veth")}, 2, NULL), 0);
    ck_assert_str_eq(chosen.name, "eth0");
}
END_TEST

START_TEST(several_are_listed)
{
    ck_assert_int_eq(choose((struct interface[]){usable("eth0"), usable("eth1")}, 2, NULL),
                     -ENOTUNIQ);
    ck_assert_ptr_nonnull(strstr(text, "--eth: eth0 eth1"));
    ck_assert_int_eq(choose((struct interface[]){usable("eth0"), usable("eth1")}, 2, "eth1"), 0);
    ck_assert_str_eq(chosen.name, "eth1");
}
END_TEST

START_TEST(none_is_explained)
{
    struct interface bridge = of_kind("xenbr0", "bridge");
    struct interface down = usable("eth0");

    down.up = false;
    ck_assert_int_eq(choose(&down, 1, NULL), -ENODEV);
    ck_assert_ptr_nonnull(strstr(text, "eth0: down"));
    ck_assert_int_eq(choose(&down, 1, "eth0"), -EINVAL);
    ck_assert_ptr_nonnull(strstr(text, "eth0 cannot be used: it is down"));
    memset(bridge.mac, 0, sizeof(bridge.mac));
    ck_assert_int_eq(choose(&bridge, 1, "xenbr0"), -EINVAL);
    ck_assert_ptr_nonnull(strstr(text, "ip link set xenbr0 address"));
    ck_assert_int_eq(choose(&down, 1, "eth7"), -ENODEV);
    ck_assert_ptr_nonnull(strstr(text, "no interface eth7; there are: eth0"));
}
END_TEST

START_TEST(a_name_overrides_doubt)
{
    ck_assert_int_eq(
        choose((struct interface[]){port_of("eth0", "bridge"), usable("eth1")}, 2, "eth0"), 0);
    ck_assert_str_eq(chosen.name, "eth0");
}
END_TEST

START_TEST(a_long_list_is_cut_not_overrun)
{
    struct interface list[60];
    char small[40];

    for (int i = 0; i < 60; i++)
        list[i] = usable("ethernet-name-1");
    ck_assert_int_eq(interface_choose_from(list, 60, NULL, &chosen, small, sizeof(small)),
                     -ENOTUNIQ);
    ck_assert_uint_lt(strlen(small), sizeof(small));
}
END_TEST

START_TEST(this_machine_can_be_asked)
{
    struct interface list[256];
    int count = interface_list(list, 256);
    bool loopback = false;

    ck_assert_int_ge(count, 1);
    for (int i = 0; i < count; i++)
        loopback |= list[i].loopback;
    ck_assert(loopback);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("interface");
    TCase *cases = tcase_create("interface");
    SRunner *runner;
    int failed;

    tcase_add_test(cases, the_only_one);
    tcase_add_test(cases, a_bridge_of_the_administrators);
    tcase_add_test(cases, a_container_has_only_its_veth);
    tcase_add_test(cases, several_are_listed);
    tcase_add_test(cases, none_is_explained);
    tcase_add_test(cases, a_name_overrides_doubt);
    tcase_add_test(cases, a_long_list_is_cut_not_overrun);
    tcase_add_test(cases, this_machine_can_be_asked);
    suite_add_tcase(suite, cases);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
