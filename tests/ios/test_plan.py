"""From what runs to what is meant: carried out by a simulated router's own command line."""

import time

import pytest

from knockctl.errors import GuardError
from knockctl_ios.config import listing, syntax
from knockctl_ios.config.records import Insert, IosConfig
from knockctl_ios.config.syntax import Line
from knockctl_ios.plan.plan import plan
from knockctl_ios.plan.reading import reading
from tests.fixtures.ios_crew import ENTRIES, OBJECTS, OPERATORS, OUTSIDE, alone, small

VERSIONS = ("15.7(3)M8", "17.9.4")
REMARKS = ("attached", "numbered")
DYNAMIC = ENTRIES[3]


@pytest.fixture
def router(console):
    """A router with its operator's lines: it is read, and carries plans out."""

    def make(text=OPERATORS, **switches):
        switches.setdefault("plane_logging", True)
        return Router(console(**switches), text)

    return make


class Router:
    def __init__(self, console, text):
        self.console = console
        assert "%" not in console.configure(text), console.configure(text)

    def read(self):
        lines = syntax.read(self.console.device.text())
        hidden = not self.console.device.switches.shows_sequence
        shown = listing.read(self.console.say("show ip access-lists")) if hidden else ()
        return reading(lines, shown)

    def become(self, intended, change_id="c1"):
        """Plan, carry out, and hold the result to be what was meant."""
        way = plan(self.read(), intended, change_id)
        said = "".join(self.console.say(line) for line in ["conf t", *way.text.splitlines()])
        assert "%" not in said, (said, way.text)
        there = self.read()
        again = plan(there, intended, change_id)
        assert not again.changes, (way.text, [str(c) for c in again.changes])
        assert there.config.revision == way.settled
        return way

    @property
    def text(self):
        return self.console.device.text()

    def entries(self, name="OUTSIDE"):
        (acl,) = (a for a in self.console.device.acls() if a.text.endswith(f" {name}"))
        return [(node.sequence, node.text) for node in acl.children]


# --- from nothing and back ----------------------------------------------------------------------


@pytest.mark.parametrize("remarks", REMARKS)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("place", ["first", "last", 30])
def test_into_the_operators_objects_and_out_again(router, version, place, remarks):
    here = router(version=version, remarks=remarks)
    before = here.text
    way = here.become(small(place=place))
    assert not way.keeps_grants or way.before.empty
    texts = [text for _, text in here.entries()]
    at = {"first": 0, "last": 5, 30: 2 if remarks == "numbered" else 3}[place]
    assert texts.index(ENTRIES[0]) == at
    assert "class kc-ssh-knock" in here.text
    back = here.become(IosConfig(), "c2")
    assert back.settled is None
    assert here.text.replace("service sequence-numbers\n", "") == before


@pytest.mark.parametrize("version", VERSIONS)
def test_with_lists_and_policies_of_its_own(router, version):
    here = router("", version=version)
    before = here.text
    here.become(alone())
    assert here.become(IosConfig(), "c2").changes
    lines = here.text.replace("service sequence-numbers\n", "").splitlines()
    assert [line for line in lines if line != "control-plane host"] == before.splitlines()


def test_nothing_to_do(router):
    here = router()
    here.become(small())
    way = plan(here.read(), small(), "c2")
    assert not way.changes
    assert way.text == ""
    assert way.keeps_grants
    assert way.intended.revision == "c1"


def test_a_snapshot_gets_its_own_mark_back(router):
    here = router()
    here.become(small())
    before = here.read().config
    here.become(small(*ENTRIES[:5], ENTRIES[-1]), "c2")
    way = here.become(before, "c3")
    assert way.settled == "c1"


# --- the fewest entries -------------------------------------------------------------------------


@pytest.mark.parametrize("remarks", REMARKS)
@pytest.mark.parametrize("version", VERSIONS)
def test_who_is_in_stays_in(router, version, remarks):
    here = router(version=version, remarks=remarks)
    here.become(small())
    here.console.say("access-template OUTSIDE kc-ssh host 198.51.100.7 any timeout 5")
    more = "permit tcp host 203.0.113.10 host 192.0.2.14 eq 22"
    changed = (*ENTRIES[:2], more, *ENTRIES[2:5], ENTRIES[6], ENTRIES[5], ENTRIES[7])
    way = here.become(small(*changed), "c2")
    assert way.keeps_grants
    assert len(here.console.device.entries.items) == 1
    assert DYNAMIC not in way.text
    assert "icmp" not in way.text
    ended = here.become(small(*(t for t in ENTRIES if "dynamic" not in t)), "c3")
    assert not ended.keeps_grants


