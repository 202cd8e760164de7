"""The configuration: modes and their prompts, what is kept, and how it is printed."""

from pathlib import Path

import pytest

from knockctl_ios.twin.device.configure import read
from knockctl_ios.twin.device.render import lines
from knockctl_ios.twin.device.switches import Switches
from tests.fixtures.ios_foreign import foreign

SEED = r"""
object-group service OG_Knock
udp eq 46543
udp eq 28654
object-group service OG_Knock_Services
tcp eq 22
tcp eq 80
tcp-udp eq 443
ip access-list extended ACL_CoPP_Knock
permit object-group OG_Knock any any
class-map match-any CM_CoPP_Knock
match access-group name ACL_CoPP_Knock
policy-map PM_CoPP
class CM_CoPP_Knock
drop
control-plane host
service-policy input PM_CoPP
class-map type logging match-any CM_CoPP_Log
match packets dropped
policy-map type logging PM_CoPP_Log
class CM_CoPP_Log
log
control-plane host
service-policy type logging input PM_CoPP_Log
ip access-list extended ACL_Internet_In
dynamic DACL_Internet_In permit object-group OG_Knock_Services any any
deny object-group OG_Knock_Services any any
permit ip any any
service sequence-numbers
event manager environment _knock_Timeout 1
event manager applet EEM_Knock
event tag E1 syslog pattern ".*%CP-6-UDP.*46543.*$"
event tag E2 syslog pattern ".*%CP-6-UDP.*28654.*$"
trigger occurs 1 period 10
correlate event E1 and event E2
action 0010 info type event reqinfo tag E1
action 0020 regexp "([0-9]+)\(" "$_syslog_msg" _m _src
action 0030 if $_regexp_result eq 1
action 0040 cli command "enable"
action 0050 else
action 0060 syslog msg "no match"
action 0070 end
"""

PRINTED = r"""
service sequence-numbers
object-group service OG_Knock~
 udp eq 46543
 udp eq 28654
object-group service OG_Knock_Services~
 tcp eq 22
 tcp eq www
 tcp-udp eq 443
class-map match-any CM_CoPP_Knock
 match access-group name ACL_CoPP_Knock
class-map type logging match-any CM_CoPP_Log
 match packets dropped
policy-map PM_CoPP
 class CM_CoPP_Knock
  drop
policy-map type logging PM_CoPP_Log
 class CM_CoPP_Log
  log
ip access-list extended ACL_CoPP_Knock
 permit object-group OG_Knock any any
ip access-list extended ACL_Internet_In
 dynamic DACL_Internet_In permit object-group OG_Knock_Services any any
 deny   object-group OG_Knock_Services any any
 permit ip any any
control-plane host
 service-policy input PM_CoPP
 service-policy type logging input PM_CoPP_Log
event manager environment _knock_Timeout 1
event manager applet EEM_Knock
 event tag E1 syslog pattern ".*%CP-6-UDP.*46543.*$"
 event tag E2 syslog pattern ".*%CP-6-UDP.*28654.*$"
 trigger occurs 1 period 10
  correlate event E1 and event E2
 action 0010 info type event reqinfo tag E1
 action 0020 regexp "([0-9]+)\(" "$_syslog_msg" _m _src
 action 0030 if $_regexp_result eq "1"
 action 0040  cli command "enable"
 action 0050 else
 action 0060  syslog msg "no match"
 action 0070 end
"""


def added(device, before):
    old = before.splitlines()
    return [line for line in device.running().splitlines() if line not in old]


def test_a_whole_design_is_printed_in_the_order_and_the_words_of_the_device(console):
    device = console()
    before = device.running()
    assert device.configure(SEED) == ""
    assert added(device, before) == PRINTED.strip("\n").replace("~", " ").splitlines()


def test_what_is_printed_is_read_back_to_the_same(console):
    device = console()
    device.configure(SEED)
    device.configure("banner motd #two\nlines#\nrouter bgp 65000\n neighbor 192.0.2.9 shutdown")
    for switches in (Switches(), Switches(version="17.9.4")):
        tree = read(device.running().splitlines(), Switches())
        once = list(lines(tree, switches))
        said = []
        again = read(once, switches, report=said.append)
        if not switches.xe:
            assert said == []
            assert list(lines(again, switches)) == once


