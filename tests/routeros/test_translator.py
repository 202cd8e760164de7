"""What the translator of rows to the kernel's rules writes, and what it refuses to."""

from pathlib import Path

import pytest

from knockctl_routeros.config.export import parse_export
from tests.fixtures.routeros_kernel import translate
from tests.fixtures.routeros_sets import Untranslatable

SEED = parse_export(
    Path(__file__).with_name("seed.rsc").read_text(), default_menu="/ip firewall filter"
)
LISTS = {"WAN": ["ether1"], "LAN": ["ether2", "bridge"]}
MANY = "1,3,5,7,9,11,13,15,17,19,21,23,25,27,29-30,33"
FIRST = "1,3,5,7,9,11,13,15,17,19,21,23,25,27"
STATIC = "/ip firewall address-list add address=10.0.0.0/8 list=fixed\n"


def rules(text, family=4, table="filter"):
    """The rules of one table, without what every table has."""
    _, restored = translate(parse_export(text), family, LISTS)
    _, _, rest = restored.partition(f"*{table}\n")
    hooks = ("-A INPUT -j f_", "-A FORWARD -j f_", "-A OUTPUT -j", "-A PREROUTING -j r_")
    lines = rest.partition("COMMIT")[0].splitlines()
    return [
        line.removeprefix("-A ")
        for line in lines
        if line.startswith("-A") and not line.startswith(hooks)
    ]


def drop(words, family=4):
    """The rules of one that drops."""
    menu = "/ip" if family == 4 else "/ipv6"
    return rules(f"{STATIC}{menu} firewall filter add action=drop chain=input {words}", family)


def test_the_seed_as_printed():
    sets, restored = translate(SEED, 4, LISTS)
    assert sets == "".join(
        f"create al4_{name} hash:ip family inet hashsize 16384 maxelem 65536 timeout 0\n"
        for name in ("888", "555", "secured")
    )
    assert (
        restored
        == """\
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:r_prerouting - [0:0]
:r_output - [0:0]
-A PREROUTING -j r_prerouting
-A OUTPUT -j r_output
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:f_input - [0:0]
:f_forward - [0:0]
:f_output - [0:0]
-A INPUT -j f_input
-A FORWARD -j f_forward
-A OUTPUT -j f_output
-A f_input -p tcp -m multiport --dports 888 -i ether1\
 -j SET --add-set al4_888 src --exist --timeout 30
-A f_input -p tcp -m multiport --dports 555 -i ether1 -m set --match-set al4_888 src\
 -j SET --add-set al4_555 src --exist --timeout 30
-A f_input -p tcp -m multiport --dports 222 -i ether1 -m set --match-set al4_555 src\
 -j SET --add-set al4_secured src --exist --timeout 1800
-A f_input -i ether1 -m set --match-set al4_secured src -j ACCEPT
COMMIT
"""
    )


def test_lists_of_the_configuration_are_sets_of_prefixes():
    text = """\
    /ip firewall address-list
    add address=10.0.0.1 list=a
    add address=10.0.0.1-10.0.0.4 list=a
    add address=0.0.0.0/0 list="a list"
    add address=10.9.9.9 disabled=yes list=off
    add address=10.0.0.1 list=timed timeout=1m30s
    add address=10.0.0.0/24 list=timed timeout=1m30s
    /ipv6 firewall address-list
    add address=2001:db8::/32 list=a
    """
    options = "hashsize 16384 maxelem 65536 timeout 0"
    assert translate(parse_export(text), 4)[0].splitlines() == [
        f"create an4_a hash:net family inet {options}",
        f"create an4_alist.34d4e651 hash:net family inet {options}",
        f"create al4_timed hash:ip family inet {options}",
        f"create an4_timed hash:net family inet {options}",
        "add an4_a 10.0.0.1/32",
        "add an4_a 10.0.0.2/31",
        "add an4_a 10.0.0.4/32",
        "add an4_alist.34d4e651 0.0.0.0/1",
        "add an4_alist.34d4e651 128.0.0.0/1",
        "add al4_timed 10.0.0.1/32 timeout 90",
        "add an4_timed 10.0.0.0/24 timeout 90",
    ]
    assert translate(parse_export(text), 6)[0].splitlines() == [
        f"create an6_a hash:net family inet6 {options}",
        "add an6_a 2001:db8::/32",
    ]