def test_objects_change_by_their_members(router):
    here = router()
    here.become(small())
    other = OBJECTS.replace(" tcp eq 22", " tcp eq 2222").replace(
        " action 0020 cli command", " action 0030 cli command"
    )
    way = here.become(small(objects=other), "c2")
    assert way.keeps_grants
    lines = way.text.splitlines()
    assert lines.index(" tcp eq 2222") < lines.index(" no tcp eq 22")
    assert "no event manager applet kc-ssh-1" in lines
    assert not any("kc-ssh-k" in line for line in lines)


def test_a_dynamic_list_that_moves_is_freed_first(router):
    here = router("")
    here.become(alone())
    here.console.configure("no service dhcp\n" + OPERATORS.split("interface ")[0])
    there = here.read()
    way = plan(there, small(), "c2")
    assert not way.keeps_grants
    lines = way.text.splitlines()
    assert lines.index(f" no {DYNAMIC}") < next(
        at for at, line in enumerate(lines) if line.endswith(DYNAMIC) and " no " not in line
    )


def test_drift_is_put_right(router):
    here = router()
    here.become(small())
    here.console.configure(f"{OUTSIDE}\n no {ENTRIES[4]}\nno event manager applet kc-ssh-1")
    way = plan(here.read(), small(), "c2")
    assert {(c.action, c.place) for c in way.changes} >= {
        ("add", OUTSIDE),
        ("add", "event manager applet kc-ssh-1 authorization bypass"),
    }
    here.become(small(), "c2")


# --- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("remarks", REMARKS)
@pytest.mark.parametrize("version", VERSIONS)
def test_room_is_made_at_the_top_and_given_back(router, version, remarks):
    many = tuple(f"permit udp any host 192.0.2.14 eq {port}" for port in range(3000, 3020))
    here = router(version=version, remarks=remarks)
    before = here.entries()
    way = here.become(small(*ENTRIES[:-1], *many, ENTRIES[-1]))
    assert "ip access-list resequence OUTSIDE 290 10" in way.text
    assert any("numbered anew" in str(change) for change in way.changes)
    here.become(IosConfig(), "c2")
    assert here.entries() == before


@pytest.mark.parametrize("remarks", REMARKS)
def test_room_in_between(router, remarks):
    here = router(version="17.9.4", remarks=remarks)
    many = tuple(f"permit udp any host 192.0.2.14 eq {port}" for port in range(3000, 3020))
    way = here.become(small(*ENTRIES[:-1], *many, ENTRIES[-1], place=30))
    assert "resequence OUTSIDE 30 30" in way.text
    # Where the entry was stays where ours are, whatever its number is now.
    assert not plan(here.read(), small(*ENTRIES[:-1], *many, ENTRIES[-1], place=30), "c2").changes


@pytest.mark.parametrize("remarks", REMARKS)
def test_no_room_beside_remarks_without_numbers(router, remarks):
    text = OPERATORS.replace(" deny   tcp", " remark more of it\n deny   tcp")
    many = tuple(f"permit udp any host 192.0.2.14 eq {port}" for port in range(3000, 3020))
    here = router(text, remarks=remarks)
    place = 50 if remarks == "numbered" else 30
    with pytest.raises(GuardError, match="no room") as said:
        plan(here.read(), small(*ENTRIES[:-1], *many, ENTRIES[-1], place=place), "c1")
    assert "resequence OUTSIDE 1000 1000" in said.value.hint


def test_a_place_that_is_not_there(router):
    with pytest.raises(GuardError, match="no entry 35 to go before"):
        plan(router().read(), small(place=35), "c1")


# --- others -------------------------------------------------------------------------------------


def test_ours_go_above_what_has_come_there_and_may_match_theirs(router):
    here = router(OPERATORS.replace(" permit icmp", " permit tcp any any eq 22\n permit icmp"))
    here.become(small())
    again = "ip access-list resequence OUTSIDE 10 10"
    here.console.configure(f"{again}\n{OUTSIDE}\n 1 permit ip any any dscp ef")
    way = plan(here.read(), small(), "c2")
    assert not way.keeps_grants
    here.become(small(), "c2")


def test_above_what_can_not_judge_ours_they_stay(router):
    here = router()
    here.become(small())
    again = "ip access-list resequence OUTSIDE 10 10"
    here.console.configure(f"{again}\n{OUTSIDE}\n 1 permit tcp any host 192.0.2.98 eq 22")
    assert not plan(here.read(), small(), "c2").changes


