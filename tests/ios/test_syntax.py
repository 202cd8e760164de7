"""Routers that don't know all that a change may need: refused before anything is changed.

Or done in words that every router knows.
"""

import re

import pytest

from knockctl.change.job import Result
from knockctl_ios.driver.precheck import Question, questions
from knockctl_ios.plan.plan import plan
from tests.fixtures.ios_crew import ADDRESS, OPERATORS, OUTSIDE, small
from tests.fixtures.ios_local import LocalOperator
from tests.ios.conftest import make

MEETING = OPERATORS.replace("any eq 22\nclass", "any eq 22\n permit udp any any gt 1000\nclass")
"""A class of the operator's that may match knocks."""
VERSIONS = ("15.7(3)M8", "17.9.4")


@pytest.fixture
def router(tmp_path):
    def made(text=OPERATORS, **switches):
        twin = make(
            addresses=((f"{ADDRESS}/24", "GigabitEthernet0/0"),), plane_logging=True, **switches
        )
        assert twin.load(f"{text}service sequence-numbers\n") == ""
        return twin, LocalOperator("ann", 22, tmp_path / "ann.db", twin=twin)

    return made


def refused(twin, ann, config, *said):
    before, saved = twin.text(), twin.startup
    outcome = ann.run("deploy", config)
    assert outcome.result is Result.FAILED, outcome
    assert all(part in outcome.message for part in (*said, "nothing was changed")), outcome
    assert (twin.text(), twin.startup) == (before, saved)
    assert twin.archive.pending is None
    assert not twin.archive.count
    return outcome


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("switch", "word"), [("numbered_remarks", "remark"), ("numbered_dynamic", "dynamic")]
)
def test_without_numbers_ours_go_last_or_nowhere(router, version, switch, word):
    twin, ann = router(version=version, **{switch: False})
    before = twin.text()
    said = refused(twin, ann, small(), OUTSIDE, f"takes no {word} with a number")
    assert "placement.position" in said.hint
    stopped = ann.run("deploy", small(place="last"))
    assert stopped.result is Result.FAILED
    known = {"options": {"accept": set(stopped.hint.rpartition("--accept ")[2].split(","))}}
    done = ann.run("deploy", small(place="last"), **known)
    assert done.result is Result.CONFIRMED, done
    assert ann.run("deploy", small(place="last"), **known).result is Result.UNCHANGED
    assert ann.run("remove").result is Result.CONFIRMED
    assert twin.text() == before


def test_a_class_goes_before_those_that_may_match_knocks_or_nowhere(router):
    twin, ann = router(MEETING)
    said = refused(twin, ann, small(), "policy-map COPP", "can't put a class before others")
    assert "kc-copp" in said.hint
    twin, ann = router(MEETING, inserts_classes=True)
    before = twin.text()
    assert ann.run("deploy", small()).result is Result.CONFIRMED
    assert "policy-map COPP\n class kc-ssh-knock\n  drop\n class THEIRS" in twin.text()
    assert ann.run("remove").result is Result.CONFIRMED
    assert twin.text() == before


@pytest.mark.parametrize(
    ("criteria", "ahead"),
    [
        ("match-any THEIRS\n match access-group name MGMT", False),
        ("match-any THEIRS\n match protocol arp", False),
        ("match-any THEIRS\n match access-group name MGMT\n match access-group name OPEN", True),
        ("match-all THEIRS\n match access-group name MGMT\n match access-group name OPEN", False),
        ("match-any THEIRS\n match access-group 101", True),
        ("match-any THEIRS\n match not access-group name MGMT", True),
        ("match-any THEIRS\n match dscp ef", True),
    ],
)
def test_which_classes_may_match_knocks(router, criteria, ahead):
    text = OPERATORS.replace("match-any THEIRS\n match access-group name MGMT", criteria)
    more = "ip access-list extended OPEN\n permit udp any any gt 1000\n"
    _, ann = router(f"{more}{text}")
    with ann.driver() as driver:
        way = plan(driver.read(), small(), "c1")
    assert (" class kc-ssh-knock insert-before THEIRS\n" in way.text) is ahead


def test_a_router_is_asked_each_thing_once_and_only_what_is_needed():
    text = (
        f"{OUTSIDE}\n no permit ip any any\n 10 remark a\n 20 remark b\n 30 deny ip any any\n"
        "ip access-list extended kc-x\n permit ip any any\n"
        "policy-map COPP\n class kc-x insert-before THEIRS\n  drop\n"
    )
    assert questions(text) == (
        Question(OUTSIDE, "1", "remark"),
        Question(OUTSIDE, "1", "deny"),
        Question("policy-map COPP", "class kc-x", "insert-before"),
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("remarks", ["attached", "numbered"])
def test_ours_change_and_go_after_a_reload_whomever_remarks_went_to(router, version, remarks):
    """A reload numbers entries anew, and gives remarks to the entries that follow them."""
    twin, ann = router(version=version, remarks=remarks)
    before = twin.text()
    assert ann.run("deploy", small()).result is Result.CONFIRMED
    twin.power_off()
    twin.power_on()
    assert ann.run("deploy", small()).result is Result.UNCHANGED
    entries = [one.line.text for one in small().inserts if one.parent == OUTSIDE]
    for changed in (
        ["remark knockctl begin ssh", "permit tcp host 203.0.113.8 host 192.0.2.14 eq 22"],
        ["remark knockctl begin ssh", "permit tcp host 203.0.113.7 host 192.0.2.14 eq 22"],
    ):
        said = ann.run("deploy", small(*changed, *entries[2:]))
        assert said.result is Result.CONFIRMED, said
    first = ["remark knockctl begin ssh", "permit tcp host 203.0.113.6 host 192.0.2.14 eq 22"]
    said = ann.run("deploy", small(*first, *changed[1:], *entries[2:]))
    assert said.result is Result.CONFIRMED, said
    assert ann.run("remove").result is Result.CONFIRMED
    assert _plain(twin.text()) == _plain(before)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_remark_that_ends_ours_went_with_an_entry_of_others(router, version):
    twin, ann = router(version=version)
    before = twin.text()
    assert ann.run("deploy", small()).result is Result.CONFIRMED
    deployed = twin.text()
    twin.power_off()
    twin.power_on()
    gone = f"{OUTSIDE}\n no remark knockctl end ssh\n"
    twin.load(gone)
    said = ann.run("remove")
    assert said.result is Result.FAILED, said
    assert "the remark is gone that says where ours end" in said.message
    mended = ann.run("deploy", small())
    assert mended.result is Result.CONFIRMED, mended
    deployed = re.sub(r"(revision) \S+", rf"\1 {mended.change_id}", deployed)
    assert _plain(twin.text()) == _plain(deployed)
    assert ann.run("remove").result is Result.CONFIRMED
    assert _plain(twin.text()) == _plain(before)


def _plain(text):
    """The words of each line: numbers stay as they were made when ours came."""
    return [line.strip().lstrip("0123456789 ") for line in text.splitlines()]
