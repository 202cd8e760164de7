"""From what runs to what is intended: few changes, in an order that references allow."""

import pickle
import random
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from knockctl.errors import GuardError
from knockctl_panos.config import records
from knockctl_panos.config.document import Document
from knockctl_panos.config.location import Location
from knockctl_panos.config.records import KINDS, OWN, RULES, PanosConfig
from knockctl_panos.config.syntax import Branch
from knockctl_panos.placement import PanosPlacement
from knockctl_panos.plan.plan import plan
from knockctl_panos.plan.reading import reading
from knockctl_panos.render.render import render
from tests.fixtures.panos_crew import ADDRESS, OTHER, SSH, WEB, policy
from tests.fixtures.panos_site import FOREIGN

HERE = Location()


def wanted(*policies, **place):
    return render(policies, PanosPlacement(addresses=(ADDRESS,), **place)).config


class Model:
    """A vsys as a list of rules and a set of objects, on which operations are carried out."""

    def __init__(self, foreign=(), entries=()):
        self.rules = dict(foreign)
        self.objects = {(e.kind, e.name): e for e in entries}
        self.order = list(self.rules)

    def reading(self):
        parts = dict.fromkeys(KINDS, "")
        for entry in self.objects.values():
            if entry.kind != RULES:
                parts[entry.kind] += entry.text()
        for name in self.order:
            mine = self.objects.get((RULES, name))
            parts[RULES] += (
                mine.text() if mine else f'<entry name="{name}">{self.rules[name]}</entry>'
            )
        text = "".join(
            f"{''.join(f'<{t}>' for t in kind.split('/'))}{inside}"
            f"{''.join(f'</{t}>' for t in reversed(kind.split('/')))}"
            for kind, inside in parts.items()
        )
        own = Branch(ET.fromstring(f'<entry name="vsys1">{text}</entry>'))
        return reading(Document(own), HERE.rulebase)

    def make(self, way):
        """Carry out a way as a device does, refusing what refers to nothing at its time."""
        for one in way.operations:
            for name in one.names:
                if one.action in ("set", "edit"):
                    inside = (
                        one.element if one.action == "edit" else f"<entry>{one.element}</entry>"
                    )
                    node = records.syntax.read(inside)
                    known = (one.kind, name) in self.objects
                    assert known == (one.action == "edit"), one
                    self.objects[one.kind, name] = records.Entry.of(one.kind, name, node)
                    if one.kind == RULES and not known:
                        self.order.append(name)
                elif one.action == "delete":
                    del self.objects[one.kind, name]
                    if one.kind == RULES:
                        self.order.remove(name)
                    assert not list(self.lost()), (one, list(self.lost()))
                else:
                    self.order.remove(name)
                    at = 0 if one.where == "top" else self.order.index(one.other) + 1
                    self.order.insert(at, name)
            assert not list(self.lost()), (one, list(self.lost()))

    def lost(self):
        """Yield the services and groups that rules name and nobody has."""
        names = {name for kind, name in self.objects if kind in ("service", "address-group")}
        for (kind, name), entry in self.objects.items():
            if kind == RULES:
                said = (*entry.members("service"), *entry.members("source"))
                yield from (
                    (name, one) for one in said if one.startswith("kc-") and one not in names
                )

    def reach(self, goal, change="aaaa1111"):
        way = plan(self.reading(), goal, change)
        self.make(way)
        again = plan(self.reading(), goal, change)
        assert again.changes == (), again.changes
        return way


def foreign(name, **words):
    words = {"destination": "203.0.113.1", "service": "any", "action": "allow", **words}
    return name, FOREIGN.format(**words)


OTHERS = [foreign("a"), foreign("b"), foreign("c")]
CONFIGS = {
    "nothing": PanosConfig(),
    "ssh": wanted(SSH),
    "other": wanted(OTHER),
    "both": wanted(SSH, WEB),
    "strict": wanted(policy(wrong_knock="lockout", lockout=60, otherwise="refuse")),
}