PROBES = """
ip access-list extended PROBES
 deny   udp any any eq 1001
 permit udp any any range 1000 1010
class-map {} PROBES
 match access-group name PROBES
{}policy-map COPP
 class PROBES insert-before kc-ssh-knock
{}"""


@pytest.mark.parametrize(
    ("how", "more", "action", "takes"),
    [
        ("match-any", "", "", True),
        ("match-any", "", "  police 8000\n", True),
        ("match-all", " match precedence 3\n", "", True),
        ("match-all", " match access-group name MGMT\n", "", False),
        ("match-all", " match protocol arp\n", "", False),
        ("match-any", "", "  drop\n", False),
    ],
)
def test_a_class_above_ours_that_takes_knocks(router, how, more, action, takes):
    here = router(inserts_classes=True)
    here.become(small())
    here.console.configure(PROBES.format(how, more, action))
    changes = [str(change) for change in plan(here.read(), small(), "c2").changes]
    if not takes:
        assert not changes
        return
    taken = "class PROBES (PROBES: permit udp any any range 1000 1010)"
    assert changes == [f"~ policy-map COPP: above {taken}"]
    here.become(small(), "c2")
    assert here.read().classes["policy-map COPP"][0] == "class kc-ssh-knock"


def test_one_dynamic_list_in_each_list(router):
    text = OPERATORS.replace(
        " permit icmp", " dynamic THEIRS permit tcp any any eq 23\n permit icmp"
    )
    with pytest.raises(GuardError, match="the dynamic list THEIRS already"):
        plan(router(text).read(), small(), "c1")


def test_one_policy_on_the_control_plane(router):
    with pytest.raises(GuardError, match="service-policy input COPP already") as said:
        plan(router(OPERATORS.replace(" ip access-group OUTSIDE in\n", "")).read(), alone(), "c1")
    assert "policy_map" in said.value.hint
    with pytest.raises(GuardError, match="ip access-group OUTSIDE in already"):
        plan(router().read(), alone(), "c1")


def test_ten_thousand_lines_of_others():
    foreign = "".join(
        f" permit tcp any host 10.0.{n >> 8}.{n & 255} eq 80\n" for n in range(10_000)
    )
    config = syntax.read(OPERATORS.replace(" permit icmp any any\n", foreign))
    there = reading(config, [])
    numbered = reading(config, _numbered(config))
    assert there.config.empty
    begun = time.process_time()
    way = plan(numbered, small(), "c1")
    assert time.process_time() - begun < 1
    assert "10.0." not in way.text
    assert len(way.changes) < 30


def _numbered(config):
    for line in config:
        if line.text == OUTSIDE:
            shown = [c.text for c in line.below if not c.text.startswith("remark")]
            rows = "".join(f"    {10 * n} {t}\n" for n, t in enumerate(shown, 2))
            yield from listing.read(f"Extended IP access list OUTSIDE\n{rows}")


def test_a_list_that_changes_between_two_readings():
    config = syntax.read(OPERATORS)
    with pytest.raises(ValueError, match="OUTSIDE"):
        reading(config, listing.read("Extended IP access list OUTSIDE\n    10 deny ip any any\n"))


def test_a_config_without_a_mark_gets_one(router):
    here = router()
    here.become(small())
    here.console.configure("no event manager environment _kc_revision")
    (change,) = plan(here.read(), small(), "c2").changes
    assert "revision mark" in str(change)
    here.become(small(), "c2")


def test_a_class_in_the_operators_policy_goes_before_those_that_may_match_knocks(router):
    here = router()
    way = here.become(small())
    assert " class kc-ssh-knock\n" in way.text
    here = router(
        OPERATORS.replace("255 any eq 22", "255 any eq 22\n permit udp any any gt 1000"),
        inserts_classes=True,
    )
    here.become(small())
    assert here.read().classes["policy-map COPP"][:2] == ("class kc-ssh-knock", "class THEIRS")
    gone = IosConfig(small().objects, small().inserts[:-1], place=small().place)
    way = here.become(
        IosConfig(gone.objects, tuple(i for i in small().inserts if i.parent == OUTSIDE)), "c2"
    )
    assert " no class kc-ssh-knock" in way.text
    assert Insert("policy-map COPP", Line("class kc-ssh-knock", (Line("drop"),))) not in (
        here.read().config.inserts
    )
