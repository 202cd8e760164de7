"""Everything that a router runs: what is ours among it, proved or named."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from knockctl.automaton.machine import ConcreteClocks
from knockctl.automaton.packet import WirePacket
from knockctl.automaton.reference import Site
from knockctl.policy.resolved import Generation, Knock
from knockctl.ports import Span
from knockctl.verify import prove as verify
from knockctl.verify.packets import Claim
from knockctl.verify.prove import Status, prove
from knockctl_ios.config import syntax
from knockctl_ios.config.parse import parse_text
from knockctl_ios.driver.reader import judging
from knockctl_ios.plan.modeller import IosModeller
from tests.fixtures.ios_policies import METHODS, SETTLED, P, corner

SMALL = replace(
    P,
    generations=(Generation(1, (Knock("udp", 101), Knock("udp", 102))),),
    services=(Span("tcp", 22, 22),),
)
ROUTER = """
ip access-list extended OUTSIDE
 permit tcp any any established
 permit icmp any any
 deny ip any any log
ip access-list extended PARTNER
 permit tcp any any eq 443
 permit udp any host 198.51.100.14
 deny ip any any
interface GigabitEthernet0/0
 ip address 198.51.100.14 255.255.255.0
 ip access-group OUTSIDE in
 no ip unreachables
interface GigabitEthernet0/1
 ip address 192.0.2.14 255.255.255.0
 no ip unreachables
interface GigabitEthernet0/2
 ip address 203.0.113.14 255.255.255.0
 ip access-group PARTNER in
service sequence-numbers
"""
"""Three interfaces: clients, management without a list, a partner who may send what knocks are."""


MODELLER = IosModeller(SETTLED)


def running(text, switches=SETTLED):
    return IosModeller(switches).running(text).model


def claimed(one, model):
    """The claim that ``verify --running`` makes of everything, for a router that acts at once."""
    relaxed = tuple(replace(bounds, lag=0) for bounds in one.rendered.relaxed)
    management = one.place.management
    site = Site(
        one.rendered.effective,
        management.sources if management else (),
        management.port if management else None,
        relaxed,
    )
    return Claim(site, MODELLER.scope(one.place), model, 4, whole=True)


def opened(one, text, switches=SETTLED):
    """Ask whether anybody gets in without the knock."""
    return prove(claimed(one, running(text, switches)), verify.opens)


# --- several interfaces ---


@pytest.mark.parametrize("method", METHODS)
def test_nobody_gets_in_without_the_knock_whatever_other_interfaces_let_in(method):
    one = corner(SMALL, method=method)
    result = opened(one, one.config.text() + ROUTER)
    assert result.status is Status.PROVED, (result.findings, result.reasons)


def test_knocks_by_other_interfaces_count_where_the_log_does_not_tell_interfaces_apart():
    one = corner(SMALL, method="copp")
    text = one.config.text()
    blind = text.replace(f" match input-interface {one.place.interface}\n", "")
    assert blind != text
    for found in (
        opened(one, blind + ROUTER),
        opened(one, text + ROUTER, replace(SETTLED, by_interface=False)),
    ):
        assert found.status is Status.COUNTEREXAMPLE
        rows = found.findings[0].trace
        assert [row.letter.packet.interface for row in rows][-1] == one.place.interface
        assert {row.letter.packet.interface for row in rows[:-1]} > {one.place.interface}


@pytest.mark.parametrize("method", METHODS)
def test_a_permit_above_ours_is_named(method):
    one = corner(SMALL, method=method)
    above = "ip access-list extended OUTSIDE\n permit tcp 203.0.113.0 0.0.0.255 any eq 22\n"
    found = opened(one, above + one.config.text() + ROUTER)
    assert found.status is Status.COUNTEREXAMPLE
    (row,) = found.findings[0].trace
    assert row.rule == "OUTSIDE: permit tcp 203.0.113.0 0.0.0.255 any eq 22"


@pytest.mark.parametrize("method", METHODS)
def test_services_on_other_interfaces_stay_what_they_were(method):
    one = corner(SMALL, method=method)
    alone, together = running(ROUTER), running(one.config.text() + ROUTER)
    for number in (1, 2):
        for port in (22, 443):
            packet = WirePacket(
                ip_address("203.0.113.7"),
                one.place.addresses[0],
                "tcp",
                port,
                interface=f"GigabitEthernet0/{number}",
            )
            judged = [
                model.step(model.initial, packet, ConcreteClocks()).verdict
                for model in (alone, together)
            ]
            assert judged[0] is judged[1]


# --- the operator's policy of the control plane ---

THEIRS = """
ip access-list extended PROBES
 permit udp any any range 100 200
