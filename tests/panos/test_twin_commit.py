"""Commits, validations, jobs, reverts and snapshots; who may, and what several admins see."""

import pytest
from pan.xapi import PanXapiError

from tests.panos.conftest import VSYS, entry, tag

RULES = f"{VSYS}/rulebase/security/rules"
MINE = "<commit><partial><admin><member>admin</member></admin></partial></commit>"


def job(api, number=None):
    number = number or api.element_root.findtext("result/job")
    api.op(f"<show><jobs><id>{number}</id></jobs></show>")
    return {node.tag: node.text for node in api.element_result[0]}


def details(api):
    return [line.text for line in api.element_root.findall("result/job/details/line")]


def text(api, cmd):
    api.op(cmd)
    return api.element_root.findtext("result")


def test_a_job_waits_runs_and_ends(still):
    api = still.xapi()
    tag(api, "a")
    api.commit("<commit><description>why</description></commit>")
    assert api.status_detail == "Commit job enqueued with jobid 1"
    waiting = job(api)
    assert (waiting["status"], waiting["result"], waiting["positionInQ"]) == ("PEND", "PEND", "1")
    still.advance(1)
    acting = job(api, 1)
    assert (acting["status"], acting["result"], acting["progress"]) == ("ACT", "PEND", "50")
    assert acting["tfin"] == "Still Active"
    assert still.running("tag") == []
    still.advance(1)
    ended = job(api, 1)
    assert (ended["status"], ended["result"], ended["progress"]) == ("FIN", "OK", "100")
    assert (ended["user"], ended["type"], ended["description"]) == ("admin", "Commit", "why")
    assert details(api) == ["Configuration committed successfully"]
    assert still.running("tag") == ["a"]


def test_jobs_are_listed_and_a_number_may_be_unknown(still):
    api = still.xapi()
    tag(api, "a")
    for _ in range(2):
        api.commit("<commit/>")
    still.advance(2)
    for what, numbers in [("all", ["2", "1"]), ("processed", ["1"]), ("pending", [])]:
        api.op(f"<show><jobs><{what}/></jobs></show>")
        assert [node.findtext("id") for node in api.element_result] == numbers
    for number in ("9", "x"):
        with pytest.raises(PanXapiError, match="not found"):
            job(api, number)


def test_a_commit_while_another_runs_waits_or_is_refused(device):
    made = device(scale=0, commits_queue=False)
    api = made.xapi()
    tag(api, "a")
    api.commit("<commit/>")
    with pytest.raises(PanXapiError, match="Another commit/validate is in progress"):
        api.commit("<commit/>")


@pytest.mark.parametrize("line", [False, True])
def test_nothing_to_commit_is_said_with_and_without_a_line(device, line):
    api = device(no_changes_in_line=line).xapi()
    api.commit("<commit/>")
    assert (api.status, api.status_code) == ("success", "19")
    assert api.status_detail == "There are no changes to commit."
    assert (api.element_root.find("msg/line") is not None) is line
    api.commit("<commit><force/></commit>", sync=True, interval=0.02)
    assert api.element_root.findtext("result/job/result") == "OK"


def test_what_is_changed_while_a_commit_runs_stays_uncommitted(still):
    api = still.xapi()
    tag(api, "a")
    api.commit("<commit/>")
    still.advance(1)
    tag(api, "b")
    still.advance(1)
    assert still.running("tag") == ["a"]
    assert still.candidate("tag") == ["a", "b"]
    assert text(api, "<check><pending-changes/></check>") == "yes"
    api.get(f"{VSYS}/tag/entry")
    assert [node.get("admin") for node in api.element_result] == [None, "admin"]


def test_a_partial_commit_that_rests_on_anothers_change_fails(still):
    mine, theirs = still.xapi(), still.xapi("ann", "word")
    tag(theirs, "hers")
    mine.rename(entry("tag", "hers"), "mine")
    mine.commit(MINE, action="partial")
    still.advance(5)
    assert job(mine, 1)["result"] == "FAIL"
    assert "Partial changes cannot be applied" in details(mine)
    assert still.running("tag") == []


def test_partial_commits_by_place_and_by_part(device):
    made = device(vsys=("vsys1", "vsys2"))
    api = made.xapi()
    tag(api, "a")
    api.set("/config/shared", "<tag><entry name='s'/></tag>")
    api.set(
        "/config/devices/entry[@name='localhost.localdomain']/deviceconfig/system",
        "<hostname>new</hostname>",
    )
    excluded = "<shared-object>excluded</shared-object>"
    for partial, left in [
        ("<vsys><member>vsys2</member></vsys>", 3),
        (f"<device-and-network>excluded</device-and-network>{excluded}", 2),
        (
            "<policy-and-objects>excluded</policy-and-objects><admin><member>admin</member></admin>",
            0,
        ),
    ]:
        cmd = f"<commit><partial>{partial}</partial></commit>"
        api.commit(cmd, sync=True, interval=0.02)
        api.op("<show><config><list><changes/></list></config></show>")
        assert len(api.element_result[0]) == left
    with pytest.raises(PanXapiError, match="bogus unexpected here"):
        api.commit("<commit><partial><bogus/></partial></commit>")


