"""What an operator's lines do to the policies on a router: every kind of them, told or harmless."""

from dataclasses import replace
from functools import cache
from ipaddress import ip_network

import pytest

from knockctl.policy.resolved import Generation, Knock
from knockctl.ports import Span
from knockctl.verify import exposures
from knockctl.verify.exposures import Kind
from knockctl_ios import semantics
from knockctl_ios.plan.modeller import IosModeller
from knockctl_ios.semantics.warnings import remarks
from tests.fixtures.ios_judged import Judged, dice, tally
from tests.fixtures.ios_policies import METHODS, SETTLED, P, corner
from tests.fixtures.mutants import mutant

HERE = "GigabitEthernet0/0"
OUTSIDE = "ip access-list extended OUTSIDE"
ROUTER = f"""
{OUTSIDE}
{{entries}}
 permit icmp any any
interface {HERE}
 ip address 198.51.100.14 255.255.255.0
{{binding}}
 no ip unreachables
interface GigabitEthernet0/1
 ip address 192.0.2.14 255.255.255.0
{{more}}
service sequence-numbers
"""
BOUND = " ip access-group OUTSIDE in"


def router(*entries, binding=BOUND, more=""):
    return ROUTER.format(entries="".join(f" {e}\n" for e in entries), binding=binding, more=more)


def told(text, one=None, *, deployed=True, **place):
    """What is found once ours stand in a router, or of what it runs with them."""
    one = one or corner(P, **{"method": "acl-log", "position": "last", **place})
    judged = Judged(one, text, IosModeller(SETTLED))
    if not deployed:
        return judged.findings
    again = Judged(one, judged.whole, IosModeller(SETTLED))
    running = again.modeller.running(judged.whole)
    found = exposures.find(again.claim, running.model.program(4))
    assert [str(f) for f in found] == [str(f) for f in judged.findings]
    return found


def kinds(found):
    return sorted({one.kind.value for one in found})


# --- ways in ------------------------------------------------------------------------------------


def test_ours_alone_is_nothing_to_tell():
    for method in METHODS:
        assert told(router(), method=method) == []
        assert told(router(), method=method, position="first") == []


def test_an_entry_above_ours_is_told_whether_it_came_before_or_after():
    (one,) = told(router("permit tcp any any eq 22"))
    assert str(one) == (
        f"tcp/22 is open to anyone without a knock: {OUTSIDE}: permit tcp any any eq 22"
    )
    assert one.blocks
    assert told(router("permit tcp any any eq 22"), position="first") == []


def test_acceptance_names_the_entry_wherever_it_stands():
    (one,) = told(router("permit tcp any any eq 22"))
    (same,) = told(router("remark old", "permit tcp any any eq 22", "permit icmp any any"))
    (other,) = told(router("permit tcp any any range 22 23"))
    assert one.code == same.code != other.code


def test_every_way_in_is_listed_with_its_own_entry():
    found = told(
        router(
            "permit tcp host 203.0.113.7 any eq 22",
            "permit tcp host 203.0.113.9 any eq 22",
            "permit tcp 10.0.0.0 0.255.255.255 any",
            "permit udp any eq 5000 any",
        )
    )
    exposed = [(str(f.rules[0].text), f.who) for f in found if f.kind is Kind.EXPOSED]
    assert exposed == [
        ("permit tcp host 203.0.113.7 any eq 22", "203.0.113.7/32"),
        ("permit tcp host 203.0.113.9 any eq 22", "203.0.113.9/32"),
        ("permit tcp 10.0.0.0 0.255.255.255 any", "10.0.0.0/8"),
        ("permit udp any eq 5000 any", "anyone"),
    ]


@pytest.mark.parametrize(
    ("entries", "exposed"),
    [
        # What is denied above is no way in.
        (["deny tcp any any eq 22", "permit ip any host 198.51.100.14"], "tcp/103"),
        (["permit tcp any any neq 22"], "tcp/103"),
        (["permit tcp any any lt 103"], "tcp/22"),
        (["permit tcp any 198.51.100.0 0.0.0.255 gt 21"], "tcp/22"),
        (["permit tcp any any eq 21 22 23"], "tcp/22"),
        (["permit object-group ADMIN any any"], "tcp/22"),
        (["permit tcp object-group NEAR any eq 22"], "tcp/22"),
        (["permit tcp any any eq 22 syn"], "tcp/22"),
    ],
)
def test_whatever_an_entry_asks(entries, exposed):
    groups = (
        "object-group service ADMIN\n tcp range 20 30\n"
        "object-group network NEAR\n host 203.0.113.7\n"
    )
    found = [f for f in told(router(*entries, more=groups)) if f.kind is Kind.EXPOSED]
    assert all(f.certain for f in found)
    assert exposed in [str(span) for f in found for span in f.spans]
    assert not any(str(s) == "tcp/22" for f in found for s in f.spans if exposed != "tcp/22")


