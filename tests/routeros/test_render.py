"""What is rendered for what a policy asks: proved, tight, and nothing left over."""

import random
from collections import Counter
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from knockctl.automaton.relaxations import Relaxations
from knockctl.contract import Facts
from knockctl.policy.loader import load_all, resolve
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy, ResolvedTrap
from knockctl.ports import Span
from knockctl.verify.prove import Status, prove
from knockctl_routeros import VENDOR
from knockctl_routeros.config.records import JUMP, OWN
from knockctl_routeros.placement import RouterPlacement
from knockctl_routeros.render.render import render
from tests.fixtures.lab import INVENTORY
from tests.fixtures.routeros_policies import Corner, mutant, random_corner, small_corner
from tests.fixtures.seed import SEED

GOLDEN = Path(__file__).parent / "golden"

P = ResolvedPolicy(
    name="p",
    generations=(Generation(1, (Knock("tcp", 101), Knock("udp", 102), Knock("tcp", 103))),),
    step_timeout=3,
    services=(Span("tcp", 22, 22),),
    grant_duration=10,
    wrong_knock="reset",
)
TRAP = ResolvedTrap((Span("tcp", 300, 300),), 2, unless_granted=False)


def corner(policy=P, **place):
    return Corner((policy,), RouterPlacement.model_validate(place))


def dice(number):
    return random.Random(f"{SEED} {number}")


# --- proofs ---


def proved(one):
    """Rendered, printed, read back equal, and equal to the policies in both families."""
    rendered = one.rendered
    assert VENDOR.modeller.parse(rendered.config.text()) == rendered.config
    for family in (4, 6):
        result = prove(one.claim(family))
        assert result.status is Status.PROVED, (one, family, result.findings, result.reasons)


@pytest.mark.no_cover
@pytest.mark.parametrize("number", range(16))
def test_what_is_rendered_is_what_the_policy_says(number):
    proved(small_corner(dice(number)))


@pytest.mark.no_cover
def test_two_policies_on_one_address_are_what_both_say():
    for number in range(2):
        proved(small_corner(dice(f"two {number}"), count=2))


@pytest.mark.parametrize("raw", [False, True])
def test_the_placement_that_has_everything(raw):
    """Somebody trusted, somebody who manages, public ports, and a passphrase a pattern hears."""
    whispered = (Knock("tcp", 101), Knock("udp", 102, b"Open", secret=True))
    policy = replace(
        P,
        generations=(Generation(1, whispered),),
        trusted=(ip_network("203.0.113.0/25"), ip_network("2001:db8:7::/64")),
        public=(Span("tcp", 80, 80),),
        traps=(TRAP,),
        otherwise="refuse",
        refuse="reject",
        uses="single",
    )
    where = {
        "addresses": ["192.0.2.1"],
        "interface_list": "WAN",
        "management": {"sources": ["198.51.100.0/24", "2001:db8:5::/48"]},
        "payload_match": "layer7",
        "raw": raw,
    }
    proved(corner(policy, **where))


@pytest.mark.soak("routeros-render-{share}")
@pytest.mark.parametrize("share", range(4))
def test_random_policies_in_every_corner(share, note):
    """A proof that is not ended in its budget is counted, never passed."""
    seen = Counter()
    for number in range(150 * share, 150 * (share + 1)):
        one = random_corner(dice(f"soak {number}"), most=2 if number % 20 == 0 else 1)
        for family in (4, 6):
            result = prove(one.claim(family), budget=400_000)
            assert result.status is not Status.COUNTEREXAMPLE, (one, family, result.findings)
            seen[len(one.policies), result.status.value] += 1
    note(f"{dict(seen)}")
    assert seen[1, "proved"] >= 0.97 * (seen[1, "proved"] + seen[1, "unknown"])


# --- relaxations and notes ---

TIGHT = {
    "pause": (P, {}),
    "spent": (replace(P, uses="single"), {}),
    "unanswered": (P, {}),
    "cut": (replace(P, traps=(TRAP,)), {"raw": True}),
    "early": (replace(P, traps=(TRAP,)), {"raw": True}),
}
HEARD = replace(P, generations=(Generation(1, (Knock("udp", 102, b"Open"), Knock("tcp", 103))),))


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("name", TIGHT)
def test_each_relaxation_is_as_small_as_it_can_be(name, family):
    policy, where = TIGHT[name]
    one = corner(policy, **where)
    (relaxed,) = one.rendered.relaxed
    value = getattr(relaxed, name)
    less = False if value is True else value - 1
    assert prove(one.claim(family)).status is Status.PROVED
    tighter = one.claim(family, relaxed=(replace(relaxed, **{name: less}),))
    assert prove(tighter).status is Status.COUNTEREXAMPLE


def test_a_pattern_finds_nothing_in_untracked_packets():
    one = corner(HEARD, payload_match="layer7")
    (relaxed,) = one.rendered.relaxed
    assert prove(one.claim(4)).status is Status.PROVED
    tighter = one.claim(4, relaxed=(replace(relaxed, tracked=False),))
    assert prove(tighter).status is Status.COUNTEREXAMPLE
    assert not any(bounds.tracked for bounds in one.rendered.meaning(6)[1])