@pytest.mark.parametrize(
    ("element", "said"),
    [
        ("<from><member>any</member></from>", "rules -> r is missing 'to'"),
        ("<to><member>any</member><member>trust</member></to>", "to 'any' cannot be mixed"),
    ],
)
def test_a_rule_must_be_whole_at_commit(device, element, said):
    api = device().xapi()
    api.set(f"{RULES}/entry[@name='r']", element)
    api.commit("<commit/>", sync=True, interval=0.02)
    assert any(said in line for line in details(api))
    assert details(api)[0] == "Validation Error:"


PROFILE = f"{VSYS}/log-settings/profiles/entry[@name='p']/match-list/entry[@name='m']"
ACTION = f"{PROFILE}/actions/entry[@name='a']"


@pytest.mark.parametrize(
    ("xpath", "element", "said"),
    [
        (PROFILE, "<log-type>traffic</log-type>", "match-list -> m -> filter is missing"),
        (PROFILE, "<filter>(rule eq</filter>", "is invalid"),
        (PROFILE, "<filter>(rule like 'x')</filter>", "unknown operator like"),
        (PROFILE, "<filter>(rule eq 'x'</filter>", "not closed"),
        (PROFILE, "<filter>rule eq 'x' )</filter>", "unexpected"),
        (PROFILE, "<filter>rule eq 'x</filter>", "unexpected character"),
        (ACTION, "", "a is missing 'type'"),
        (ACTION, "<type><tagging/></type>", "a is missing 'tags'"),
        (ACTION, "<type><tagging/></type>", "a is missing 'target'"),
        (ACTION, "<type><tagging/></type>", "a is missing 'registration'"),
        (entry("address-group", "g"), "<dynamic><filter>'a' 'b'</filter></dynamic>", "is invalid"),
        (entry("address-group", "g"), "<dynamic><filter>and</filter></dynamic>", "is invalid"),
        (entry("address-group", "g"), "<dynamic><filter>('a'</filter></dynamic>", "is invalid"),
        (entry("address-group", "g"), "<dynamic><filter>'a</filter></dynamic>", "is invalid"),
        (entry("address-group", "g"), "<description>x</description>", "'static' or 'dynamic'"),
        (entry("service", "s"), "<protocol><tcp/></protocol>", "service -> s is missing 'port'"),
    ],
)
def test_objects_must_be_whole_at_validation(device, xpath, element, said):
    made = device()
    api = made.xapi()
    api.set(xpath, element or "<type/>")
    api.op("<validate><full></full></validate>")
    made.advance(5)
    assert job(api)["result"] == "FAIL"
    assert any(said in line for line in details(api)), details(api)


@pytest.mark.parametrize(
    "ask",
    [
        lambda api: api.op("<validate><full/></validate>"),
        lambda api: api.op(MINE.replace("commit", "validate")),
        lambda api: api.commit("<commit/>", action="validate"),
        lambda api: api.commit("<commit><validate/></commit>"),
    ],
)
def test_validation_is_a_job_and_changes_nothing(still, ask):
    api = still.xapi()
    tag(api, "a")
    ask(api)
    still.advance(5)
    ended = job(api, 1)
    assert (ended["type"], ended["result"]) == ("Validate", "OK")
    assert details(api) == ["Configuration is valid"]
    assert still.running("tag") == []


def test_a_validation_of_what_cannot_be_applied_fails(still):
    mine, theirs = still.xapi(), still.xapi("ann", "word")
    tag(theirs, "hers")
    mine.rename(entry("tag", "hers"), "mine")
    mine.op(MINE.replace("commit", "validate"))
    still.advance(5)
    assert job(mine, 1)["result"] == "FAIL"


def test_one_administrators_changes_are_reverted(still):
    mine, theirs = still.xapi(), still.xapi("ann", "word")
    for name in "ab":
        tag(mine, name)
        tag(theirs, f"hers-{name}")
    mine.delete(entry("tag", "hers-b"))
    theirs.delete(entry("tag", "a"))
    revert = (
        "<revert><config><partial><admin><member>{}</member></admin></partial></config></revert>"
    )
    mine.op(revert.format("admin"))
    assert still.candidate("tag") == ["hers-a", "hers-b"]
    mine.get(f"{VSYS}/tag/entry")
    assert {node.get("admin") for node in mine.element_result} == {"ann"}
    tag(mine, "c")
    with pytest.raises(PanXapiError, match="Not authorized"):
        theirs.op(revert.format("admin"))
    mine.op("<revert><config></config></revert>")
    assert still.candidate("tag") == []