@pytest.mark.parametrize(
    "entry",
    [
        "permit ip any any dscp ef",
        "permit tcp any any eq 22 time-range NIGHT",
        "permit tcp 0.0.0.3 255.0.0.0 any eq 22",
        "permit tcp any object-group NOWHERE eq 22",
        "permit object-group UNKNOWN any any",
        "permit tcp any any range ftp-data msrpc",
        "evaluate MIRROR",
    ],
)
def test_what_is_not_understood_may_let_in_and_is_named(entry):
    (one,) = [f for f in told(router(entry)) if f.kind is Kind.EXPOSED]
    entry = entry.replace("ftp-data", "20")
    assert not one.certain
    assert one.blocks
    assert entry in str(one)
    assert "may be open" in str(one)


def test_a_list_that_is_not_bound_judges_nothing():
    (one, *_) = told(router(binding=""))
    assert str(one.rules[0].text) == "no ip access-group judges what comes in"
    assert (one.kind, one.everyone) == (Kind.EXPOSED, True)


def test_another_list_in_the_place_of_that_with_ours():
    other = "ip access-list extended OTHER\n permit tcp any any eq 22\n deny ip any any\n"
    found = told(router(binding=" ip access-group OTHER in", more=other))
    assert kinds(found) == ["exposed", "knock-lost", "service-shut"]
    assert "OTHER: permit tcp any any eq 22" in str(found[0])
    gone = told(router(binding=" ip access-group GONE in"))
    assert "there is no such list: it permits all" in str(gone[0])
    standard = "ip access-list standard 10\n permit 203.0.113.7\n"
    (way, *_) = told(router(binding=" ip access-group 10 in", more=standard))
    assert (way.who, str(way.rules[0].text)) == ("203.0.113.7/32", "permit 203.0.113.7")
    assert way.rules[0].where == "ip access-list standard 10"


def test_an_entry_inside_a_list_of_ours():
    one = corner(P, method="acl-log", access_list=None, position="first")
    text = Judged(one, router(binding=""), IosModeller(SETTLED)).whole
    wrong = text.replace(
        "ip access-list extended kc-in\n", "ip access-list extended kc-in\n permit tcp any any\n"
    )
    assert wrong != text
    judged = Judged(one, wrong, IosModeller(SETTLED))
    found = exposures.find(judged.claim, judged.modeller.running(wrong).model.program(4))
    assert "kc-in: permit tcp any any" in str(found[0])
    # The next deploy takes it away.
    assert judged.findings == []


def test_temporary_entries_of_somebody_else():
    own = "dynamic THEIRS timeout 5 permit tcp any any eq 22"
    text = router().replace(f"{OUTSIDE}\n", f"{OUTSIDE}\n {own}\n")
    one = corner(P, method="acl-log", position="last")
    ours = Judged(one, router(), IosModeller(SETTLED)).whole
    whole = ours.replace(f"{OUTSIDE}\n", f"{OUTSIDE}\n {own}\n")
    judged = Judged(one, text, IosModeller(SETTLED))
    model = IosModeller(SETTLED).running(whole).model
    claim = replace(Judged(one, router(), judged.modeller).claim, model=model)
    (found, *_) = exposures.find(claim, model.program(4))
    assert (found.kind, found.certain) == (Kind.EXPOSED, False)
    assert "who has a temporary entry of THEIRS" in str(found)


DOORS = """
event manager applet THEIRS
 event syslog pattern "LOGIN"
 action 1 cli command "access-template OUTSIDE kc-p any any timeout 9"
"""


def test_whoever_else_may_make_temporary_entries_of_ours():
    bob = "username bob autocommand access-enable host timeout 5\n"
    (one,) = told(router(more=bob))
    assert (one.kind, one.certain) == (Kind.EXPOSED, False)
    assert str(one.rules[0]) or one.rules[0].where == "username bob autocommand access-enable host"
    assert "username bob" in str(one)
    (one, *_) = told(router(more=DOORS))
    assert "applet THEIRS" in str(one)