def test_capitals_are_taken_for_small_letters_by_patterns_only():
    """Without the rounding there is a trace; where there is no rounding, there is no note."""
    heard = corner(HEARD, payload_match="layer7")
    exact = corner(HEARD).claim(4).site
    claim = heard.claim(4)
    result = prove(replace(claim, site=replace(claim.site, policies=exact.policies)))
    assert result.status is Status.COUNTEREXAMPLE
    assert corner(HEARD).rendered.effective == (HEARD,)


def says(relaxed: Relaxations, patterns):
    """The notes there must be, no more and no fewer."""
    return {
        "attempt-pause": relaxed.pause > 0,
        "grant-spent": relaxed.spent > 0,
        "known-from-answer": relaxed.unanswered,
        "sessions-cut": relaxed.cut,
        "passphrase-capitals": patterns,
        "passphrase-needs-tracking": relaxed.tracked,
        "trap-before-tracking": relaxed.early,
    }


def test_each_note_appears_exactly_when_its_relaxation_does():
    seen = Counter()
    for number in range(300):
        rendered = random_corner(dice(f"notes {number}"), most=3).rendered
        for policy, relaxed in zip(rendered.effective, rendered.relaxed, strict=True):
            mine = [note for note in rendered.fidelity if note.policy == policy.name]
            patterns = any(k.folded for g in policy.generations for k in g.knocks)
            wanted = [code for code, there in says(relaxed, patterns).items() if there]
            assert sorted(note.code for note in mine) == sorted(wanted)
            seen.update(wanted)
            assert [n.code for n in mine if n.blocks] == ["passphrase-capitals"] * patterns
    assert seen.keys() == says(Relaxations(), patterns=False).keys()


# --- the rows themselves ---


def reached(rows):
    """The chains that a packet can come to, from the built-in ones on."""
    found = {"input", "forward", "prerouting"}
    while True:
        jumps = {r.get("jump-target") for r in rows if r.get("chain") in found} - {""}
        if jumps <= found:
            return found
        found |= jumps


def test_nothing_is_rendered_that_no_packet_comes_to():
    for number in range(300):
        config = random_corner(dice(f"rows {number}"), most=3).rendered.config
        for menu in {row.menu for row in config.rows if row.rule}:
            rows = config.menu(menu)
            chains = {row.get("chain") for row in rows}
            assert chains <= reached(rows), menu
            assert {row.get("jump-target") for row in rows} - {""} <= chains, menu
        assert all(row.get("comment").startswith(OWN) for row in config.rows)
        assert all(
            row.jump or row.get("chain").startswith("kc-") for row in config.rows if row.rule
        )


def test_one_rule_of_each_table_stands_among_the_owners():
    config = corner(replace(P, traps=(TRAP,)), raw=True, interface="ether1").rendered.config
    assert [(r.menu, r.get("chain"), r.get("comment")) for r in config.rows if r.jump] == [
        (f"/{ip} firewall {table}", chain, JUMP)
        for ip in ("ip", "ipv6")
        for table, chain in (("filter", "input"), ("raw", "prerouting"))
    ]


def test_a_rule_asks_for_no_more_ports_than_the_kernel_holds():
    spans = tuple(Span(kind, 3 * n, 3 * n + n % 2) for kind in ("tcp", "udp") for n in range(9, 40))
    config = corner(replace(P, services=spans)).rendered.config
    ports = [row.get("dst-port") for row in config.rows if row.get("dst-port")]
    assert max(p.count(",") + p.count("-") + 1 for p in ports) == 15


def test_nothing_is_rendered_of_no_policies_or_for_a_family_that_is_not_there():
    assert render([], RouterPlacement()).config.empty
    config = render([P], RouterPlacement(), Facts("router", details={"families": "4"})).config
    assert {row.menu for row in config.rows} == {"/ip firewall filter"}


def test_a_configuration_tells_itself_what_of_it_is_secret():
    whispered = (Knock("tcp", 41001, secret=True), Knock("udp", 41002, b"a.b*c", secret=True))
    policy = replace(P, generations=(Generation(1, whispered),))
    assert corner(policy).rendered.config.secrets() == {"41001", "41002", "a.b*c"}
    heard = corner(policy, payload_match="layer7").rendered.config
    assert {"41001", "41002", r"a\.b\*c"} <= heard.secrets()
    assert VENDOR.modeller.parse(heard.text()).secrets() == heard.secrets()
    assert not corner().rendered.config.secrets()


# --- mutants ---


@pytest.mark.no_cover
def test_wrong_configurations_are_told_from_right_ones():
    """A hundred with one row wrong: a trace tells, or the row made no difference to anybody."""
    caught, rng = Counter(), random.Random(SEED)
    for number in range(100):
        family = (4, 6)[number % 2]
        one = small_corner(rng, knocks=2)
        what, config = mutant(rng, one.rendered.config, family)
        result = prove(one.claim(family, config))
        assert result.status is not Status.UNKNOWN, (what, result.reasons)
        caught[what.partition(":")[0], result.status.value] += 1
    found = sum(count for (_, status), count in caught.items() if status == "counterexample")
    assert found >= 50, caught
    assert len({kind for kind, status in caught if status == "counterexample"}) == 5, caught


# --- how it looks ---


@pytest.mark.parametrize("name", ["router-admin", "ssh-box"])
def test_a_seed_looks_like_this(name):
    policy = resolve(load_all(INVENTORY / "policies")[name], None)
    facts = Facts("router", details={"families": "4"})
    text = render([policy], RouterPlacement(interface_list="WAN"), facts).config.text()
    assert text == (GOLDEN / f"{name}.rsc").read_text()