def test_what_others_rest_on_cannot_be_reverted(still):
    mine, theirs = still.xapi(), still.xapi("ann", "word")
    tag(mine, "a")
    theirs.rename(entry("tag", "a"), "b")
    revert = (
        "<revert><config><partial><admin><member>admin</member></admin></partial></config></revert>"
    )
    with pytest.raises(PanXapiError, match="cannot be reverted"):
        mine.op(revert)
    assert still.candidate("tag") == ["b"]


def test_changes_are_listed_by_administrator_and_place(still):
    mine, theirs = still.xapi(), still.xapi("ann", "word")
    tag(mine, "a")
    theirs.set("/config/shared", "<tag><entry name='s'/></tag>")
    mine.op("<show><config><list><changes></changes></list></config></show>")
    found = [(n.findtext("owner"), n.findtext("component-type")) for n in mine.element_result[0]]
    assert found == [("admin", "vsys1"), ("ann", "shared")]
    assert mine.element_result[0][1].findtext("xpath") == "/config/shared/tag/entry[@name='s']"
    mine.op("<show><config><list><admins/></list></config></show>")
    assert [node.text for node in mine.element_result[0]] == ["admin", "ann"]
    mine.op("<show><config><list><change-summary/></list></config></show>")
    assert [node.get("name") for node in mine.element_result[0]] == ["vsys1", "shared"]
    with pytest.raises(PanXapiError, match="is unexpected"):
        mine.op("<show><config><diff/></config></show>")


def test_changes_of_a_list_are_listed_by_entry(still):
    api = still.xapi()
    api.set(VSYS, "<tag><entry name='a'/><entry name='b'/></tag><display-name>x</display-name>")
    api.delete(entry("tag", "a"))
    api.op("<show><config><list><changes></changes></list></config></show>")
    found = [(n.findtext("xpath"), n.findtext("action")) for n in api.element_result[0]]
    assert found == [
        (entry("tag", "a"), "SET"),
        (entry("tag", "b"), "SET"),
        (f"{VSYS}/display-name", "SET"),
        (entry("tag", "a"), "DELETE"),
    ]


def test_snapshots_and_versions_come_back(still):
    api = still.xapi()
    tag(api, "a")
    api.op("<save><config><to>one.xml</to></config></save>")
    api.commit("<commit><description>first</description></commit>")
    still.advance(5)
    api.delete(entry("tag", "a"))
    tag(api, "b")
    api.op("<load><config><from>one.xml</from></config></load>")
    assert still.candidate("tag") == ["a"]
    api.op("<show><config><audit><info></info></audit></config></show>")
    found = [(n.findtext("version"), n.findtext("description")) for n in api.element_result]
    assert found == [("2", "first"), ("1", "")]
    api.op("<load><config><version>1</version></config></load>")
    assert still.candidate("tag") == []
    api.commit(MINE)
    still.advance(5)
    assert still.running("tag") == []
    for missing in ("<from>two.xml</from>", "<version>9</version>"):
        with pytest.raises(PanXapiError, match="does not exist"):
            api.op(f"<load><config>{missing}</config></load>")


def test_a_load_can_be_reverted_around(still):
    mine, theirs = still.xapi(), still.xapi("ann", "word")
    theirs.op("<load><config><from>running-config.xml</from></config></load>")
    tag(mine, "a")
    mine.op(
        "<revert><config><partial><admin><member>admin</member></admin></partial></config></revert>"
    )
    assert still.candidate("tag") == []
    assert text(mine, "<check><pending-changes/></check>") == "yes"


def test_both_trees_are_printed_whole(still):
    api = still.xapi()
    tag(api, "a")
    api.op("<save><config><to>one.xml</to></config></save>")
    for which, count in [("<running/>", 0), ("<candidate/>", 1), ("<saved>one.xml</saved>", 1)]:
        api.op(f"<show><config>{which}</config></show>")
        assert api.element_result[0].tag == "config"
        assert len(api.element_result.findall(".//tag/entry")) == count


@pytest.mark.parametrize(
    ("user", "ask", "may"),
    [
        ("bot", lambda api: tag(api, "a"), True),
        ("bot", lambda api: api.commit("<commit/>"), False),
        ("bot", lambda api: api.op("<validate><full/></validate>"), False),
        ("eye", lambda api: api.get(VSYS), True),
        ("eye", lambda api: tag(api, "a"), False),
        ("eye", lambda api: api.op("<request><config-lock><add/></config-lock></request>"), False),
        ("eye", lambda api: api.log("traffic", interval=0.01), True),
        ("tag", lambda api: tag(api, "a"), False),
        ("tag", lambda api: api.user_id("<uid-message/>"), False),
        ("eye", lambda api: api.user_id("<uid-message/>"), False),
        ("ann", lambda api: api.commit(MINE), False),
    ],
)
def test_roles(still, user, ask, may):
    api = still.xapi(user, "word")
    if may:
        ask(api)
    else:
        with pytest.raises(PanXapiError):
            ask(api)
        assert api.status_code in ("15", "16", "17")