# --- what is lost -------------------------------------------------------------------------------


def test_knocks_that_are_refused_before_ours():
    (one,) = told(router("deny udp any any eq 101"))
    assert (one.kind, one.everyone, one.blocks) == (Kind.KNOCK_LOST, True, True)
    assert "nobody can knock: udp/101" in str(one)
    (some,) = told(router("deny udp 10.0.0.0 0.255.255.255 any eq 101"))
    assert (some.kind, some.everyone, some.blocks) == (Kind.KNOCK_LOST, False, False)


def test_knocks_that_are_let_in_before_ours():
    found = told(router("permit udp any any eq 101"))
    assert kinds(found) == ["exposed", "knock-lost"]
    # The control plane drops them all the same, and logs it.
    assert told(router("permit udp any any eq 101"), method="copp") == []


def test_services_that_stay_shut():
    found = told(router("deny tcp any any eq 22"))
    assert kinds(found) == ["service-shut"]
    assert found[0].everyone
    (some,) = told(router("deny tcp 10.0.0.0 0.255.255.255 any eq 22"))
    assert (some.kind, some.blocks) == (Kind.SERVICE_SHUT, False)


TRUSTED = replace(P, trusted=(ip_network("203.0.113.128/25"),))


@pytest.mark.parametrize("method", METHODS)
def test_what_the_trusted_lose_nobody_else_does(method):
    found = told(
        router("deny ip 203.0.113.128 0.0.0.127 any"),
        corner(TRUSTED, method=method, position="last"),
    )
    assert kinds(found) == ["knock-lost", "service-shut"]
    assert not any(one.everyone or one.blocks for one in found)
    assert {one.who for one in found} == {"203.0.113.128/25"}


def test_the_trusted_are_anybody_where_it_is_no_service():
    knocks = replace(TRUSTED, generations=(Generation(1, (Knock("tcp", 101),)),))
    one = corner(knocks, method="copp", position="last")
    found = told(router("permit tcp host 203.0.113.200 any established"), one)
    (shown,) = [f for f in found if f.kind is Kind.EXPOSED]
    assert (shown.who, shown.segments, list(map(str, shown.spans))) == (
        "203.0.113.200/32",
        True,
        ["tcp/101"],
    )


def test_a_manager_gets_to_no_other_port_of_a_service():
    wide = replace(P, services=(Span("tcp", 22, 23),))
    management = {"sources": ["192.0.2.0/24"]}
    one = corner(wide, method="acl-log", position="last", management=management)
    (found,) = told(router("permit tcp 192.0.2.0 0.0.0.255 any range 22 23"), one)
    assert (found.kind, list(map(str, found.spans))) == (Kind.EXPOSED, ["tcp/23"])
    assert found.certain


# --- the control plane --------------------------------------------------------------------------

PROBES = """
ip access-list extended PROBES
 permit udp any any range 100 110
class-map match-any PROBES
 match access-group name PROBES
policy-map COPP
 class PROBES
  {action}
control-plane host
 service-policy input COPP
"""
COPP = {"method": "copp", "policy_map": "COPP"}


@pytest.mark.parametrize("action", ["", "police 8000", "police 8000 conform-action transmit"])
def test_a_class_above_ours_that_lets_knocks_through(action):
    one = corner(P, **COPP)
    text = router(more=PROBES.format(action=action).replace("  \n", ""))
    judged = Judged(one, text, IosModeller(SETTLED))
    assert judged.findings == []
    mine = " class kc-p-knocks\n  drop\n"
    body = judged.whole.replace(mine, "")
    theirs = body[body.index(" class PROBES") : body.index("control-plane host")]
    wrong = body.replace(theirs, theirs + mine)
    found = exposures.find(judged.claim, judged.modeller.running(wrong).model.program(4))
    assert kinds(found) == ["exposed", "knock-lost"]
    assert {f.certain for f in found} == {not action}
    assert all("policy-map COPP: class PROBES" in str(f) for f in found)


def test_a_class_above_ours_that_drops_knocks_does_what_ours_would():
    one = corner(P, **COPP)
    judged = Judged(one, router(more=PROBES.format(action="drop")), IosModeller(SETTLED))
    mine = " class kc-p-knocks\n  drop\n"
    body = judged.whole.replace(mine, "")
    wrong = body.replace("  drop\n", f"  drop\n{mine}", 1)
    assert wrong.index("class PROBES\n  drop") < wrong.index("class kc-p-knocks\n  drop")
    assert exposures.find(judged.claim, judged.modeller.running(wrong).model.program(4)) == []


