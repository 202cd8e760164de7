"""What holds of both trees whatever was changed, by whomever, in whatever order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knockctl_panos.twin.device import Switches, markup
from knockctl_panos.twin.device.definitions import configuration
from knockctl_panos.twin.device.edits import Edit
from knockctl_panos.twin.device.factory import configuration as factory
from knockctl_panos.twin.device.refusals import Refusal
from knockctl_panos.twin.device.trees import KEPT, Trees
from tests.panos.conftest import VSYS

RULES = f"{VSYS}/rulebase/security/rules"


def edit(admin, kind, number, color):
    """Make a change of an administrator's own objects: nobody's rest on another's."""
    name = f"{admin}-{number}"
    path = f"{VSYS}/tag/entry[@name='{name}']"
    rule = f"{RULES}/entry[@name='{name}']"
    return {
        "set": Edit("set", path, f"<color>color{color}</color>"),
        "edit": Edit("edit", path, f"<entry name='{name}'><comments>{color}</comments></entry>"),
        "delete": Edit("delete", path),
        "rule": Edit("set", rule, "<action>drop</action>"),
        "move": Edit("move", rule, where="top"),
        "clone": Edit("clone", f"{VSYS}/tag", source=path, newname=f"{name}-{color}"),
    }[kind]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob"]),
        st.sampled_from(["set", "edit", "delete", "rule", "move", "clone"]),
        st.integers(1, 2),
        st.integers(1, 3),
    ),
    max_size=12,
)


def fresh():
    switches = Switches()
    return Trees(configuration(switches), factory(switches))


def played(steps, admins=("ann", "bob")):
    """Return trees after some administrators' steps; those that are refused change nothing."""
    trees = fresh()
    for admin, *words in steps:
        if admin in admins:
            before = text(trees.candidate)
            try:
                trees.change(admin, 0.0, "now", edit(admin, *words))
            except Refusal:
                assert text(trees.candidate) == before
    return trees


def text(tree):
    """Print a tree without bookkeeping and identities."""
    copy = markup.clone(tree)
    markup.unmark(copy)
    for rule in markup.rules(copy):
        rule.attrib.pop("uuid", None)
    return markup.write(copy)


def of(trees, admin):
    return trees.dirty(lambda change: change.admin == admin)


@settings(max_examples=40)
@given(STEPS)
def test_reverting_one_administrator_leaves_what_the_other_did(steps):
    trees = played(steps)
    trees.revert(of(trees, "ann"))
    assert text(trees.candidate) == text(played(steps, ("bob",)).candidate)
    trees.revert(trees.changes)
    assert text(trees.candidate) == text(fresh().running)


@settings(max_examples=40)
@given(STEPS)
def test_a_partial_commit_runs_what_one_did_and_leaves_the_candidate(steps):
    trees = played(steps)
    before = text(trees.candidate)
    trees.finish(trees.plan(of(trees, "ann")), 0.0, "ann", "")
    assert text(trees.running) == text(played(steps, ("ann",)).candidate)
    assert of(trees, "ann") == []
    assert {node.get("admin") for node in trees.candidate.iter()} <= {"bob", None}
    trees.finish(trees.plan(trees.changes), 0.0, "bob", "")
    assert text(trees.running) == text(trees.candidate)
    if of(played(steps), "bob"):
        assert text(trees.running) == before


@settings(max_examples=20)
@given(STEPS)
def test_rules_keep_their_identity_through_a_commit(steps):
    trees = played(steps)
    identities = [rule.get("uuid") for rule in markup.rules(trees.candidate)]
    assert all(identities)
    trees.finish(trees.plan(trees.changes), 0.0, "ann", "")
    assert [rule.get("uuid") for rule in markup.rules(trees.running)] == identities


def test_so_many_versions_are_kept_and_numbers_go_on():
    trees = fresh()
    for _ in range(KEPT + 5):
        trees.finish(trees.plan(trees.changes), 0.0, "ann", "")
    assert [trees.versions[0].number, trees.versions[-1].number] == [7, KEPT + 6]


@pytest.mark.parametrize(
    "path", ["/config/devices/entry/vsys/entry/tag", f"{VSYS}/tag", "/config/shared/tag"]
)
def test_what_there_is_only_one_of_needs_no_name(path):
    trees = fresh()
    trees.change("ann", 0.0, "now", Edit("set", path, "<entry name='a'/>"))
    assert '<entry name="a"' in text(trees.candidate)
