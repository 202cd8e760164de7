"""The way from what runs to what is intended, walked on a router, there and back."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knockctl.errors import Conflict
from knockctl.policy.resolved import Generation, Knock
from knockctl_routeros import VENDOR
from tests.fixtures.duel import random_policies
from tests.fixtures.routeros_bench import FOREIGN, MENUS, Bench
from tests.fixtures.routeros_crew import OTHER, SSH, policy
from tests.routeros.conftest import FILTER


@pytest.fixture
def bench(site):
    """Make benches: ``bench(FOREIGN, version="6.49", position=3)``."""

    def make(foreign="", *, version="7.20", **placement):
        here = site(version=version)
        if foreign:
            here.device.do(here.router.load, foreign)
        return Bench(here, **placement)

    return make


# --- there and back -----------------------------------------------------------------------------

PLACEMENTS = [
    {},
    {"raw": True},
    {"position": 3},
    {"interface_list": "WAN"},
    {"addresses": ["198.51.100.1", "2001:db8::1"], "chain": "forward"},
]


@pytest.mark.no_cover
@pytest.mark.parametrize("placement", PLACEMENTS, ids=lambda p: next(iter(p), "first"))
def test_there_and_back_between_any_two_policies(bench, placement):
    made = bench(FOREIGN, **placement)
    here = made.here

    @settings(max_examples=3)
    @given(st.integers(0, 2**32))
    def check(seed):
        rng = random.Random(seed)
        start, foreign = here.export(), made.ids()
        made.put(*random_policies(rng))
        before = here.export()
        target = made.intended(*random_policies(rng))
        assert not made.plan(made.driver.read().config).changes
        if made.plan(target).changes:
            way = made.begin(target)
            assert made.driver.fire(way.change_id) == "fired"
            assert here.export() == before
            made.settle(made.begin(target))
            assert not made.plan(target).changes
        made.put()
        assert here.export() == start
        assert made.ids() == foreign

    check()


def test_removing_is_taken_back_byte_for_byte(bench):
    made = bench(FOREIGN)
    made.put(SSH)
    before = made.here.export()
    way = made.begin(VENDOR.compiler.empty())
    assert made.here.export() != before
    made.driver.fire(way.change_id)
    assert made.here.export() == before


# --- minimal ------------------------------------------------------------------------------------


def of_ours(made):
    """Return our rows by id, in order, without what a change may touch: counters and marks."""
    return {
        (row["chain"], row[".id"]): {k: v for k, v in row.items() if k != "comment"}
        for row in made.rows()
        if row.get("comment", "").startswith("knockctl:")
    }


def test_a_rule_that_is_right_stays_as_it_is(bench):
    made = bench(FOREIGN)
    made.put(SSH)
    before = of_ours(made)
    way = made.begin(made.intended(policy(grant_duration=77)))
    after = of_ours(made)
    right = {key: row for key, row in before.items() if after[key] == row}
    assert len(before) - len(right) == len(way.dropped) < 10
    assert [key for key in after if key in right] == list(right)
    made.settle(way)
    assert right.items() <= of_ours(made).items()


def test_the_same_sequence_keeps_its_stages_and_another_gets_fresh_ones(bench):
    made = bench()

    def stages():
        rows = made.here.device.rows(FILTER)
        return {r["address-list"] for r in rows if ".grant" not in r.get("address-list", ".grant")}

    made.put(SSH)
    first = {name for name in stages() if "-1" in name or "-2" in name}
    assert len(first) == 2
    made.put(policy(services=SSH.services, grant_duration=77))
    assert first <= stages()
    made.put(OTHER)
    second = {name for name in stages() if "-1" in name or "-2" in name}
    assert len(second) == 2
    assert not first & second
    assert not any(port in name for name in first | second for port in ("1234", "2345", "3456"))


def test_lists_of_those_who_are_in_stay(bench):
    made = bench()
    assert made.put(SSH).keeps_grants
    assert made.plan(made.intended(OTHER)).keeps_grants
    assert not made.plan(VENDOR.compiler.empty()).keeps_grants


# --- mended -------------------------------------------------------------------------------------

BY_HAND = {
    "changed": ('set [find comment~"known flows"] action=drop', "remove"),
    "disabled": ('disable [find comment~"new flows"]', "remove"),
    "removed": ('remove [find comment~"stray segments"]', "add"),
    "jump removed": ('remove [find comment~"knockctl:jump"]', "add"),
    "jump disabled": ('disable [find comment~"knockctl:jump"]', "remove"),
    "mark changed": ('set [find comment~"knockctl:jump"] comment="knockctl:jump x #x.1"', "add"),
}


@pytest.mark.parametrize("what", BY_HAND)
def test_what_somebody_did_to_our_rules_is_found_and_mended(bench, what):
    command, action = BY_HAND[what]
    made = bench(FOREIGN)
    made.put(SSH)
    whole = made.driver.read().config
    made.do(f"/ip firewall filter\n{command}")
    hurt = made.here.export()
    way = made.plan(made.intended(SSH))
    assert action in {change.action for change in way.changes}
    assert made.driver.fire(made.begin(made.intended(SSH)).change_id) == "fired"
    assert made.here.export() == hurt
    made.put(SSH)
    assert made.driver.read().config.same(whole)


def test_a_foreign_rule_among_ours_stays(bench):
    made = bench()
    made.put(SSH)
    made.do("/ip firewall filter\nadd chain=kc-_gate action=accept protocol=tcp")
    made.put()
    assert [row["chain"] for row in made.rows()] == ["kc-_gate"]


def test_a_rule_copied_by_hand_is_found_and_removed(bench):
    made = bench(FOREIGN)
    made.put(SSH)
    whole = made.here.text()
    rows = made.here.device.rows(FILTER)
    one = next(row for row in rows if "known flows" in row.get("comment", ""))
    made.do(f"/ip firewall filter\nadd copy-from={one['.id']} place-before={one['.id']}")
    hurt = made.here.export()
    way = made.begin(made.intended(SSH))
    assert len(way.changes) <= 3
    made.driver.fire(way.change_id)
    assert made.here.export() == hurt
    made.put(SSH)
    assert made.here.text() == whole


def test_a_copy_that_is_disabled_goes_and_its_original_stays(bench):
    made = bench()
    made.put(SSH)
    whole, ids = made.here.text(), made.ids()
    one = next(r for r in made.here.device.rows(FILTER) if "known flows" in r["comment"])
    made.do(f"/ip firewall filter\nadd copy-from={one['.id']} disabled=yes")
    made.put(SSH)
    assert made.here.text() == whole
    assert made.ids() == ids


def test_rules_reordered_by_hand_are_moved_back_not_made_anew(bench):
    made = bench(FOREIGN)
    made.put(SSH)
    whole, ids = made.here.export(), made.ids()
    gate = [r[".id"] for r in made.here.device.rows(FILTER) if r["chain"] == "kc-_gate"]
    made.do(f"/ip firewall filter\nmove {gate[-1]} destination={gate[0]}")
    hurt = made.here.export()
    assert hurt != whole
    way = made.begin(made.intended(SSH))
    assert [change.action for change in way.changes] == ["move"]
    made.driver.fire(way.change_id)
    assert made.here.export() == hurt
    made.put(SSH)
    assert {m: sorted(found) for m, found in made.ids().items()} == {
        m: sorted(found) for m, found in ids.items()
    }
    assert [r[".id"] for r in made.here.device.rows(FILTER) if r["chain"] == "kc-_gate"] == gate


# --- among foreign rules ------------------------------------------------------------------------


def chain(made, name="input"):
    return [row for row in made.here.device.rows(FILTER) if row["chain"] == name]


def place(made):
    """Return the place of our jump in its chain, from 1."""
    comments = [row.get("comment", "") for row in chain(made)]
    return 1 + next(n for n, text in enumerate(comments) if text.startswith("knockctl:jump"))


@pytest.mark.parametrize(
    ("position", "expected"), [("first", 1), (1, 1), (2, 2), (41, 41), (42, 42), (999, 42)]
)
def test_the_jump_stands_where_it_is_placed(bench, position, expected):
    made = bench(FOREIGN, position=position)
    made.put(SSH)
    assert place(made) == expected


def test_a_foreign_accept_above_our_jump_has_it_moved_up(bench):
    made = bench(FOREIGN)
    made.put(SSH)
    top = chain(made)[0][".id"]
    made.do(f"/ip firewall filter\nadd chain=input action=accept protocol=tcp place-before={top}")
    hurt = made.here.export()
    assert place(made) == 2
    way = made.begin(made.intended(SSH))
    assert [change.action for change in way.changes] == ["move"]
    assert place(made) == 1
    assert chain(made)[0][".id"] == top
    made.driver.fire(way.change_id)
    assert made.here.export() == hurt
    made.put(SSH)
    assert place(made) == 1


@pytest.mark.parametrize(("old", "new"), [(3, 5), (41, 2), ("first", 999), (3, "first")])
def test_another_place_has_the_jump_moved_there_and_back(bench, old, new):
    """To be the first is not to stand below what may let packets past."""
    made = bench(FOREIGN, position=old)
    made.put(SSH)
    was, before, ids = place(made), made.here.export(), made.ids()
    snapshot = VENDOR.compiler.load(made.driver.read().config.dump())
    made.placement = made.placement.model_copy(update={"position": new})
    if new == "first":
        assert not made.plan(made.intended(SSH)).changes, "what stands above only refuses"
        top = next(row for row in chain(made) if row["action"] == "drop")[".id"]
        made.do(f"/ip firewall filter\nadd chain=input place-before={top} comment=open")
        before, ids, was = made.here.export(), made.ids(), place(made)
    way = made.begin(made.intended(SSH))
    assert {change.action for change in way.changes} == {"move"}
    assert place(made) == {"first": 1, 999: 42}.get(new, new)
    assert sorted(made.ids()[FILTER]) == sorted(ids[FILTER])
    made.driver.fire(way.change_id)
    assert made.here.export() == before
    made.put(SSH)
    if new != "first":
        made.settle(made.begin(snapshot))
        assert place(made) == was
        assert not made.plan(snapshot).changes


def test_rules_that_others_put_above_our_number_have_the_jump_moved_up(bench):
    made = bench(FOREIGN, position=3)
    made.put(SSH)
    top = chain(made)[0][".id"]
    made.do(f"/ip firewall filter\nadd chain=input action=drop place-before={top} disabled=yes")
    assert place(made) == 4
    assert [change.action for change in made.put(SSH).changes] == ["move"]
    assert place(made) == 3


def test_with_a_number_the_jump_stays_below_a_foreign_accept(bench):
    made = bench("/ip firewall filter add chain=input action=accept protocol=tcp", position=2)
    made.put(SSH)
    assert place(made) == 2
    snapshot = VENDOR.compiler.load(made.driver.read().config.dump())
    made.put(OTHER)
    made.settle(made.begin(snapshot))
    assert place(made) == 2


def test_nothing_foreign_moves_or_changes(bench):
    made = bench(FOREIGN)
    kinds = (*MENUS, "/ip/firewall/address-list", "/ip/firewall/layer7-protocol")

    def foreign():
        return {
            menu: [
                row
                for row in made.here.device.rows(menu)
                if not row.get("comment", "").startswith("knockctl:")
            ]
            for menu in kinds
        }

    before = foreign()
    assert sum(map(len, before.values())) > 200
    for config in ((SSH,), (OTHER,), (SSH, policy("udp/9", name="other")), ()):
        made.put(*config)
        assert foreign() == before


# --- passphrases by layer 7 ---------------------------------------------------------------------


def spoken(*words):
    knocks = (Knock("tcp", 1), *(Knock("udp", 2 + n, w) for n, w in enumerate(words)))
    return replace(SSH, generations=(Generation(1, knocks),))


def test_another_passphrase_by_layer_7(bench):
    made = bench(FOREIGN, payload_match="layer7")
    start = made.here.export()
    made.put(spoken(b"open sesame"))
    before = made.here.export()
    way = made.begin(made.intended(spoken(b"please")))
    made.driver.fire(way.change_id)
    assert made.here.export() == before
    made.put(spoken(b"please"))
    assert "sesame" not in made.here.export()
    made.put(spoken(b"please", b"open sesame"))
    made.put(spoken(b"open sesame", b"please"))
    made.put()
    assert made.here.export() == start


# --- somebody was first -------------------------------------------------------------------------


def test_a_plan_made_before_somebody_elses_change_is_refused(bench):
    made = bench()
    late = made.plan(made.intended(OTHER))
    made.put(SSH)
    now = made.here.export()
    with pytest.raises(Conflict, match="nothing was changed"):
        made.driver.arm(late, 60)
    assert made.here.export() == now