def test_a_class_that_drops_services():
    classes = PROBES.format(action="drop").replace("udp any any range 100 110", "tcp any any eq 22")
    (one, *_) = told(router(more=classes), **COPP)
    assert one.kind is Kind.SERVICE_SHUT
    assert "policy-map COPP: class PROBES" in str(one)


HOSTS = router("permit tcp host 203.0.113.7 any eq 22", "permit tcp host 203.0.113.9 any eq 22")
SHUTS = PROBES.format(action="drop").replace(
    " permit udp any any range 100 110",
    " deny tcp host 203.0.113.7 any eq 22\n permit tcp any any eq 22",
)
SOME_SHUT = router(more=SHUTS)
POLICES = PROBES.format(action="police 8000").replace(
    "udp any any range 100 110", "tcp any any eq 22"
)
POLICED = router("permit tcp any any eq 22", more=POLICES)


def test_two_entries_that_differ_in_their_source_alone_are_two_ways_in():
    found = told(HOSTS)
    assert [one.who for one in found] == ["203.0.113.7/32", "203.0.113.9/32"]


GROUPED = router(
    "permit tcp object-group FAR any eq 22",
    more="object-group network FAR\n host 10.1.2.3\n host 203.0.113.7\n",
)


def test_a_group_is_its_members():
    (one,) = told(GROUPED)
    assert one.who == "10.1.2.3/32, 203.0.113.7/32"


def test_what_an_entry_of_a_class_denies_is_not_in_it():
    (one,) = told(SOME_SHUT, **COPP)
    assert (one.kind, one.who) == (Kind.SERVICE_SHUT, "anyone but 203.0.113.7/32")


def test_who_is_policed_may_be_dropped():
    (one,) = told(POLICED)
    assert (one.kind, one.certain) == (Kind.EXPOSED, False)
    assert "whether its policing drops the packet" in str(one)


def test_the_other_policy_of_the_control_plane():
    aggregate = PROBES.format(action="drop").replace("control-plane host", "control-plane")
    classes = aggregate.replace("udp any any range 100 110", "tcp any any eq 22")
    (one, *_) = told(router(more=classes), method="copp")
    assert one.kind is Kind.SERVICE_SHUT
    assert told(router(more=aggregate), method="copp") == []


# --- besides ------------------------------------------------------------------------------------


def test_knocks_and_services_that_are_translated_away():
    nat = "ip nat inside source static udp 10.0.0.5 9 198.51.100.14 101\n"
    found = told(router(binding=f"{BOUND}\n ip nat outside", more=nat), method="copp")
    assert kinds(found) == ["exposed", "knock-lost"]
    assert "ip nat inside source static udp" in str(found[0])
    service = "ip nat inside source static tcp 10.0.0.5 22 198.51.100.14 22\n"
    outside = f"{BOUND}\n ip nat outside"
    assert told(router(binding=outside, more=service)) == []
    assert told(router(more=nat), method="copp") == []


def test_the_lists_of_terminal_lines():
    lines = (
        "ip access-list standard VTY\n permit 192.0.2.0 0.0.0.255\n"
        "line vty 0 4\n access-class VTY in\n"
    )
    (one, *_) = told(router(more=lines))
    assert (one.kind, one.everyone) == (Kind.SERVICE_SHUT, False)
    assert "line vty 0 4: access-class VTY in" in str(one)


def test_a_zone_that_may_refuse_is_told_as_such():
    zone = "zone-pair security Z source OUT destination self\n"
    found = told(router(binding=f"{BOUND}\n zone-member security OUT", more=zone))
    assert found
    assert not any(one.certain or one.blocks for one in found)


# --- what good practice prescribes --------------------------------------------------------------