@pytest.mark.parametrize("first", CONFIGS)
@pytest.mark.parametrize("then", CONFIGS)
def test_from_any_to_any_and_back(first, then):
    model = Model(OTHERS)
    model.reach(CONFIGS[first])
    before, order = model.reading().config, list(model.order)
    way = model.reach(CONFIGS[then], "bbbb2222")
    assert bool(way.changes) == (first != then)
    assert [name for name in model.order if name in "abc"] == ["a", "b", "c"]
    back = model.reach(before, "cccc3333")
    assert model.reading().config == before
    assert model.reading().config.revision == before.revision == back.intended.revision
    assert [n for n in model.order if n in order] == model.order
    assert pickle.loads(pickle.dumps(way)) == way


def test_the_mark_is_exchanged_in_the_same_change():
    model = Model()
    model.reach(CONFIGS["ssh"])
    assert model.reading().config.revision == "aaaa1111"
    model.reach(CONFIGS["other"], "bbbb2222")
    assert model.reading().config.revision == "bbbb2222"
    model.reach(PanosConfig(), "cccc3333")
    assert model.objects == {}


def test_drift_is_found_and_only_what_drifted_is_touched():
    model = Model(OTHERS)
    model.reach(CONFIGS["ssh"])
    order = list(model.order)
    rules = [name for name in order if name.startswith("kc-")]
    gone, changed, moved = rules[0], rules[1], rules[-1]
    del model.objects[RULES, gone]
    model.order.remove(gone)
    entry = model.objects[RULES, changed]
    disabled = records.syntax.Node("disabled", text="yes")
    body = (*entry.body, disabled)
    model.objects[RULES, changed] = records.Entry.of(
        RULES, changed, records.syntax.Node("entry", changed, children=body)
    )
    model.order.remove(moved)
    model.order.append(moved)
    way = model.reach(CONFIGS["ssh"], "bbbb2222")
    assert {one.names[0] for one in way.operations} == {gone, changed, moved, OWN}
    assert model.order == order
    assert {(c.action, c.text.split()[0]) for c in way.changes} == {
        ("add", gone), ("remove", changed), ("add", changed), ("move", moved),
    }  # fmt: skip


def test_shuffled_rules_are_put_in_order_with_as_few_moves_as_possible():
    rng = random.Random(7)
    for _ in range(10):
        model = Model(OTHERS)
        model.reach(CONFIGS["both"])
        rules = [name for name in model.order if name.startswith("kc-")]
        model.order.remove(rules[3])
        model.order.insert(rng.randrange(len(model.order)), rules[3])
        way = model.reach(CONFIGS["both"], "bbbb2222")
        moves = [one for one in way.operations if one.action == "move"]
        assert len(moves) <= 1
        rng.shuffle(model.order)
        model.reach(CONFIGS["both"], "cccc3333")
        assert [name for name in model.order if name.startswith("kc-")] == rules


def test_a_foreign_rule_inside_our_block_is_left_and_ours_closes():
    model = Model(OTHERS)
    model.reach(CONFIGS["ssh"])
    order = list(model.order)
    model.order.remove("c")
    model.order.insert(3, "c")
    model.reach(CONFIGS["ssh"], "bbbb2222")
    ours = [name for name in order if name.startswith("kc-")]
    at = model.order.index(ours[0])
    assert model.order[at : at + len(ours)] == ours


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ("top", 0),
        ("bottom", 3),
        ({"before": "b"}, 1),
        ({"after": "b"}, 2),
    ],
)
def test_the_block_goes_where_it_is_placed(position, expected):
    model = Model(OTHERS)
    model.reach(wanted(SSH, position=position))
    ours = [index for index, name in enumerate(model.order) if name.startswith("kc-")]
    assert ours == list(range(expected, expected + len(ours)))