class-map match-any THEIRS
 match access-group name PROBES
policy-map COPP
 class THEIRS
  {}
control-plane host
 service-policy input COPP
"""


@pytest.mark.parametrize(("action", "verdict"), [("set precedence 1", "accept"), ("drop", None)])
def test_a_class_above_ours_that_takes_knocks_is_named(action, verdict):
    one = corner(SMALL, method="copp", policy_map="COPP")
    found = opened(one, THEIRS.format(action) + one.config.text() + ROUTER)
    if verdict is None:
        # What it drops is logged: it knocks as well.
        assert found.status is Status.PROVED, found.findings
        return
    assert found.status is Status.COUNTEREXAMPLE
    (row,) = found.findings[0].trace
    assert (row.rule, row.got) == ("policy-map COPP, class THEIRS", verdict)


def test_a_class_above_ours_that_polices_knocks_is_no_guess_of_ours():
    one = corner(SMALL, method="copp", policy_map="COPP")
    found = opened(one, THEIRS.format("police 8000") + one.config.text() + ROUTER)
    assert found.status is Status.UNKNOWN
    assert any("policy-map COPP, class THEIRS" in reason for reason in found.reasons)


def test_how_a_class_joins_its_lines_is_seen():
    one = corner(SMALL, method="copp", policy_map="COPP")
    both = THEIRS.format("set precedence 1").replace(
        " match access-group name PROBES\n",
        " match access-group name PROBES\n match access-group name NOBODY\n",
    )
    both += "ip access-list extended NOBODY\n deny ip any any\n"
    every = both.replace("match-any THEIRS", "match-all THEIRS")
    text = one.config.text() + ROUTER
    assert opened(one, both + text).status is Status.COUNTEREXAMPLE
    assert opened(one, every + text).status is Status.PROVED
    ours = one.config.text().replace("class-map match-any kc-p", "class-map match-all kc-p")
    assert parse_text(ours) != parse_text(one.config.text())


# --- applets of others ---

APPLET = """event manager applet THEIRS
 {}
 action 01 cli command "enable"