ANTISPOOF = [
    *(f"deny ip {net} any" for net in ("10.0.0.0 0.255.255.255", "172.16.0.0 0.15.255.255")),
    "deny ip 192.168.0.0 0.0.255.255 any",
    "deny ip 127.0.0.0 0.255.255.255 any",
    "deny ip 224.0.0.0 31.255.255.255 any",
]
COPP_GUIDE = """
ip access-list extended COPP-ROUTING
 permit tcp host 198.51.100.1 any eq 179
 permit tcp host 198.51.100.1 eq 179 any
 permit ospf any any
ip access-list extended COPP-MANAGEMENT
 permit tcp 192.0.2.0 0.0.0.255 any eq 22
 permit udp 192.0.2.0 0.0.0.255 any eq 161
ip access-list extended COPP-NORMAL
 permit icmp any any echo
 permit icmp any any ttl-exceeded
class-map match-all ROUTING
 match access-group name COPP-ROUTING
class-map match-all MANAGEMENT
 match access-group name COPP-MANAGEMENT
class-map match-all NORMAL
 match access-group name COPP-NORMAL
class-map match-all ARP
 match protocol arp
policy-map COPP
 class ROUTING
 class MANAGEMENT
  police 64000 conform-action transmit exceed-action transmit
 class NORMAL
  police 8000 conform-action transmit exceed-action drop
 class ARP
  police 8000
control-plane host
 service-policy input COPP
"""


UDP = replace(P, generations=(Generation(1, P.generations[0].knocks[:2]),))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("position", ["first", "last"])
def test_a_plain_edge_list_is_harmless(method, position):
    edge = [
        "permit tcp any any established",
        "permit icmp any any echo-reply",
        "permit udp any eq 53 host 198.51.100.99",
        "permit esp any host 198.51.100.14",
        "permit udp any host 198.51.100.14 eq 500",
        "permit tcp any host 198.51.100.14 eq 80",
    ]
    one = corner(UDP, method=method, position=position)
    assert told(router(*edge), one) == []


def test_answers_that_come_through_to_the_port_of_a_knock_are_told_as_such():
    (one,) = told(router("permit tcp any any established"))
    assert "tcp/103, for segments that open nothing, is open to anyone" in str(one)
    assert told(router("permit tcp any any established"), position="first") == []


def test_lists_against_spoofing_take_knocks_from_nobody_else():
    found = told(router(*ANTISPOOF))
    assert kinds(found) == ["knock-lost", "service-shut"]
    assert not any(one.blocks or one.who == "anyone" for one in found)
    assert told(router(*ANTISPOOF), position="first") == []


def test_the_control_plane_as_the_guides_have_it():
    assert told(router(more=COPP_GUIDE), **COPP) == []
    other = COPP_GUIDE.replace("control-plane host", "control-plane")
    assert told(router(more=other), method="acl-log") == []


def test_other_interfaces_and_their_lists_are_others():
    more = (
        "ip access-list extended PARTNER\n permit ip any any\n"
        "interface GigabitEthernet0/2\n ip access-group PARTNER in\n"
    )
    for method in METHODS:
        assert told(router(more=more), method=method) == []


def test_of_ipv6_no_policy_says_anything():
    judged = Judged(corner(P), router(), IosModeller(SETTLED))
    assert judged.running.model.program(6).sections == ()
    assert not judged.running.model.untracks(4)
    assert list(remarks(judged.running.model.document, judged.corner.config)) == []


# --- random routers -----------------------------------------------------------------------------

SETS, EXPLORED = 150, 20


def held(numbers):
    """Hold the quick answer against the naive reading; return how many findings there were."""
    found, wrong = 0, []
    for number in numbers:
        judged = Judged.random(dice(number))
        found += sum(tally(judged).values())
        wrong += [f"{number}: {text}" for text in judged.wrong()]
        assert not wrong, "\n".join([judged.whole, *map(str, judged.findings), *wrong[:5]])
    return found


def explored(numbers):
    """Hold it against full exploration."""
    for number in numbers:
        judged = Judged.random(dice(number))
        wrong = judged.explored()
        assert not wrong, "\n".join([f"{number}", judged.whole, *wrong])


def test_the_quick_answer_is_that_of_a_naive_reading():
    assert held(range(SETS)) > SETS


@pytest.mark.no_cover
def test_the_quick_answer_is_that_of_exploration():
    explored(range(EXPLORED))


TENTHS = range(10)


@pytest.mark.soak("ios-judged")
@pytest.mark.parametrize("tenth", TENTHS)
def test_so_it_is_for_ten_thousand(tenth, note):
    note(f"{held(range(1000 * tenth, 1000 * tenth + 1000))} findings on 1,000 routers")


