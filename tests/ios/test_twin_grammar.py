"""How the device reads a line: short forms, and what it says to what it can't read."""

import pytest

MARKED = "% Invalid input detected at '^' marker.\n\n"


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("sh ver", "show version"),
        ("SHOW VERSION", "show version"),
        ("sh ip int bri", "show ip interface brief"),
        ("sh run int gi0/0", "show running-config interface GigabitEthernet0/0"),
        ("sh run int gi 0/0", "show running-config interface GigabitEthernet0/0"),
        ("sh archive conf rollb tim", "show archive config rollback timer"),
        ("dir fl:", "dir fl:"),
    ],
)
def test_unique_beginnings_are_enough(console, short, full):
    device = console()
    assert device.say(short) == device.say(full)


@pytest.mark.parametrize("line", ["s", "c", "show a"])
def test_a_beginning_of_several_words_is_ambiguous(console, line):
    assert console().say(line) == f'% Ambiguous command:  "{line}"\n\n'


@pytest.mark.parametrize(
    "line", ["show", "copy flash:x", "access-template", "show ip interface Gi"]
)
def test_a_line_that_ends_early_is_incomplete(console, line):
    assert console().say(line) == "% Incomplete command.\n\n"


@pytest.mark.parametrize(
    ("line", "marked"),
    [
        ("show foo", "foo"),
        ("show vexsion", "xsion"),
        ("show version now", "now"),
        ("terminal length 513", "513"),
        ("access-template A D host 1.2.3.4.5", "1.2.3.4.5"),
    ],
)
def test_the_marker_stands_under_what_is_wrong(console, line, marked):
    device = console()
    column = len(f"cisco1#{line}") - len(marked)
    assert device.say(line) == f"{' ' * column}^\n{MARKED}"


def test_the_marker_counts_the_prompt_of_the_mode(console):
    device = console()
    device.say("conf t")
    device.say("ip access-list extended A")
    line = "permit tcp any any bla"
    column = len(f"cisco1(config-ext-nacl)#{line}") - len("bla")
    assert device.say(line) == f"{' ' * column}^\n{MARKED}"


def test_an_unknown_word_alone_is_taken_for_a_host(console):
    said = console().say("frobnicate")
    assert said.startswith('Translating "frobnicate"')
    assert "% Unknown command or computer name" in said
    assert "255.255.255.255" in console(domain_lookup=True).say("frobnicate")


def test_a_short_form_is_understood_in_configuration_and_printed_in_full(console):
    device = console()
    device.configure("ip access-l e A\n perm ud an host 192.0.2.1 eq 123\n den ip an an")
    assert device.running("access-list") == (
        "ip access-list extended A\n permit udp any host 192.0.2.1 eq ntp\n deny   ip any any"
    )


def test_a_level_below_sees_fewer_commands(console, session):
    device = console().device
    low = session(device, "low", 1)
    assert low.prompt == "cisco1>"
    assert low.say("show version").startswith("Cisco IOS Software")
    assert MARKED in low.say("show running-config")
    assert "Unknown command" in low.say("reload")
    assert low.say("enable") == "% No password set\n"


def test_commands_can_be_refused_by_authorization(console):
    device = console(unauthorized=("configure", "access-template"))
    assert device.say("conf t") == "Command authorization failed.\n"
    assert device.prompt == "cisco1#"
    device.shell.bypass = True
    assert device.say("conf t").startswith("Enter configuration commands")


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ("| include host", ["hostname cisco1"]),
        ("| inc ^line|^end", ["line con 0", "line aux 0", "line vty 0 4", "end"]),
        ("| section ^archive", ["archive", " path flash:archive"]),
        ("| begin ^line vty", ["line vty 0 4", " login local", " transport input ssh", "!", "end"]),
        ("| count ^interface", ["Number of lines which match regexp = 2"]),
    ],
)
def test_output_can_be_filtered(console, filters, left):
    assert console().say(f"show running-config {filters}").rstrip("\n").split("\n") == left