ONE_RULE = {
    "protocol=!udp": "! -p udp",
    "protocol=gre": "-p 47",
    "dst-port=22,80-90 protocol=tcp": "-p tcp -m multiport --dports 22,80:90",
    f"dst-port={FIRST},29 protocol=tcp": f"-p tcp -m multiport --dports {FIRST},29",
    "protocol=udp src-port=!53": "-p udp -m multiport ! --sports 53",
    f"protocol=udp port=!{MANY}": f"-p udp -m multiport ! --ports {FIRST}"
    " -m multiport ! --ports 29:30,33",
    "dst-address=10.0.0.0/8": "-d 10.0.0.0/8",
    "src-address=!10.0.0.1-10.0.0.9": "-m iprange ! --src-range 10.0.0.1-10.0.0.9",
    "src-address-list=x": "-m set --match-set al4_x src",
    "dst-address-list=!x": "-m set ! --match-set al4_x dst",
    "src-address-list=!fixed": "-m set ! --match-set al4_fixed src"
    " -m set ! --match-set an4_fixed src",
    "connection-state=!new,invalid": "-m conntrack ! --ctstate INVALID,NEW",
    "connection-nat-state=dstnat": "-m conntrack --ctstate DNAT",
    "in-interface=!ether1": "! -i ether1",
    "in-interface-list=!WAN": "! -i ether1",
    "in-interface-list=all": "",
    "protocol=tcp tcp-flags=syn,!ack": "-p tcp -m tcp --tcp-flags SYN,ACK SYN",
    "protocol=tcp tcp-flags=!rst,!cwr": "-p tcp -m tcp --tcp-flags RST NONE -m ecn ! --ecn-tcp-cwr",
    "protocol=icmp icmp-options=8:0-255": "-p icmp -m icmp --icmp-type 8",
    "protocol=icmp icmp-options=!3:4": "-p icmp -m icmp ! --icmp-type 3/4",
    "content=abc protocol=udp": "-p udp -m string --algo bm --from 28 --string abc",
    "content=!abc": "-m string --algo bm --from 20 ! --string abc",
    'content="a|b"': '-m string --algo bm --from 20 --hex-string "|61 7c 62|"',
    "dst-address-type=!local,broadcast": "-m addrtype ! --dst-type LOCAL,BROADCAST",
    "packet-size=0-99": "-m length --length 0:99",
    "limit=10,5:packet": "-m limit --limit 10/second --limit-burst 5",
    "limit=1/1m,5": "-m limit --limit 1/minute --limit-burst 5",
    "limit=1/2s,5": "-m limit --limit 30/minute --limit-burst 5",
    "limit=1/1h,5 src-address=10.0.0.1": "-s 10.0.0.1/32 -m limit --limit 1/hour --limit-burst 5",
}


@pytest.mark.parametrize("words", ONE_RULE)
def test_a_word_is_a_test(words):
    assert drop(words) == [f"f_input {ONE_RULE[words]} -j DROP".replace("  ", " ")]


SIX = {
    "src-address=2001:db8::/32": "-s 2001:db8::/32",
    "protocol=icmpv6 icmp-options=128:0": "-p icmpv6 -m icmp6 --icmpv6-type 128/0",
    "content=abc protocol=tcp": "-p tcp -m string --algo bm --from 60 --string abc",
    "src-address-list=fixed": "-m set --match-set al6_fixed src",
}


@pytest.mark.parametrize("words", SIX)
def test_a_word_of_ipv6_is_a_test(words):
    assert drop(words, 6) == [f"f_input {SIX[words]} -j DROP"]


NEVER = ["src-address=!0.0.0.0/0", "in-interface-list=none", "protocol=tcp tcp-flags=syn,!syn"]


@pytest.mark.parametrize("words", NEVER)
def test_what_can_never_fit_is_no_rule(words):
    assert drop(words) == []


def test_what_needs_several_tests_is_asked_in_chains_that_are_entered_once():
    assert drop("src-address-list=fixed in-interface-list=!LAN src-address=10.0.0.0/8") == [
        "f_input -s 10.0.0.0/8 -j h_1",
        "h_1 -i ether2 -j RETURN",
        "h_1 -i bridge -j RETURN",
        "h_1 -m set --match-set al4_fixed src -g h_2",
        "h_1 -m set --match-set an4_fixed src -g h_2",
        "h_2 -j DROP",
    ]


def test_a_list_is_all_that_was_ever_put_on_it():
    kinds = ("al", "an", "ap")
    text = f"""\
    {STATIC}
    /ip firewall filter
    add action=drop chain=input src-address-list=!fixed
    add action=add-src-to-address-list address-list=fixed address-list-timeout=none-static chain=x
    """
    assert rules(text) == [
        f"f_input {' '.join(f'-m set ! --match-set {one}4_fixed src' for one in kinds)} -j DROP",
        "f_x -j SET --add-set ap4_fixed src --exist",
    ]


def test_more_ports_than_fit():
    assert drop(f"dst-port={MANY} protocol=tcp limit=1/1s,1 log=yes log-prefix=hm") == [
        "f_input -p tcp -j h_1",
        f"h_1 -p tcp -m multiport --dports {FIRST} -g h_2",
        "h_1 -p tcp -m multiport --dports 29:30,33 -g h_2",
        "h_2 -p tcp -m limit --limit 1/second --limit-burst 1 -j h_3",
        "h_3 -p tcp -j LOG --log-prefix hm",
        "h_3 -p tcp -j DROP",
    ]


def test_a_return_that_needs_a_chain_of_its_own_leaves_a_mark():
    text = f"{STATIC}/ip firewall filter add action=return chain=x src-address-list=fixed"
    assert rules(text) == [
        "f_x -j MARK --set-xmark 0x0/0x10000000",
        "f_x -j h_1",
        "f_x -m mark --mark 0x10000000/0x10000000 -j RETURN",
        "h_1 -m set --match-set al4_fixed src -g h_2",
        "h_1 -m set --match-set an4_fixed src -g h_2",
        "h_2 -j MARK --set-xmark 0x10000000/0x10000000",
    ]