def test_what_show_running_config_begins_and_ends_with(console):
    device = console()
    device.configure("hostname cisco1")
    head, *rest = device.say("show running-config").split("\n")
    assert head == "Building configuration..."
    body = "\n".join(rest[2:])
    assert rest[1] == f"Current configuration : {len(body)} bytes"
    assert body.startswith(
        "!\n! Last configuration change at 20:26:40 UTC Thu May 28 2026 by admin\n!\nversion 15.7\n"
    )
    assert body.endswith("!\nend\n")


@pytest.mark.parametrize(
    ("line", "prompt"),
    [
        ("hostname r", "r(config)#"),
        ("object-group service X", "r(config-service-group)#"),
        ("ip access-list extended A", "r(config-ext-nacl)#"),
        ("class-map C", "r(config-cmap)#"),
        ("policy-map P", "r(config-pmap)#"),
        ("class class-default", "r(config-pmap-c)#"),
        ("control-plane", "r(config-cp)#"),
        ("control-plane host", "r(config-cp-host)#"),
        ("event manager applet X", "r(config-applet)#"),
        ("event none", "r(config-applet)#"),
        ("trigger", "r(config-applet-trigger)#"),
        ("action 1 exit", "r(config-applet)#"),
        ("interface gi0/0", "r(config-if)#"),
        ("interface gi0/0.7", "r(config-subif)#"),
        ("line vty 0 4", "r(config-line)#"),
        ("archive", "r(config-archive)#"),
        ("log config", "r(config-archive-log-cfg)#"),
        ("router bgp 65000", "r(config-router)#"),
        ("exit", "r(config)#"),
        ("exit", "r#"),
    ],
)
def test_every_mode_has_its_prompt(console, line, prompt):
    device = console()
    device.say("conf t")
    way = ("hostname r", "object-group service X", "ip access-list extended A", "class-map C")
    way += ("policy-map P", "class class-default", "control-plane", "control-plane host")
    way += ("event manager applet X", "event none", "trigger", "action 1 exit")
    way += ("interface gi0/0", "interface gi0/0.7", "line vty 0 4", "archive", "log config")
    way += ("router bgp 65000", "exit", "exit")
    for step in way[: way.index(line) + 1]:
        device.say(step)
    if (line, prompt) == ("exit", "r#"):
        device.say(line)
    assert device.prompt == prompt


def test_prompts_of_configuration_cut_a_long_name(console):
    device = console(hostname="abcdefghijklmnopqrstuvwxyz")
    assert device.prompt == "abcdefghijklmnopqrstuvwxyz#"
    device.say("conf t")
    assert device.prompt == "abcdefghijklmnopqrst(config)#"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("class-map C", "class-map match-all C"),
        ("service timestamps log uptime", "service timestamps log uptime"),
        ("no service timestamps log", "no service timestamps log"),
        ("ip domain-name example.net", "ip domain name example.net"),
        ("no ip domain lookup", "no ip domain lookup"),
        ("logging host 192.0.2.9", "logging host 192.0.2.9"),
        ("event manager environment _x  two  words", "event manager environment _x two  words"),
        ("file prompt quiet", "file prompt quiet"),
        ("snmp-server community x RO 7", "snmp-server community x RO 7"),
    ],
)
def test_lines_are_kept_in_their_normal_form(console, typed, kept):
    device = console()
    assert device.configure(typed) == ""
    assert kept in device.running().splitlines()


def test_settings_of_one_value_replace_each_other_and_no_removes_them(console):
    device = console()
    device.configure("logging buffered 4096\nevent manager environment _a 1")
    device.configure("logging buffered 8192\nevent manager environment _a 2")
    text = device.running()
    assert "logging buffered 8192\n" in text
    assert "4096" not in text
    assert "event manager environment _a 2\n" in text
    device.configure("no event manager environment _a")
    assert "environment" not in device.running()


def test_interfaces_print_what_is_off_and_hide_what_is_on(console):
    device = console(addresses=(("192.0.2.14/24", "GigabitEthernet0/0"),))
    device.configure(
        "int gi0/0\n desc outside\n ip access-group A in\n no ip unreachables\n ip redirects\n"
        "int gi0/1\n shutdown"
    )
    assert device.running("^interface").split("\n") == [
        "interface GigabitEthernet0/0",
        " description outside",
        " ip address 192.0.2.14 255.255.255.0",
        " ip access-group A in",
        " no ip unreachables",
        "interface GigabitEthernet0/1",
        " no ip address",
        " shutdown",
    ]
    shown = device.say("show ip interface gi0/0")
    assert "GigabitEthernet0/0 is up, line protocol is up\n" in shown
    assert "Internet address is 192.0.2.14/24\n" in shown
    assert "Inbound  access list is A\n" in shown
    assert "Outgoing access list is not set\n" in shown
    assert "ICMP unreachables are never sent\n" in shown