def test_a_rule_to_stand_beside_that_is_not_there():
    with pytest.raises(GuardError, match="'nowhere', which is not there"):
        plan(Model(OTHERS).reading(), wanted(SSH, position={"before": "nowhere"}), "aaaa1111")


def test_a_snapshot_is_restored_though_the_rule_it_stood_beside_is_gone():
    model = Model(OTHERS)
    model.reach(wanted(SSH, position={"after": "b"}))
    snapshot = model.reading().config
    model.reach(PanosConfig(), "bbbb2222")
    model.order.remove("b")
    model.reach(snapshot, "cccc3333")
    assert model.order[0].startswith("kc-")


# --- foreign rules above ours -------------------------------------------------------------------

MEETS = {"destination": ADDRESS}


def test_at_the_top_harmless_rules_may_stay_above_and_others_not():
    model = Model(OTHERS)
    model.reach(CONFIGS["ssh"])
    model.rules["d"] = foreign("d")[1]
    model.order.insert(0, "d")
    assert plan(model.reading(), CONFIGS["ssh"], "bbbb2222").changes == ()
    model.rules["e"] = foreign("e", **MEETS)[1]
    model.order.insert(0, "e")
    model.reach(CONFIGS["ssh"], "bbbb2222")
    assert model.order[0].startswith("kc-")


@pytest.mark.parametrize(
    ("words", "stays"),
    [
        (MEETS, False),
        ({"destination": "any"}, False),
        ({"destination": "198.51.100.0/24"}, False),
        ({"destination": "198.51.100.1-198.51.100.20"}, False),
        ({"destination": "a-name-nobody-knows"}, False),
        ({"destination": "203.0.113.0/24"}, True),
        ({"destination": "2001:db8::/32"}, True),
        ({**MEETS, "action": "deny"}, False),
        ({**MEETS, "action": "allow</action><disabled>yes</disabled><action>allow"}, True),
        ({**MEETS, "service": "service-https"}, True),
        ({**MEETS, "service": "application-default"}, False),
    ],
)
def test_at_the_top_a_foreign_rule_stays_above_only_if_it_never_meets_our_packets(words, stays):
    """The policy governs its knocks and its service alone."""
    goal = wanted(policy(wrong_knock="ignore"))
    model = Model()
    model.reach(goal)
    model.rules.update([foreign("above", **words)])
    model.order.insert(0, "above")
    assert (plan(model.reading(), goal, "bbbb2222").changes == ()) == stays


def test_at_the_top_a_rule_for_other_zones_stays_above():
    goal = wanted(SSH, from_zones=("untrust",), to_zones=("dmz",))
    for end, zone in (("from", "lan"), ("to", "lan")):
        model = Model()
        model.reach(goal)
        name, text = foreign("above", **MEETS)
        model.rules[name] = text.replace(f"<{end}><member>any", f"<{end}><member>{zone}")
        model.order.insert(0, name)
        assert plan(model.reading(), goal, "bbbb2222").changes == ()


# --- what it means to those outside -------------------------------------------------------------


@pytest.mark.parametrize(
    ("then", "kept"),
    [(policy(grant_duration=1200), True), (OTHER, False), (None, False)],
)
def test_grants_are_kept_where_the_sequence_is(then, kept):
    model = Model()
    model.reach(CONFIGS["ssh"])
    goal = wanted(then) if then else PanosConfig()
    assert plan(model.reading(), goal, "bbbb2222").keeps_grants is kept


def test_what_is_not_ours_is_not_read():
    model = Model()
    model.reach(CONFIGS["ssh"])
    text = '<entry name="kc-not-ours"><color>color1</color></entry>'
    entry = records.Entry.of("tag", "kc-not-ours", records.syntax.read(text))
    model.objects["tag", "kc-not-ours"] = entry
    assert entry not in model.reading().config.entries
    assert plan(model.reading(), CONFIGS["ssh"], "bbbb2222").changes == ()
    plain = replace(model.reading().config, place=("top", ""))
    assert plan(model.reading(), plain, "bbbb2222").changes == ()