ACTIONS = {
    "action=accept": "-j ACCEPT",
    "action=drop": "-j DROP",
    "action=tarpit protocol=tcp": "-p tcp -j DROP",
    "action=passthrough src-address=10.0.0.1": "-s 10.0.0.1/32",
    "action=return": "-j RETURN",
    "action=jump jump-target=kc-p1": "-j f_kc-p1",
    "action=jump jump-target=INPUT": "-j f_INPUT",
    "action=jump jump-target=a-name-that-is-longer-than-any": "-j f_anamethatislonger.69092b9e",
    "action=log": "-j LOG",
    'action=log log-prefix="a \\"b"': r'-j LOG --log-prefix "a \"b"',
    "action=reject": "-j REJECT --reject-with icmp-net-unreachable",
    "action=reject protocol=tcp reject-with=tcp-reset": "-p tcp -j REJECT --reject-with tcp-reset",
    "action=add-src-to-address-list address-list=a": "-j SET --add-set al4_a src"
    " --exist --timeout 0",
    "action=add-dst-to-address-list address-list=a address-list-timeout=1h30m": "-j SET"
    " --add-set al4_a dst --exist --timeout 5400",
    "action=add-src-to-address-list address-list=a address-list-timeout=none-static": "-j SET"
    " --add-set ap4_a src --exist",
}


@pytest.mark.parametrize("words", ACTIONS)
def test_an_action_is_a_target(words):
    assert rules(f"/ip firewall filter add chain=input {words}") == [f"f_input {ACTIONS[words]}"]


def test_raw_has_chains_of_its_own():
    text = """\
    /ip firewall raw
    add action=notrack chain=prerouting protocol=udp
    add action=jump chain=prerouting jump-target=x
    /ip firewall filter
    add action=drop chain=x
    """
    assert rules(text, table="raw") == [
        "r_prerouting -p udp -j CT --notrack",
        "r_prerouting -j r_x",
    ]
    assert rules(text) == ["f_x -j DROP"]


def test_timeouts_can_be_shortened():
    _, restored = translate(SEED, 4, LISTS, faster=10)
    assert "--add-set al4_secured src --exist --timeout 180\n" in restored


REFUSED = {
    "action": "/ip firewall filter add action=fasttrack-connection chain=forward",
    "action notrack": "/ip firewall filter add action=notrack chain=input",
    "action reject": "/ip firewall raw add action=reject chain=prerouting",
    "address": "/ip firewall address-list add address=host.example list=a",
    "address six": "/ip firewall address-list add address=2001:db8::1 list=a",
    "address-list": "/ip firewall filter add action=add-src-to-address-list chain=input",
    "address-list-timeout": "/ip firewall filter add action=add-src-to-address-list"
    " address-list=a address-list-timeout=500ms chain=input",
    "address-list-timeout long": "/ip firewall filter add action=add-src-to-address-list"
    " address-list=a address-list-timeout=30d chain=input",
    "chain": "/ip firewall filter add action=drop",
    "connection-state": "/ip firewall filter add chain=input connection-state=odd",
    "connection-state raw": "/ip firewall raw add chain=prerouting connection-state=new",
    "dst-limit": "/ip firewall filter add chain=input dst-limit=1,5,dst-address/1m40s",
    "dst-port": "/ip firewall filter add chain=input dst-port=22",
    "dst-port not": "/ip firewall filter add chain=input dst-port=22 protocol=!tcp",
    "icmp-options": "/ip firewall filter add chain=input icmp-options=8:0 protocol=tcp",
    "in-interface": "/ip firewall filter add chain=input in-interface=vlan+",
    "in-interface-list": "/ip firewall filter add chain=input in-interface-list=unheard-of",
    "jump-target": "/ip firewall filter add action=jump chain=input",
    "layer7-protocol": "/ip firewall filter add chain=input layer7-protocol=pass protocol=udp",
    "layer7-protocol of": "/ip firewall filter add chain=input layer7-protocol=nobody",
    "limit": "/ip firewall filter add chain=input limit=10k,5:bit",
    "protocol": "/ip firewall filter add chain=input protocol=unheard-of",
    "psd": "/ip firewall filter add chain=input protocol=tcp psd=21,3s,3,1",
    "reject-with": "/ip firewall filter add action=reject chain=input reject-with=tcp-reset",
    "src-address": "/ip firewall filter add chain=input src-address=2001:db8::1",
    "src-address-type": "/ip firewall filter add chain=input src-address-type=odd",
    "tcp-flags": "/ip firewall filter add chain=input tcp-flags=syn",
}
PASS = '/ip firewall layer7-protocol add name=pass regexp="^passphrase/\\$"\n'


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_counterpart_is_refused_with_its_word(name):
    rows = parse_export(PASS + REFUSED[name])
    with pytest.raises(Untranslatable) as caught:
        translate(rows, 4, LISTS)
    assert (caught.value.word, caught.value.row) == (name.split(" ")[0], rows[1])