@pytest.mark.soak("ios-judged-explored-{tenth}")
@pytest.mark.parametrize("tenth", TENTHS)
def test_exploration_says_the_same_of_ten_thousand(tenth):
    explored(range(1000 * tenth, 1000 * tenth + 1000))


# --- mutants ------------------------------------------------------------------------------------

MUTANTS = [
    ("program", 'yield from self._ways("before")\n        bound', "bound"),
    ("program", "if interface not in mine[:1]:", "if False:"),
    ("program", "yield from self._permitted(free,", "yield from () and self._permitted(free,"),
    ("program", "if not entries:\n            yield from", "if False:\n            yield from"),
    ("program", "None if last is None else last + 1", "last and last - 1"),
    ("program", "if last is None:\n            yield", "if False:\n            yield"),
    ("program", "elif not ours and _open(condition):", "elif False:"),
    ("program", "_FOR_WHO_IS_IN if _open(condition) else _BEHIND", "_BEHIND"),
    (
        "program",
        "yield rule(Stop(Verdict.REFUSE), knocks, ours=True)\n                yield rule(",
        "yield rule(",
    ),
    ("program", "yield from self._taken(every([knocks, *unsure]), where, text)", "pass"),
    ("program", "one.drops or one.unsure)\n", "one.drops)\n"),
    ("program", "found.append(negated(part) if match.negated else part)", "found.append(part)"),
    ("program", "return every(found) if one.every else some(found)", "return some(found)"),
    ("program", "denied.append((first.tail.boxes, negated(asks)))", "pass"),
    ("program", "yield every([asks, *above])", "yield asks"),
    ("program", "entry.permits is permits and", ""),
    ("program", "for entry in entries for run", "for entry in entries[:1] for run"),
    ("program", "sorted(self.around.policies, key", "sorted(self.around.policies[:1], key"),
    ("program", ', *self._ways("last"))', ")"),
    ("overlap", "if first <= high and low <= last:", "if first < high and low < last:"),
    ("overlap", "if not mine & theirs:", "if mine & theirs:"),
    ("overlap", 'if name != "port")', 'if name not in ("port", "protocol"))'),
    ("groups", "if found and first <= found[-1][1] + 1:", "if found:"),
    ("groups", "return self.network(said[1], side)", "return NEVER"),
    ("groups", "return self.service(said[1])", "return NEVER"),
    ("lists", 'text, action == "permit", ranges', 'text, action != "remark", ranges'),
    ("lists", "return () if free & (free + 1) else", "return"),
    ("lists", "entry.ours = ours", "pass"),
    ("lists", '((True, "whether it permits"),', '((False, "whether it permits"),'),
    ("plane", 'if said == ["protocol", "arp"]:', "if False:"),
]
MOST = 300
BY_HAND = [
    (HOSTS, {"method": "acl-log"}),
    (GROUPED, {"method": "acl-log"}),
    (SOME_SHUT, COPP),
    (POLICED, {"method": "acl-log"}),
]
"""Routers of which tests above hold what is told."""


class Wronged:
    """A modeller whose machines are those of another semantics."""

    def __init__(self, semantics):
        self.semantics, self.right = semantics, IosModeller(SETTLED)
        self.scope = self.right.scope

    def running(self, text, intended=None):
        found = self.right.running(text, intended)
        document = self.semantics.Document(found.model.document.raw, whole=True)
        switches = self.semantics.Switches(summarised=False)
        model = self.semantics.IosModel(
            document, switches=switches, interfaces=found.model.interfaces
        )
        return replace(found, model=model)


@pytest.mark.parametrize("number", range(len(MUTANTS)), ids=lambda n: f"{n}-{MUTANTS[n][0]}")
def test_what_is_wrong_in_one_place_is_told(number, tmp_path, monkeypatch):
    wrong = mutant(semantics, number + 1000, MUTANTS[number], tmp_path, monkeypatch)
    modeller = Wronged(wrong)
    for text, place in BY_HAND:
        one = corner(P, **{"position": "last", **place})
        found = Judged(one, text, modeller).findings
        if [str(f) for f in found] != [str(f) for f in told(text, one)]:
            return
    for one in range(MOST):
        judged = Judged.random(dice(one), modeller=modeller)
        if list(map(str, judged.findings)) != said_of(one) and judged.wrong():
            return
    raise AssertionError("nothing told it")


@cache
def said_of(number):
    """What the right one says of a random router: where that is the same, nothing is wrong."""
    return list(map(str, Judged.random(dice(number)).findings))