"""
OPENS = 'action 02 cli command "access-template OUTSIDE kc-p host 203.0.113.7 any"'
LINK = 'event syslog pattern "LINEPROTO"'
NOT_UNDERSTOOD = {
    "when 'event timer countdown time 30' happens": ("event timer countdown time 30", OPENS),
    "when 'event cli pattern": ('event cli pattern "write mem" sync yes', OPENS),
    "when 'event syslog pattern": ('event syslog pattern "." severity-notification', OPENS),
    "when 'trigger delay 5' lets": (
        *('event tag a syslog pattern "."', "trigger occurs 1 delay 5", "  correlate event a"),
        OPENS,
    ),
    "whether track 1 is up": (
        *('event tag a syslog pattern "."', "trigger", "  correlate event a and track 1", OPENS),
    ),
    "what 'sleep 5' means": (LINK, "sleep 5", OPENS),
    "what matches": ('event syslog pattern "(a|ab)"', OPENS),
    "what its action 03": (LINK, 'action 03 cli command "no ip access-list extended OUTSIDE"'),
    "what its action 02, 'policy another', does": (LINK, "action 02 policy another"),
    "what its action 04": (
        *(LINK, OPENS, 'action 04 cli command "ping 192.0.2.1"'),
        'action 05 regexp "!!" "$_cli_result"',
    ),
    "when 'event timer watchdog": (
        *("event timer watchdog time 60", 'action 02 cli command "show clock"'),
        'action 03 syslog msg "$_cli_result"',
    ),
    "which other lines match LINEPROTO": (LINK, OPENS),
    "which other lines match ^[^%]*%LINK-3-UPDOWN.*up$": (
        'event syslog pattern "^[^%]*%LINK-3-UPDOWN.*up$"',
        OPENS,
    ),
}
HARMLESS = [
    ("event timer watchdog time 60", 'action 02 syslog msg "I am here"'),
    (
        *(LINK, 'action 02 cli command "conf t"', 'action 03 cli command "interface Tunnel1"'),
        *('action 04 cli command "shutdown"', 'action 05 mail server "m" to "a" subject "s"'),
    ),
    ("event none", OPENS),
]


@pytest.mark.parametrize("why", NOT_UNDERSTOOD)
@pytest.mark.parametrize("method", METHODS)
def test_an_applet_that_nobody_understands_leaves_it_unknown(method, why):
    one = corner(SMALL, method=method)
    theirs = APPLET.format("\n ".join(NOT_UNDERSTOOD[why]))
    found = opened(one, one.config.text() + ROUTER + theirs)
    assert found.status is Status.UNKNOWN
    assert any(f"applet THEIRS: {why}" in reason for reason in found.reasons)


@pytest.mark.parametrize("lines", HARMLESS)
def test_an_applet_that_leaves_lists_alone_does_not_matter(lines):
    one = corner(SMALL)
    found = opened(one, one.config.text() + ROUTER + APPLET.format("\n ".join(lines)))
    assert found.status is Status.PROVED, found.reasons


# --- whatever else may decide ---

DOORS = {
    "username bob autocommand access-enable host timeout 5": (
        "username bob autocommand access-enable host timeout 5\n"
    ),
    "line vty 0 4: autocommand access-enable": "line vty 0 4\n autocommand access-enable\n",
    "kron policy-list NIGHTLY: cli access-template OUTSIDE kc-p any any": (
        "kron policy-list NIGHTLY\n cli show clock\n cli access-template OUTSIDE kc-p any any\n"
    ),
}


@pytest.mark.parametrize("line", DOORS)
def test_who_may_be_let_in_besides_is_not_known(line):
    one = corner(SMALL)
    found = opened(one, one.config.text() + ROUTER + DOORS[line])
    assert found.status is Status.UNKNOWN
    assert found.reasons == [f"can't be interpreted: {line}: whom it lets in"]


@pytest.mark.parametrize(("network", "locked"), [("192.0.2.0", False), ("10.0.0.0", True)])
def test_lines_that_lock_management_out_are_named(network, locked):
    one = corner(SMALL, management={"sources": ["192.0.2.0/24"]})
    lines = f"ip access-list standard MGMT\n permit {network} 0.0.0.255\n"
    lines += "line vty 0 4\n access-class MGMT in\n"
    claim = claimed(one, running(one.config.text() + ROUTER + lines))
    result = prove(claim, verify.keeps_management)
    assert (result.status is Status.COUNTEREXAMPLE) == locked
    assert not locked or result.findings[0].trace[-1].rule == "line vty 0 4: access-class MGMT in"
    assert prove(claim, verify.opens).status is Status.PROVED


def test_what_is_done_at_night_may_not_matter():
    one = corner(SMALL)
    backup = "kron policy-list NIGHTLY\n cli show running-config | redirect tftp://192.0.2.9/c\n"
    found = opened(one, one.config.text() + ROUTER + backup)
    assert found.status is Status.PROVED, found.reasons


ROUTERS = {
    "zone-pair security IN source OUT destination self": (
        "zone-pair security IN source OUT destination self\n service-policy type inspect SELF\n"
        "interface GigabitEthernet0/0\n zone-member security OUT\n"
    ),
    "control-plane host: service-policy type port-filter input CLOSED": (
        "control-plane host\n service-policy type port-filter input CLOSED\n"
    ),
    "interface GigabitEthernet0/0: service-policy input SHAPED": (
        "policy-map SHAPED\n class class-default\n  police 8000\n"
        "interface GigabitEthernet0/0\n service-policy input SHAPED\n"
    ),
}


@pytest.mark.parametrize("line", ROUTERS)
def test_what_may_drop_knocks_before_they_are_logged_leaves_it_unknown(line):
    for method, status in (("copp", Status.UNKNOWN), ("acl-log", Status.PROVED)):
        one = corner(SMALL, method=method)
        found = opened(one, one.config.text() + ROUTER + ROUTERS[line])
        assert found.status is status, found.findings
        assert status is Status.PROVED or any(line in reason for reason in found.reasons)


def test_a_knocks_port_that_is_translated_is_named():
    one = corner(SMALL, method="copp")
    line = "ip nat inside source static udp 10.0.0.5 53 interface GigabitEthernet0/0 101"
    text = f"{line}\ninterface GigabitEthernet0/0\n ip nat outside\n"
    found = opened(one, one.config.text() + ROUTER + text)
    assert found.status is Status.COUNTEREXAMPLE
    (row,) = found.findings[0].trace
    assert (row.packet, row.rule) == ("udp/101", line)


REMARKS = {
    "no logging on": "nobody's knocks",
    "logging rate-limit 100 except errors": "left out",
    "ip access-list logging interval 10": "left out",
    "ip access-list log-update threshold 5": "packets of others",
    "logging buffered discriminator QUIET 8192": "left out",
    "event manager scheduler suspend": "no applet runs",
    "access-list dynamic-extend": "six minutes",
    "interface GigabitEthernet0/0: ipv6 address 2001:db8::1/64": "by IPv6",
}


@pytest.mark.parametrize("line", REMARKS)
def test_what_no_proof_is_about_is_said(line):
    one = corner(SMALL)
    parent, _, child = line.rpartition(": ") if line.startswith("interface") else ("", "", line)
    text = f"{parent}\n {child}\n" if parent else f"{line}\n"
    (said,) = MODELLER.running(one.config.text() + ROUTER + text).warnings
    assert said.startswith(f"{line}: ")
    assert REMARKS[line] in said
    assert not MODELLER.running(ROUTER + text).warnings, "there is nothing of ours"


@pytest.mark.parametrize(
    "text",
    [
        "logging rate-limit console 10 except errors\nlogging host 192.0.2.9\n",
        "interface GigabitEthernet0/0\n ipv6 enable\n ipv6 traffic-filter NONE in\n",
        "interface GigabitEthernet0/1\n ipv6 address 2001:db8::1/64\n",
    ],
)
def test_there_is_nothing_to_say_of_the_rest(text):
    assert not MODELLER.running(corner(SMALL).config.text() + ROUTER + text).warnings


def test_a_logging_policy_that_leaves_lines_out_is_named():
    text = corner(SMALL, method="copp").config.text() + ROUTER
    assert not MODELLER.running(text).warnings
    (said,) = MODELLER.running(text.replace("\n  log\n", "\n  log interval 5\n")).warnings
    assert said.startswith("policy-map type logging kc-log, class kc-log: log interval 5: ")


def test_a_list_at_several_interfaces_is_named():
    shared = "interface GigabitEthernet0/1\n ip access-group OUTSIDE in\n"
    for method, status in (("copp", Status.PROVED), ("acl-log", Status.COUNTEREXAMPLE)):
        one = corner(SMALL, method=method)
        text = one.config.text() + ROUTER + shared
        (said,) = MODELLER.running(text).warnings
        assert "OUTSIDE in: stands at GigabitEthernet0/0 and GigabitEthernet0/1" in said
        assert opened(one, text).status is status


def test_whether_refusals_are_answered_is_said():
    answering = ROUTER.replace(" no ip unreachables\n", "")
    (said,) = MODELLER.running(corner(SMALL).config.text() + answering).warnings
    assert said.startswith("interface GigabitEthernet0/0: no ip unreachables is missing")


# --- what is read of a router for all this ---

SHOWN = """
username admin privilege 15 secret 9 $9$hidden
username bob autocommand access-enable host timeout 5
aaa authorization commands 15 default local
no logging on
ip nat inside source static udp 10.0.0.5 53 interface GigabitEthernet0/0 101
kron policy-list NIGHTLY
 cli show clock
line vty 0 4
 password 7 hidden
 access-class MGMT in
snmp-server community hidden
"""


def test_nothing_secret_is_read_with_what_decides():
    read = judging(syntax.read(SHOWN), {})
    wanted = [line for line in SHOWN.splitlines() if line and "hidden" not in line]
    assert read.splitlines() == wanted