def test_only_interfaces_that_are_no_hardware_can_be_made(console):
    device = console()
    assert "% Invalid input" in device.configure("interface gi0/9")
    assert device.configure("interface loopback 1") == ""
    assert "interface Loopback1\n no ip address\n" in device.running()
    device.configure("no interface loopback1")
    assert "Loopback1" not in device.running()


def test_foreign_sections_are_kept_word_for_word(console):
    text = (
        "crypto pki certificate chain TP\n certificate self-signed 01\n  3082024B 308201B4\n"
        "  A0030201 02020101\n  \tquit\n"
    )
    device = console()
    device.device.flash.write("m.txt", text.encode())
    device.say("copy flash:m.txt running-config")
    assert text in device.running()


def test_an_ordinary_configuration_loses_no_line():
    said = []
    wanted = (Path(__file__).parent / "ordinary.cfg").read_text().splitlines()
    switches = Switches(group_padding=False)
    found = list(lines(read(wanted, switches, report=said.append), switches))
    assert said == []
    assert [line for line in wanted if line not in found] == []
    assert [line for line in found[1:-1] if line != "!" and line not in wanted] == []


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("no service pad", ["no service pad"]),
        ("no service pad\nservice pad", []),
        ("service pad\nno service pad", []),
        ("no ip route 10.0.0.0 255.0.0.0 192.0.2.1", []),
    ],
)
def test_what_is_not_known_to_be_on_or_off_is_kept_as_it_was_given(console, typed, kept):
    device = console()
    before = device.running().splitlines()
    device.configure(typed)
    assert [line for line in device.running().splitlines() if line not in before] == kept


def test_banners_are_read_up_to_their_mark(console):
    device = console()
    device.say("conf t")
    device.say("banner motd #first")
    assert device.prompt == ""
    device.say("second#")
    assert device.prompt == "cisco1(config)#"
    assert "banner motd \x03first\nsecond\x03\n" in device.running()
    assert "banner motd ^Cfirst\nsecond^C\n" in device.say("do show running-config")


def test_secrets_are_kept_as_digests_and_hold(console):
    device = console()
    device.configure("username bob privilege 7 secret hush\nenable secret sesame")
    assert "username bob privilege 7 secret 5 $1$" in device.running()
    assert "hush" not in device.running()
    assert device.device.permits("bob", "hush")
    assert not device.device.permits("bob", "other")
    assert device.device.privilege("bob") == 7
    device.configure("username eve password 0 plain\nusername ann secret 5 $1$abcd$" + "x" * 22)
    assert device.device.permits("eve", "plain")
    assert not device.device.permits("ann", "plain")


def test_a_known_md5_crypt_digest_is_reproduced():
    from knockctl_ios.twin.device import passwords

    # From the crypt(3) test vectors that many libraries ship.
    assert passwords.hashed("0.s0.l33t", "deadbeef") == "$1$deadbeef$0Huu6KHrKLVWfqa4WljDE0"
    assert passwords.fits("7 045802150C2E", "cisco")


def test_do_carries_out_exec_commands_in_configuration(console):
    device = console()
    device.say("conf t")
    assert device.say("do show privilege") == "Current privilege level is 15\n"
    assert device.prompt == "cisco1(config)#"


def test_ten_thousand_lines_are_read_printed_replaced_and_booted(console):
    device = console(group_padding=False)
    many = "".join(f" permit udp host 10.0.{n >> 8}.{n & 255} any eq 7000\n" for n in range(2500))
    text = f"{foreign(7500)}ip access-list extended LONG\n{many}"
    assert device.device.load(text) == ""
    before = device.running()
    printed = set(before.splitlines())
    assert [line for line in text.splitlines() if line not in printed] == []
    device.say("copy running-config flash:x")
    device.configure("ip access-list extended LONG\n 15 permit ip any any")
    assert "Rollback Done" in device.say("configure replace flash:x force")
    assert device.running() == before
    device.device.power_off()
    device.device.power_on()
    assert device.running() == before
